"""`bundle save`: saves a model in the store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, BadParameter, Option

from ...runtime.errors import BundleError
from ..options.options import Json, Quiet, Trust
from ..options.pairs import pairs
from ..own_process import OwnProcess
from ..terminal.console import Console
from ..terminal.size import human
from ..terminal.streams import Results
from .item_json import to_json

if TYPE_CHECKING:
    from ...bundler.store import Item

Name = Annotated[str, Argument(metavar="NAME", help="Name in the store, or NAME:VERSION.")]
Source = Annotated[
    str,
    Argument(
        metavar="SOURCE",
        help="`module:attribute`; a file, directory or archive of a library or another tool; "
        "`hf://org/name@rev`; `models:/name@alias`.",
    ),
]
Sample = Annotated[
    Path | None,
    Option(
        "--sample",
        metavar="FILE",
        help="Example rows (json, csv, npy, npz): signature and recorded answers.",
    ),
]
Methods = Annotated[
    list[str] | None, Option("--method", metavar="NAME", help="Method to serve; repeatable.")
]
Labels = Annotated[
    list[str] | None, Option("--label", metavar="KEY=VALUE", help="Label; repeatable.")
]
Classes = Annotated[
    Path | None,
    Option(
        "--classes",
        metavar="FILE",
        help="Names of the classes in the answers: a JSON list, or a line each.",
    ),
]
BatchAxis = Annotated[
    list[str] | None,
    Option(
        "--batch-axis",
        metavar="N|NAME=N",
        help="Axis of the rows in an npy or npz sample (default 0), of all inputs or of one; "
        "repeatable.",
    ),
]
Metadata = Annotated[
    str | None, Option("--metadata", metavar="JSON|FILE", help="A JSON object to keep.")
]
Version = Annotated[
    str | None, Option("--version", metavar="VERSION", help="Version; default: from the content.")
]
Aliases = Annotated[
    list[str] | None,
    Option("--alias", metavar="NAME", help="`production`, `canary`, ...; repeatable."),
]


def save(
    name: Name,
    source: Source,
    sample: Sample = None,
    method: Methods = None,
    classes: Classes = None,
    batch_axis: BatchAxis = None,
    label: Labels = None,
    metadata: Metadata = None,
    version: Version = None,
    alias: Aliases = None,
    trust: Trust = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Save a model into the store.

    Examples:

      bundle save iris train:model --sample rows.csv

      bundle save churn model.ubj --label team=growth --alias canary

      bundle save net model.onnx --version 2.1

      bundle save iris mlruns/1/models/m-7f3a/artifacts
    """
    own = OwnProcess(source)
    own.enter()
    from ...bundler.saving import save_options, saving

    console = Console(json=json, quiet=quiet)
    options = saving.SaveOptions(
        sample_file=sample,
        methods=tuple(method or ()),
        classes=_classes(classes),
        labels=pairs(label or []),
        metadata=_metadata(metadata),
        version=version,
        aliases=tuple(alias or ()),
        trust=trust,
        batch_axis=_batch_axis(batch_axis or []),
    )
    name, options = save_options.named(name, options)
    Results.reserve()  # it is the author's program that is imported, and says what it likes
    try:
        item = saving.save_source(name, source, options, progress=console)
    except SystemExit as left:
        raise _left(source, left) from left
    own.done()
    _report(item, console)


def _left(source: str, left: SystemExit) -> BundleError:
    return BundleError(
        f"The program of `{source}` left (exit code {left.code}) before anything was saved.",
        hint="Look for what calls `exit` while it is imported or asked for a sample.",
    )


def _report(item: "Item", console: Console) -> None:
    from ...bundler.building.chosen_model import ChosenModel
    from ...bundler.store import Store

    manifest = ChosenModel.of(item.name, item, Store.default()).manifest
    verb = "serve" if manifest.methods else "show"
    text = f"Saved `{item.tag}` ({item.framework}, {human(item.size)})."
    console.result(to_json(item), text, next_command=f"bundle {verb} model:{item.tag}")


def _classes(path: Path | None) -> tuple[str | int | float | bool, ...]:
    from ...bundler.untrusted import strict_json

    if path is None:
        return ()
    try:
        data = _content(path)
        is_json = data.lstrip().startswith(b"[")
        listed = strict_json.loads(data) if is_json else data.decode().splitlines()
    except (OSError, ValueError) as error:
        raise BundleError(f"`--classes` cannot be read: {error}.") from error
    return tuple(each for each in listed if each != "")


def _content(path: Path) -> bytes:
    from ...bundler.untrusted import plain_file

    with path.open("rb") as file:
        return plain_file.read_stream(file)


def _batch_axis(said: list[str]) -> int | dict[str, int]:
    if len(said) == 1 and said[0].isdecimal():
        return int(said[0])
    named = pairs(said)
    for text in named.values():
        if not text.isdecimal():
            raise BadParameter(f"{text!r} is not the number of an axis, as in `1` or `x=1`.")
    return {name: int(text) for name, text in named.items()}


def _metadata(text: str | None) -> dict[str, object]:
    from ...bundler.untrusted import strict_json

    if text is None:
        return {}
    try:
        is_json = text.lstrip().startswith("{")
        data = strict_json.loads(text.encode() if is_json else _content(Path(text)))
    except (OSError, ValueError) as error:
        raise BundleError(f"`--metadata` cannot be read: {error}.") from error
    if not isinstance(data, dict):
        raise BundleError("`--metadata` is not a JSON object.")
    return data
