"""An author's class: what its annotations mean on the wire, and how its methods are called."""
