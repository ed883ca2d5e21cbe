"""`bundle schema`: the JSON Schema of the bundlefile, for editors."""

from json import loads

from ...options.options import Json, Quiet
from ...terminal.console import Console


def schema(json: Json = False, quiet: Quiet = False) -> None:
    """Print the JSON Schema of the bundlefile.

    Example:

      bundle schema > bundlefile.schema.json
    """
    from importlib.resources import files

    # It is JSON either way; `--json` puts it on one line, as every command does.
    text = (files("modelbundle") / "bundlefile.schema.json").read_text(encoding="utf-8")
    Console(json=json, quiet=quiet).result(loads(text), text.rstrip("\n"))
