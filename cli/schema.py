"""`bundle schema`: the JSON Schema of the bundlefile, for editors."""

from .console import Console
from .options import Json, Quiet


def schema(json: Json = False, quiet: Quiet = False) -> None:
    """Print the JSON Schema of the bundlefile.

    Example:

      bundle schema > bundlefile.schema.json
    """
    from importlib.resources import files

    # It is JSON either way; `--json` only promises what is already so.
    text = (files("modelbundle") / "bundlefile.schema.json").read_text(encoding="utf-8")
    Console(json=json, quiet=quiet).write(text.rstrip("\n"))
