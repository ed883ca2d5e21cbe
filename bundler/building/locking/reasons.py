"""Reasons for the contents of a lock, one sentence each: the output of `bundle build --explain`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ....runtime.first_few import first_few
from ...requirements.lock.lock import Lock
from .lock_inputs import LockInputs

if TYPE_CHECKING:
    from ...project.bundlefile import Bundlefile

SHOWN = 4  # names in a sentence


def of_lock(
    inputs: LockInputs, lock: Lock, bundlefile: "Bundlefile", *, is_kept: bool
) -> Iterator[str]:
    """The reasons that are not about hardware."""
    if is_kept:
        yield f"`{bundlefile.python.lock}` is kept: all that it depends on is the same."
    else:
        yield f"`{bundlefile.python.lock}` is made anew: what it depends on is not what it was."
    why = "the bundlefile says so" if bundlefile.python.version else "the models were saved with it"
    yield f"Python {lock.python}: {why}."
    for platform in lock.platforms:
        found = lock.on(platform)
        own = [package.name for package in found if package.platforms]
        more = f", of which {first_few(own, SHOWN)} for it alone" if own else ""
        yield f"{len(found)} packages for {platform}{more}."
    yield from _sources(inputs, lock)
    if inputs.target.exclude_newer:
        yield f"Nothing is newer than {inputs.target.exclude_newer}: `python.exclude_newer`."
    others = [name for name in bundlefile.accelerators if name != lock.accelerator]
    if others:
        yield f"The lock holds {first_few(others, SHOWN)}, too: `bundle build --accelerator`."


def _sources(inputs: LockInputs, lock: Lock) -> Iterator[str]:
    given = inputs.requirements.given
    kept = [package.name for package in lock.packages if package.name in given]
    if kept:
        yield f"{len(kept)} packages are as `{given[kept[0]].origin}` pins them, file by file."
    for index in lock.indexes:
        if index.packages:
            listed = first_few(index.packages, SHOWN)
            yield f"{listed}: from the index `{index.name}` ({index.url}) and nowhere else."
        else:
            yield f"The index {index.url} is asked first."
    for package in lock.packages:
        if package.index:
            yield f"{package.name} {package.version} is only on {package.index}."
        if package.folder:
            yield f"{package.name} {package.version} is a wheel out of `{package.folder}/`."
    if lock.compiled:
        sources = first_few(lock.compiled, SHOWN)
        yield f"Not hermetic: {sources} is built from source when installed."
