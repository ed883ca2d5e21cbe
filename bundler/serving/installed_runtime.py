"""Whether the installed runtime is byte for byte the one that a bundle carries.

Then it runs in the bundle's place where the environment is this one: the same lines, of which
Python has kept the bytecode. A bundle's own directory is not written to, so that its copy would be
compiled at every start.
"""

from collections.abc import Iterable

from ...runtime import digest
from ...runtime.manifests.file_entry import FileEntry
from ..building.contents import vendored_runtime

PLACE = "modelbundle/"


def is_carried(files: Iterable[FileEntry]) -> bool:
    """Whether a bundle with these files carries what is installed here: no more and no less."""
    carried = {entry.path: entry.digest for entry in files if entry.path.startswith(PLACE)}
    if not carried:
        return False
    return carried == {path: digest.of_bytes(content) for path, content in vendored_runtime.files()}
