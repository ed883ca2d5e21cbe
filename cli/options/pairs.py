"""Pairs: `KEY=VALUE` options."""

import typer


def pairs(texts: list[str]) -> dict[str, str]:
    """Read `KEY=VALUE` arguments; raises typer.BadParameter for one that is not."""
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE.")
        found[key] = value
    return found
