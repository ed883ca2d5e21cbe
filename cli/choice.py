"""Words that an option may take."""

from typing import get_args

import typer

from ..bundler.environment import Mode


def environment_mode(text: str) -> Mode:
    """Read `--env`.

    Raises:
        typer.BadParameter: for any other word.
    """
    for mode in get_args(Mode):
        if text == mode:
            return mode  # type: ignore[no-any-return]
    raise typer.BadParameter(
        f"{text!r} is not one of {', '.join(get_args(Mode))}.", param_hint="--env"
    )
