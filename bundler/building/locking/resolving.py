"""Resolves the requirements of a project, for all its platforms at once."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ...errors import ResolveError
from ...progress import Progress
from ...requirements import base_image
from ...requirements.lock import author_pin
from ...requirements.lock.lock import UNPINNED, BaseImage, Lock
from ...requirements.lock.package import Package, merge
from ...requirements.resolving.backends import resolve_for
from ...requirements.wheels import collisions
from ...requirements.wheels.listing import listings
from . import hardware
from .lock_inputs import LockInputs

AT_ONCE = 4  # resolutions


def resolve(
    inputs: LockInputs, kept: Mapping[str, str], *, offline: bool, progress: Progress
) -> tuple[Lock, tuple[str, ...]]:
    """The lock for `inputs`, and warnings; versions of `kept` are kept if possible.

    Raises:
        ResolveError: when the requirements conflict, or the packages cannot be installed together.
    """
    _check_excludes(inputs)
    platforms = ", ".join(inputs.platforms)
    progress.step(f"Resolving requirements for {platforms}, Python {inputs.target.python}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda name: _one(inputs, kept, name, offline), inputs.platforms))
    for packages in found:
        author_pin.check(inputs.requirements.given, packages, inputs.accelerator)
    resolved = dict(zip(inputs.platforms, found, strict=True))
    warnings = [_checked(inputs, packages, offline=offline) for packages in found]
    warnings += [text for packages in found for one in packages for text in one.warnings]
    lock = Lock(
        input=inputs.digest,
        python=inputs.target.python,
        platforms=inputs.platforms,
        accelerator=inputs.accelerator,
        exclude_newer=inputs.target.exclude_newer,
        indexes=inputs.target.indexes,
        base=BaseImage(""),
        models={},
        packages=merge(resolved),
    )
    lock = replace(lock, base=BaseImage(inputs.base or hardware.derived(inputs, lock).base))
    doubts = tuple(dict.fromkeys(warning for warning in warnings if warning))
    return (lock if offline else pinned(lock, progress)), doubts


def _one(
    inputs: LockInputs, kept: Mapping[str, str], platform: str, offline: bool
) -> list[Package]:
    preferences = {**kept, **inputs.requirements.preferences}
    requirements = replace(inputs.requirements, preferences=preferences)
    target = replace(inputs.target, platform=platform, offline=offline)
    return resolve_for(inputs.accelerator, requirements, target)


def _checked(inputs: LockInputs, packages: list[Package], *, offline: bool) -> str:
    """Refuse wheels that overwrite each other."""
    listed = listings(packages, inputs.target.indexes, offline=offline)
    return collisions.check_lock(packages, listed)


def _check_excludes(inputs: LockInputs) -> None:
    for name in inputs.target.excludes:
        for wanted in inputs.requirements.wanted:
            if wanted.name == name:
                raise ResolveError(
                    f"`{name}` stands in `python.exclude_packages`, but {wanted} asks for it.",
                    hint="Only what other packages bring along can be left out.",
                )


def pinned(lock: Lock, progress: Progress) -> Lock:
    """The lock with the current digest of its base image, if a registry provides it."""
    reference = lock.base.reference
    progress.step(f"Looking up the digest of {reference}")
    found = base_image.find_digest(reference)
    return replace(lock, base=BaseImage(reference.partition("@")[0], found or UNPINNED))
