"""FromDirectory: base of adapters whose models are saved as a directory of their library."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InvalidModel
from .framework import Framework, Saved


class FromDirectory(Framework):
    """The methods that such adapters share.

    called   what a directory of theirs is called, at the beginning of a sentence
    """

    called: str

    def matches(self, model: object) -> bool:  # noqa: ARG002
        """Nothing: a loaded model is no longer the directory that it came from."""
        return False

    def reads(self, path: Path) -> str | None:  # noqa: ARG002
        """Nothing: such a model is no single file."""
        return None

    def save(self, model: Any, directory: Path, options: Mapping[str, Any]) -> Saved:  # noqa: ARG002
        """Refuse.

        Raises:
            InvalidModel: always; `matches` takes no live object.
        """
        raise InvalidModel(
            f"{self.called} is saved from its directory.", hint="Run `bundle save NAME DIRECTORY`."
        )
