"""ImagePlan: prints the layers that an image will have, and why it would need an engine."""

from typing import TYPE_CHECKING, Any

from ..terminal.console import Console
from ..terminal.size import human
from .item_json import to_json

if TYPE_CHECKING:
    from ...bundler.store import Item


def show(item: "Item", platform: str | None, console: Console) -> None:
    """Say the plan; nothing is made."""
    from ...bundler.image import explanation
    from ...bundler.store import Store

    found = explanation.of(item, Store.default(), platform)
    lines = [f"On {found['base']}, for {found['platform']}:", ""]
    lines += [_row(number, layer) for number, layer in enumerate(found["layers"], 1)]
    lines += ["", *found["why"]]
    console.result(to_json(item) | {"plan": found}, "\n".join(lines))


def _row(number: int, layer: dict[str, Any]) -> str:
    size = layer["size"]
    about = "" if layer["exact"] else "about "
    shown = "not known yet" if size is None else f"{about}{human(size)}"
    state = "; as in the last image" if layer["reused"] else ""
    return f"{number:>3}  {shown:>15}  {layer['name']}: {layer['why']}{state}"
