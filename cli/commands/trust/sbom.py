"""`bundle sbom`: what a bundle or a model consists of, for scanners and auditors."""

import json as jsonlib
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from ...options.completion import any_tags
from ...options.options import Json, Quiet
from ...terminal import output_file
from ...terminal.console import Console, unmoving
from ..item_json import to_json

Tag = Annotated[str, Argument(metavar="TAG", help="A bundle or a model.", autocompletion=any_tags)]
Format = Annotated[Literal["cyclonedx-json"], Option("--format", help="CycloneDX 1.6 as JSON.")]
Output = Annotated[
    Path | None, Option("--output", "-o", metavar="FILE", help="Write it there instead.")
]


def sbom(
    tag: Tag,
    format: Format = "cyclonedx-json",
    output: Output = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Print the bill of materials of a bundle or a model.

    That of a bundle is the one that was built into it: its packages are those of its lock.

    Examples:

      bundle sbom fraud > fraud.cdx.json

      bundle sbom model:iris -o iris.cdx.json
    """
    from ....bundler.building.contents import sbom as documents
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    store = Store.default()
    item = store.find(tag)
    text = documents.of_item(item, store).decode()
    if output is not None:
        output_file.write(output, text.encode())
    about = {"format": format, "file": str(output) if output else None}
    data = to_json(item) | about | {"sbom": jsonlib.loads(text)}
    if json:
        console.result(data)
    elif output is not None:
        console.result(data, f"Wrote the bill of materials of `{item.tag}` to `{output}`.")
    else:
        console.write(unmoving(text.replace("\r", "").rstrip("\n")))
