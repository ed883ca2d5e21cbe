"""Trust: which digests may execute code on this machine."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...runtime.digest import is_digest
from ..errors import InvalidTag
from .files import disk, record
from .files.layout import Layout
from .files.workspace import Workspace

BUILT_HERE = "built here from trusted models"
"""The reason of a bundle that is trusted because its models are."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A trusted digest, and the reason; None if unknown."""

    digest: str
    reason: str | None


class Trust:
    """The folder `trust/`: a file `<64 hex>` for each trusted digest, with the reason.

    `BUNDLE_TRUST` in the environment has further digests, separated by commas, for one process.
    """

    def __init__(self, directory: Path, layout: Layout, workspace: Workspace) -> None:
        self._directory = directory
        self._layout = layout
        self._workspace = workspace

    def is_trusted(self, digest: str) -> bool:
        """Whether the model or bundle with this digest is trusted on this machine."""
        return _hex(digest) in _named_in_environment() or self._path(digest).exists()

    @disk.store_errors("trust it")
    def grant(self, digest: str, reason: str) -> None:
        """Trust a digest; `reason`: who or what decided it."""
        self._layout.prepare()
        path = self._path(digest)
        data = record.encode({"digest": digest, "reason": reason})
        if not path.exists():
            with self._workspace.file(data) as temporary:
                temporary.replace(path)
        disk.sync_directory(self._directory)  # the process may have been killed before writing it

    @disk.store_errors("withdraw the trust")
    def revoke(self, digest: str) -> None:
        """Stop trusting a digest."""
        if disk.remove(self._path(digest)):
            disk.sync_directory(self._directory)

    @disk.store_errors("read what is trusted")
    def granted(self) -> list[Granted]:
        """All digests trusted on this machine, sorted, without those of `BUNDLE_TRUST`."""
        names = sorted(path.name for path in self._directory.glob("*"))
        digests = [f"sha256:{name}" for name in names]
        return [Granted(one, self._reason(one)) for one in digests if is_digest(one)]

    def _reason(self, digest: str) -> str | None:
        try:
            return str(record.load(self._path(digest))["reason"])
        except (OSError, ValueError, KeyError):
            return None

    def mend(self) -> None:
        """Rewrite damaged records, whose file names are the trusted digests."""
        for path in sorted(self._directory.glob("*")):
            try:
                record.load(path)
            except (OSError, ValueError):  # it may be on a sector that fails, too
                data = record.encode({"digest": f"sha256:{path.name}", "reason": "was lost"})
                with suppress(IsADirectoryError), self._workspace.file(data) as temporary:
                    temporary.replace(path)
                disk.sync_directory(self._directory)

    def _path(self, digest: str) -> Path:
        if not is_digest("sha256:" + _hex(digest)):
            raise InvalidTag(f"{digest!r} is not a digest.", hint="Write `sha256:` and 64 digits.")
        return self._directory / _hex(digest)


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _named_in_environment() -> set[str]:
    return {_hex(part.strip()) for part in os.environ.get("BUNDLE_TRUST", "").split(",")}
