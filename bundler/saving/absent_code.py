"""Absent code: finds the author's own modules that a model imports only when it is called.

Imports at the top of a module are found when the model is saved, and are saved with it. An import
inside a function is only seen when the function runs: it succeeds here, and fails on a server.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

from ...runtime.frameworks.carried_code import plain
from ...runtime.pickles.pickling import is_local


def asked_for(run: Callable[[], None]) -> str | None:
    """The first of the author's own modules that `run` imports, or None.

    `run` is called while these modules cannot be imported, and once more normally if it tried to.
    Its exceptions are raised, unless a hidden module may have caused them.
    """
    with _absent() as finder:
        try:
            run()
        except Exception:
            if finder.asked is None:
                raise
    if finder.asked is not None:
        run()
    return finder.asked


@contextmanager
def _absent() -> Iterator["_Nowhere"]:
    """Run as in a process without the author's modules."""
    tops = {name.partition(".")[0] for name in sys.modules}
    own = {top for top in tops if plain(top)[0] is None and is_local(top)}
    names = [name for name in sys.modules if name.partition(".")[0] in own]
    kept = {name: sys.modules.pop(name) for name in names}
    finder = _Nowhere(own)
    sys.meta_path.insert(0, finder)
    try:
        yield finder
    finally:
        sys.meta_path.remove(finder)
        sys.modules.update(kept)


class _Nowhere:
    """Hides the author's modules, and remembers the first that was imported."""

    def __init__(self, own: set[str]) -> None:
        self._own = own
        self.asked: str | None = None

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  of the protocol
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Raise for the author's own modules; None leaves others to the next finder."""
        if name.partition(".")[0] not in self._own:
            return None
        self.asked = self.asked or name
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
