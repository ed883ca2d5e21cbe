"""`bundle export`: writes a model or a bundle to a file or a directory."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from ....bundler.tag import Kind
from ...options.completion import any_tags
from ...options.options import Json, ModelTag, Quiet
from ...terminal.console import Console
from ...terminal.size import human
from ...usage import WrongUsage
from ..item_json import to_json

if TYPE_CHECKING:
    from ....bundler.archives import Exported
    from ....bundler.store import Item

Tag = Annotated[str, Argument(metavar="TAG", help="A bundle or a model.", autocompletion=any_tags)]
Destination = Annotated[
    str | None,
    Argument(
        metavar="[DEST]",
        help="A .tar or .tar.zst, else a new directory; a URL; - for stdout; default: "
        "NAME-VERSION.tar here.",
    ),
]
Format = Annotated[
    Literal["tar", "tar.zst", "oci"] | None,
    Option("--format", help="Default: from the suffix of DEST."),
]
_STDOUT = "-"


def export(
    tag: Tag,
    dest: Destination = None,
    format: Format = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Export a bundle or a model, with all that it needs.

    Examples:

      bundle export fraud fraud.tar

      bundle export model:iris s3://models/iris.tar

      bundle export fraud - | ssh host bundle import -
    """
    _export(tag, None, dest, format, Console(json=json, quiet=quiet))


def export_model(
    model: ModelTag,
    dest: Destination = None,
    format: Format = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Export a model, with all that it needs.

    Example:

      bundle models export iris iris.tar
    """
    _export(model, "model", dest, format, Console(json=json, quiet=quiet))


def _export(
    tag: str, kind: Kind | None, dest: str | None, format: Format, console: Console
) -> None:
    from ....bundler.archives import export_item
    from ....bundler.store import Store

    if dest == _STDOUT:
        _check_stdout(console)
    store = Store.default()
    item = store.find(tag, kind)
    written = export_item(store, item, dest, format=format, progress=console)
    _say(item, written, console)


def _check_stdout(console: Console) -> None:
    if console.json:
        raise WrongUsage("The archive and `--json` both want stdout.", hint="Name a file.")
    if sys.stdout.isatty():
        raise WrongUsage(
            "An archive cannot be written to a terminal.", hint="Name a file, or pipe it."
        )


def _say(item: "Item", written: "Exported", console: Console) -> None:
    text = f"Exported `{item.tag}` ({human(written.content)}) to `{written.destination}`."
    if written.destination == _STDOUT:
        console.step(text)
        return
    data = {"destination": written.destination, "format": written.format}
    place = written.destination
    place = f"./{place}" if place.startswith("-") else place  # not an option
    command = f"bundle import {shlex.quote(place)}"
    console.result(to_json(item) | data, text, next_command=command)
