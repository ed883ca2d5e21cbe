"""A live model or a library's file becomes a model in the store."""
