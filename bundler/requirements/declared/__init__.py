"""What the author wrote of requirements, in files of their own.

requirements.txt, pyproject.toml with its `[tool.uv]`, uv.lock and pylock.toml: what each asks for
and pins, taken or refused, never lost.
"""
