"""Absent code: finds the author's own modules that a model imports only when it is called.

What a module imports at its top is found when the model is written, and travels with it. What a
function imports in its body is found nowhere before it runs: here it succeeds, on a server not.
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

    It is run without them, and then once more with them if it wanted one. What it raises is
    raised, unless that came of one that was kept from it.
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
    """Finds none of the author's modules, and remembers which was asked for first."""

    def __init__(self, own: set[str]) -> None:
        self._own = own
        self.asked: str | None = None

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  of the protocol
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """None for what others may find; raises for what is the author's own."""
        if name.partition(".")[0] not in self._own:
            return None
        self.asked = self.asked or name
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
