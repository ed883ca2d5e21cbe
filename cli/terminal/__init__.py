"""What a person sees: text, tables, pictures of a distribution, files."""
