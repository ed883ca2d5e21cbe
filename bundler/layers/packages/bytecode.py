"""Bytecode: compiles Python files once, so that a read-only container need not at each start.

Files that Python itself writes contain times, and references that vary between runs. Ours depend
only on the source, its path in the image and the exact version of the interpreter. That version is
part of a layer's key; with `--bytecode none`, layers depend on no interpreter.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

from ...errors import BuildError, ResolveError
from ...requirements.resolving import uv
from ...store import Store
from ...store.files import disk
from ...store.files.barrier import Barrier
from .. import layer_cache
from ..member import Member

Bytecode = Literal["auto", "none"]

TESTS = "tests"
"""The folder of a package's own tests: half of the sources of SciPy and pandas, and no server
imports them. What is not compiled is compiled when it is imported."""

_ASK = "import sys; print(sys.implementation.cache_tag, '.'.join(map(str, sys.version_info[:3])))"
_TIMEOUT = 20.0  # seconds for an interpreter to report its version
_WORKERS = 8
_REFUSED = re.compile(r"errno (\d+) (.*)")  # how the worker reports an error of the system


@dataclass(frozen=True, slots=True)
class Compiler:
    """An interpreter of the image's minor version.

    tag      what it puts into the names of compiled files, "cpython-311"
    version  exact, "3.11.7"
    """

    python: Path
    tag: str
    version: str

    @property
    def name(self) -> str:
        """What the bytes depend on, beside source and path."""
        return f"{self.tag}-{self.version}"

    @classmethod
    def find(cls, version: str, store: Store) -> "Compiler | None":
        """Find one for `version`, "3.11" or "3.11.9": this interpreter, else one known to uv."""
        minor = ".".join(version.split(".")[:2])
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        if here == minor and sys.implementation.name == "cpython":
            exact = ".".join(map(str, sys.version_info[:3]))
            return cls(Path(sys.executable), str(sys.implementation.cache_tag), exact)
        try:
            command = ["python", "find", minor, "--no-python-downloads"]
            return cls._of(Path(uv.run(command, cwd=store.root, offline=True).stdout.strip()))
        except ResolveError:
            return None

    @classmethod
    def _of(cls, python: Path) -> "Compiler | None":
        try:
            done = subprocess.run(
                [str(python), "-I", "-S", "-c", _ASK], capture_output=True, text=True,
                timeout=_TIMEOUT, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        words = done.stdout.split()
        return cls(python, *words) if done.returncode == 0 and len(words) == 2 else None  # noqa: PLR2004

    def place(self, path: str) -> str:
        """The path of the compiled file of a source."""
        folder, slash, name = path.rpartition("/")
        return f"{folder}{slash}__pycache__/{name.removesuffix('.py')}.{self.tag}.pyc"

    def run(self, jobs: Sequence[tuple[Path, str, Path]], work: Path) -> None:
        """Compile each (source, place in the image, target).

        Raises:
            BuildError: when the interpreter fails; a source that does not compile is passed over.
            StoreError: when what it makes cannot be written.
        """
        count = max(1, min(_WORKERS, os.cpu_count() or 1, len(jobs) // 50))
        parts = [jobs[number::count] for number in range(count)]
        with ExitStack() as stack, disk.store_errors("compile the packages"), disk.named(work):
            running = []
            for part in filter(None, parts):
                process = stack.enter_context(self._start(part, work))
                stack.callback(process.kill)  # ends all when one has failed
                running.append(process)
            for process in running:
                message = process.communicate()[1].strip()
                if process.returncode:
                    raise self._failure(process.returncode, message)

    def _failure(self, code: int, message: str) -> Exception:
        if refused := _REFUSED.fullmatch(message):
            number = int(refused[1])
            return OSError(number, os.strerror(number), refused[2])
        end = f"signal {-code} ended it" if code < 0 else message.rpartition("\n")[2][-300:]
        return BuildError(f"`{self.python}` cannot compile: {end}.")

    def _start(self, jobs: Iterable[tuple[Path, str, Path]], work: Path) -> subprocess.Popen[str]:
        script = resources.files(__package__).joinpath("bytecode_worker.py").read_text("utf-8")
        lines = [f"{source}\t/{place}\t{target}\n" for source, place, target in jobs]
        with TemporaryFile("w+", dir=work, encoding="utf-8") as listed:  # no pipe: none waits
            listed.writelines(lines)
            listed.seek(0)
            return subprocess.Popen(
                [str(self.python), "-S", "-s", "-B", "-W", "ignore", "-c", script],
                cwd=work, stdin=listed, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True, encoding="utf-8", env=_variables(),
            )  # fmt: skip

    def members(self, sources: Sequence[Member], store: Store) -> list[Member]:
        """The compiled files of members with known digests, each compiled only once."""
        chosen = [m for m in sources if m.path.endswith(".py") and isinstance(m.content, Path)]
        targets = {member.path: self._kept(member, store) for member in chosen}
        new = [member for member in chosen if not targets[member.path].exists()]
        if new:
            with store.staging() as work:
                self._keep(new, targets, work)
        made = [(self.place(path), target) for path, target in targets.items() if target.exists()]
        return [Member(path, target, target.stat().st_size) for path, target in made]

    def _keep(self, sources: Sequence[Member], targets: Mapping[str, Path], work: Path) -> None:
        """Compile to a temporary directory, sync, then rename: files in place are complete."""
        made = {member.path: work / str(number) for number, member in enumerate(sources)}
        with Barrier(work) as barrier:
            self.run([(Path(str(m.content)), m.path, made[m.path]) for m in sources], work)
            there = {path: place for path, place in made.items() if place.exists()}
            barrier.sync(list(there.values()))
        for path, place in there.items():
            disk.make_directories(targets[path].parent)
            place.replace(targets[path])

    def _kept(self, member: Member, store: Store) -> Path:
        key = layer_cache.source_key(member.path, member.digest)
        folder = store.root / "layers" / layer_cache.BYTECODE / self.name
        return folder / key.removeprefix("sha256:")


def _variables() -> dict[str, str]:
    """A minimal environment with a fixed hash seed; LD_LIBRARY_PATH may lead to libpython."""
    libraries = os.environ.get("LD_LIBRARY_PATH")
    known = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    return known | ({"LD_LIBRARY_PATH": libraries} if libraries else {})
