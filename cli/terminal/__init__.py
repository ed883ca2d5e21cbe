"""Terminal output: text, tables, charts, files."""
