"""Answered: prints a server's answer, or writes it to a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ....runtime.data.codecs.multipart import type_of
from ....runtime.data.media import essence
from ....runtime.errors import BundleError
from ...terminal import output_file
from ...terminal.console import Console
from .request import Answer


def accepting(output: Path | None) -> dict[str, str]:
    """What to ask for: what the name of the file says."""
    kind = type_of(output.name) if output else ""
    return {"accept": f"{kind}, */*;q=0.1"} if kind else {}


def write(answer: Answer, output: Path, console: Console, item: Mapping[str, Any]) -> None:
    """The answer into a file, whole or not at all; what it is, where the name says otherwise."""
    output_file.write(output, answer.content)
    kind, wanted = essence(answer.content_type), type_of(output.name)
    if wanted and wanted != kind:
        console.warning(f"The answer is {kind}, which `{output}` does not say.")
    size = len(answer.content)
    facts = {"output": str(output), "content_type": kind, "bytes": size}
    console.result({**item, **facts}, f"Wrote {size} bytes of {kind} to `{output}`.")


def say(answer: Answer, console: Console, item: Mapping[str, Any]) -> None:
    """Print the answer: what is no text goes to stdout as it is.

    With `--json`, `item` comes first: the tag and the digest that answered, where there are some.
    """
    try:
        value: Any = answer.value()
    except ValueError:
        if console.json:
            raise BundleError(
                f"The answer is {answer.content_type or 'bytes'}, which `--json` cannot hold.",
                hint="Leave `--json` out, and send stdout to a file.",
            ) from None
        console.write_bytes(answer.content)
        return
    text = answer.content.decode().rstrip("\n")
    fields = value if isinstance(value, dict) else {"answer": value}
    console.result({**item, **fields}, text)
