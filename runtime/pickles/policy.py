"""Policy: what a pickle may import, checked before and while it is loaded.

A pickle is only loaded if its digest is trusted; the policy restricts what a trusted one may do.
"""

import pickle
import sys
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import IO, Any, Literal, NoReturn, Self

from ..errors import NotTrusted
from ..first_few import first_few
from . import package_content
from .buffers import mapped
from .global_use import Use
from .safe_globals import ARRAY, SAFE
from .scanning import Scan, scan
from .stack_values import UNTOLD

Mode = Literal["deny", "allow-listed", "allow"]

_LISTED = 20  # names in a hint
_READERS = frozenset({"joblib.numpy_pickle", "pickle", "torch.serialization"})
_OURS = __name__.rpartition(".pickles.")[0] + "."
_STORAGE = "Storage"  # torch knows these itself, and asks for none
_UNFORESEEN: tuple[Literal["call", "state", "fill"], ...] = ("call", "state", "fill")
_DOES = {
    "call": "calls",
    "new": "makes a",
    "result": "calls what it got from",
    "change": "changes, or what it got from it,",
    "given": "has something call",
    "asked": "has something run methods of what it got from",
    "shaped": "has something run methods of what it got from",
    "state": "sets the state of an object of",
    "part": "puts objects into the state of an object of",
    "inside": "puts objects into the state of an object of",
    "slot": "sets attributes of an object of",
    "fill": "puts elements into an object of",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What a trusted pickle may import and call.

    `allowed` has entries "module.name", or "package.*" for the package's own globals (see
    `package_content`). It matters only in the mode "allow-listed". `SAFE` globals are always
    allowed.
    """

    mode: Mode = "allow"
    allowed: frozenset[str] = frozenset()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the `security` section of a bundle's manifest."""
        return cls(data.get("pickle", "allow"), frozenset(data.get("allow_globals", ())))

    def check(self, path: Path, formats: Collection[str] = ()) -> Scan | None:
        """Analyse the whole file before any of it runs.

        `formats` are those that the file's reader knows, None for all. Returns the result of the
        analysis; None in the mode "allow".

        Raises:
            NotTrusted: when the policy does not let it be loaded.
        """
        if self.mode == "allow":
            return None
        if self.mode == "deny":
            raise NotTrusted(
                f"`{path.name}` is a pickle, and the policy is `deny`.",
                hint="Set `security.pickle` to `allow-listed` or `allow` in the bundlefile.",
            )
        seen = scan(path)
        if not seen.complete or (formats and seen.format not in formats):
            raise NotTrusted(f"`{path.name}` is not a pickle that can be read to its end.")
        if refused := [name for name in seen.globals if not self._may_be_found(name)]:
            self._refuse(*refused)  # all that is not allowed, before any of it is imported
        self._check_uses(seen.uses)
        return seen

    @contextmanager
    def narrowing(self, path: Path, *formats: str) -> Iterator[None]:
        """While the block runs, restrict the globals that any unpickler in this thread finds.

        The file is analysed first. Each global is checked again when it is looked up, because an
        analysis that does not run the pickle may overlook one.

        Raises:
            NotTrusted: when the policy does not let it be loaded.
        """
        seen = self.check(path, formats)
        if self.mode == "allow":
            yield
            return
        _watch()
        home = sys._getframe(2)  # this one's caller is contextlib  # noqa: SLF001
        token = _narrowed.set(_Narrowed(self, home, seen.order if seen else ()))
        try:
            yield
        finally:
            _narrowed.reset(token)

    def load(
        self,
        path: Path,
        beside: Path | None = None,
        sizes: Sequence[int] = (),
        kind: type[pickle.Unpickler] = pickle.Unpickler,
    ) -> Any:
        """Unpickle a plain pickle, and map the large arrays that `dump` wrote to `beside`.

        Raises:
            NotTrusted: when the policy does not let it be loaded.
        """
        found = mapped(beside, sizes) if beside else []
        return self.unpickle(path, lambda file: kind(file, buffers=found))

    def unpickle(self, path: Path, kind: Callable[[IO[bytes]], pickle.Unpickler]) -> Any:
        """Unpickle with an instance of `Unpickler`, whose own methods still apply."""
        with self.narrowing(path, "pickle"), path.open("rb") as file:
            return kind(file).load()

    def check_names(self, names: Iterable[str], uses: Iterable[Use]) -> None:
        """Check the types that a file of another format names and calls.

        Raises:
            NotTrusted: naming the first one that is not allowed.
        """
        if self.mode == "allow-listed":
            for name in names:
                module, _, attribute = name.rpartition(".")
                self.check_found(module, attribute)
            self._check_uses(uses)

    def check_found(self, module: str, name: str) -> None:
        """Check a global that is looked up: its name, and the package that really defines it.

        Raises:
            NotTrusted: when it is not allowed.
        """
        module, name = _renamed(module, name)
        if not self._may_be_found(f"{module}.{name}"):
            self._refuse(f"{module}.{name}")
        if self._is_named(f"{module}.{name}"):
            return
        owner = package_content.owner(module, name)
        if owner is None:
            return
        if package_content.is_aside(owner) or not _packages(owner) & self.allowed:
            self._refuse(f"{module}.{name}")

    def check_unforeseen(self, module: str, name: str) -> None:
        """Check a global that the analysis has not seen, from a nested pickle for example.

        Raises:
            NotTrusted: unless it is allowed by its full name, or is one of `SAFE`.
        """
        module, name = _renamed(module, name)
        if self._is_named(f"{module}.{name}"):
            return
        for how in _UNFORESEEN:
            if not package_content.may_be_used(Use(how, module, name)):
                self._refuse(f"{module}.{name}")

    def _may_be_found(self, name: str) -> bool:
        if self._is_named(name):
            return True
        module = name.rpartition(".")[0]
        return not package_content.is_aside(module) and bool(_packages(module) & self.allowed)

    def _check_uses(self, uses: Iterable[Use]) -> None:
        """Check calls of globals that are only allowed by `package.*`."""
        refused: dict[str, str] = {}
        for use in sorted(uses, key=str):
            name = f"{use.module}.{use.name}"
            if not self.allowed.isdisjoint({name, _to(use)}):
                continue
            is_made = use.how in {"call", "new"} and name in SAFE and name != ARRAY
            if not is_made and not package_content.may_be_used(use):
                is_known = use.module != UNTOLD or not use.to
                does = f"{_DOES[use.how]} `{name}`"
                deed = does if is_known else f"hands objects to `{_to(use)}`"
                refused.setdefault(name if is_known else _to(use), deed)
        if refused:
            deed = next(iter(refused.values()))
            raise NotTrusted(
                f"The pickle {deed}, and a `*` does not allow that.", hint=_hint([*refused])
            )

    def _is_named(self, name: str) -> bool:
        return name in self.allowed or name in SAFE

    def _refuse(self, *names: str) -> NoReturn:
        raise NotTrusted(
            f"The pickle asks for `{names[0]}`, which the policy does not allow.", hint=_hint(names)
        )


def _to(use: Use) -> str:
    return use.to.replace(":", ".")


def _hint(names: Sequence[str]) -> str:
    """A hint that lists all globals that must be allowed, not only the first."""
    them = "it" if len(names) == 1 else "them"
    shown = first_few(names, _LISTED, "`")
    return f"Add {shown} to `security.allow_globals` if you know {them}."


@dataclass(slots=True)
class _Narrowed:
    """A policy in force: the frame that loads a file, and the globals expected in order."""

    policy: Policy
    home: FrameType
    order: Sequence[str]
    place: int = 0

    def hear(self, module: str, name: str) -> None:
        """Check a global that is about to be looked up.

        Raises:
            NotTrusted: when it is not allowed, or unexpected and only allowed by `package.*`.
        """
        self.policy.check_found(module, name)
        found = ".".join(_renamed(module, name))
        while self._next != found and self._next.endswith(_STORAGE):
            self.place += 1
        if self._next == found and not self._is_within():
            self.place += 1
        else:
            self.policy.check_unforeseen(module, name)

    def _is_within(self) -> bool:
        """Whether the lookup comes from a nested unpickling, not from the file itself."""
        frame: FrameType | None = sys._getframe(3)  # noqa: SLF001
        while frame is not None and frame is not self.home:
            module = frame.f_globals.get("__name__", "")
            if module not in _READERS and not module.startswith(_OURS):
                return True
            frame = frame.f_back
        return False

    @property
    def _next(self) -> str:
        return self.order[self.place] if self.place < len(self.order) else ""


_narrowed: ContextVar[_Narrowed | None] = ContextVar("narrowed", default=None)


@cache
def _watch() -> None:
    """Install the audit hook for `pickle.find_class`, which joblib's and torch's unpicklers use."""
    sys.addaudithook(_heard)


def _heard(event: str, details: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and (narrowed := _narrowed.get()) is not None:
        narrowed.hear(*details)


def _renamed(module: str, name: str) -> tuple[str, str]:
    """The Python 3 name of a global, given by that or by its Python 2 name."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[module, name]
    return IMPORT_MAPPING.get(module, module), name


def _packages(module: str) -> set[str]:
    """The patterns that allow what is in `module`: "a.*" and "a.b.*" for "a.b"."""
    parts = module.split(".")
    return {".".join((*parts[:depth], "*")) for depth in range(1, len(parts) + 1)}
