"""Failed: a command worked, and its finding is a failure."""

from collections.abc import Mapping
from typing import Any

from ...runtime.errors import BundleError


class Failed(BundleError):
    """The answers differ, bytes are damaged, the machine lacks something; `data` is the finding."""

    def __init__(
        self, message: str, data: Mapping[str, Any], *, hint: str | None = None, exit_code: int = 1
    ) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code
        self._data = data

    def details(self) -> Mapping[str, Any]:
        """The finding, for `--json`."""
        return self._data
