"""What a person at the terminal did or has, as errors with the exit code of the contract.

BundleError (runtime.errors)   exit 1
├── NotFound                   no such model or bundle; the hint names the nearest
├── InvalidTag                 exit 2: not a name, a version or a digest
├── InvalidSource              SOURCE of `bundle save` cannot be imported or recognised
├── UnsupportedModel           no adapter takes this object
├── Unpicklable                names the attribute that failed
├── SampleMismatch             the model cannot be called with the sample, or answers otherwise
├── BundlefileError            exit 3: a list of problems, each with its place
├── ResolveError               exit 4: unsatisfiable, unreachable or colliding requirements
├── Refused                    exit 5: policy says no (existing version with other content, trust)
│   └── InvalidSignature       a signature is missing, somebody else's, or of something else
├── InvalidKey                 exit 2: a file that should hold a key or a certificate does not
├── Damaged                    exit 6: stored bytes differ from their digest
├── InvalidArchive             exit 6: an archive is not one of ours, or not as it was written
│   └── NotAnArchive           exit 1: it is something else
├── InvalidDestination         exit 2: nobody can tell what is to be written there
├── MissingLibrary             an optional library is not installed; the hint installs it
├── StoreError                 the disk or the permissions say no; names the path
├── BuildError                 the project cannot become a bundle
│   └── InvalidChoice          exit 2: no bundle can be for that platform or accelerator
├── RegistryError              a registry cannot be reached, says no, or breaks off
├── EngineUnavailable          exit 7: no container engine answers
└── ImageFailed                the engine's build, push or run failed; carries the last log lines
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ..runtime.errors import BundleError

_Kind = Literal["model", "bundle"]
_ADDRESS = re.compile(r"(localhost|[\w-]+(\.[\w-]+)+):\d{2,5}")  # of a server, without `http://`
_CLASS = re.compile(r"(?P<module>[a-z_]\w*):[A-Z]\w*")  # as the commands that serve take it


class NotFound(BundleError):
    """No model or bundle has that tag.

    near    the tag that it resembles most
    other   `model` or `bundle`, where one of the other kind has this very name
    """

    def __init__(
        self, what: str, tag: str, near: str | None = None, other: _Kind | None = None
    ) -> None:
        super().__init__(f"No {what} is tagged `{tag}`.", hint=_instead(what, tag, near, other))
        self.other = other


def _instead(what: str, tag: str, near: str | None, other: _Kind | None) -> str:
    """What was meant, as far as can be told; else what makes it or shows the others."""
    name = re.split("[:@]", tag)[0]
    if other == "model":
        return (
            f"`{name}` is a saved model; make a bundle of it with "
            f"`bundle init --name {name} --model {name}`, then `bundle build`."
        )
    if other == "bundle":
        return f"`{name}` is a bundle; see it with `bundle show {name}`."
    if near:
        return f"Did you mean `{near}`?"
    if what == "model":
        return f"Save it with `bundle save {name} SOURCE`; `bundle models list` shows the others."
    both = "" if what == "bundle" else " and `bundle models list`"
    return _form(tag) or f"See `bundle list`{both}."


def _form(tag: str) -> str | None:
    """What has the form of something else that serves."""
    if _ADDRESS.fullmatch(tag):
        return f"Did you mean `http://{tag}`?"
    if found := _CLASS.fullmatch(tag):
        return f"To serve a class, run the command in the directory of `{found['module']}.py`."
    return None


class InvalidTag(BundleError):
    """The text is not a tag."""

    exit_code = 2


class InvalidSource(BundleError):
    """What to save cannot be imported, read or recognised."""


class UnsupportedModel(BundleError):
    """No adapter takes this object."""


class Unpicklable(BundleError):
    """The object cannot be pickled; the message names the attribute that failed."""


class SampleMismatch(BundleError):
    """The model cannot be called with the sample, or it answers otherwise than recorded."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: where, what, and what would be right. Line 0 is all of it."""

    file: str
    line: int
    column: int
    where: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        subject = f"{self.where}: " if self.where else ""
        return f"{place}: {subject}{self.message}"

    @property
    def text(self) -> str:
        """The problem with its hint, on one line."""
        return f"{self} {self.hint}" if self.hint else str(self)


class BundlefileError(BundleError):
    """The bundlefile is wrong; every problem at once."""

    exit_code = 3

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        if len(problems) == 1:
            super().__init__(str(problems[0]), hint=problems[0].hint)
        else:  # each hint stands with its problem: apart, nobody would know whose it is
            super().__init__("\n".join(problem.text for problem in problems))

    def details(self) -> Mapping[str, Any]:
        """Every problem with its place."""
        return {"problems": [asdict(problem) for problem in self.problems]}


class ResolveError(BundleError):
    """Requirements cannot be satisfied, reached or installed beside each other."""

    exit_code = 4


class Refused(BundleError):
    """A policy says no."""

    exit_code = 5


class InvalidSignature(Refused):
    """A signature is missing, somebody else's, or of something else."""


class InvalidKey(BundleError):
    """A file that should hold a key or a certificate does not."""

    exit_code = 2


class Damaged(BundleError):
    """Stored bytes differ from their digest."""

    exit_code = 6


class InvalidArchive(BundleError):
    """An archive is not one of ours, or not as it was written; nothing of it was taken."""

    exit_code = 6


class NotAnArchive(InvalidArchive):
    """Something else was named where an archive is to be: nothing is damaged."""

    exit_code = 1


class InvalidDestination(BundleError):
    """Nobody can tell what is to be written there, or it is in the way."""

    exit_code = 2


class MissingLibrary(BundleError):
    """`what` needs a library that not everybody wants."""

    def __init__(self, what: str, library: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package `{library}`, which is not installed here.",
            hint=f"Install it with `pip install 'modelbundle[{extra}]'`.",
        )


class StoreError(BundleError):
    """The disk or the permissions say no; the message names the path."""


class BuildError(BundleError):
    """The project cannot become a bundle."""


class InvalidChoice(BuildError):
    """No bundle can be for that platform or accelerator."""

    exit_code = 2


class RegistryError(BundleError):
    """A registry or a shared directory cannot be reached, says no, or answers nonsense."""


class EngineUnavailable(BundleError):
    """No container engine answers."""

    exit_code = 7


class ImageFailed(BundleError):
    """The engine failed to build, push or run; the message carries its last lines."""
