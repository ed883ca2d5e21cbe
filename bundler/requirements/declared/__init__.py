"""Reads the author's requirements.txt, pyproject.toml, uv.lock and pylock.toml."""
