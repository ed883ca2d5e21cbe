"""Tags and aliases: one small file each; writing it is the commit."""
