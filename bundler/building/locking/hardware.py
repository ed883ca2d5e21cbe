"""What a lock says of the hardware, under what the bundlefile says."""

from dataclasses import replace

from ...requirements.lock.lock import Lock
from ...requirements.resolving.accelerator import Accelerator, derive
from ...requirements.target import MACHINES
from .asked import Asked


def of_lock(asked: Asked, lock: Lock) -> Accelerator:
    """What the lock says of the hardware, with the base image as it is pinned."""
    return replace(derived(asked, lock), base=lock.base.pinned)


def derived(asked: Asked, lock: Lock) -> Accelerator:
    """What the packages of the first platform say, and what the bundlefile says over them."""
    platform = lock.platforms[0]
    found = derive(lock.on(platform), lock.python, asked.flavor, MACHINES[platform])
    others = {
        MACHINES[other]: derive(lock.on(other), lock.python, asked.flavor, MACHINES[other]).archs
        for other in lock.platforms
    }
    if set(others.values()) != {found.archs}:
        found = replace(found, archs_on=others)
    left = [
        f"{name} is left out, because `python.exclude_packages` says so."
        for name in asked.target.excludes
    ]
    if asked.base is None:
        return replace(found, why=(*found.why, *left))
    why = (*found.why, *left, f"The bundlefile names the base image `{asked.base}`.")
    return replace(found, base=asked.base, flavor="own", why=why)
