"""The hardware that a bundle needs: from its lock, unless the bundlefile says otherwise."""

from dataclasses import replace

from ...requirements.lock.lock import Lock
from ...requirements.resolving.accelerator import Accelerator, derive
from ...requirements.target import MACHINES
from .lock_inputs import LockInputs


def of_lock(inputs: LockInputs, lock: Lock) -> Accelerator:
    """The hardware in the lock, with the pinned base image."""
    return replace(derived(inputs, lock), base=lock.base.pinned)


def derived(inputs: LockInputs, lock: Lock) -> Accelerator:
    """The hardware for the packages of the first platform, overridden by the bundlefile."""
    platform = lock.platforms[0]
    found = derive(lock.on(platform), lock.python, inputs.flavor, MACHINES[platform])
    others = {
        MACHINES[other]: derive(lock.on(other), lock.python, inputs.flavor, MACHINES[other]).archs
        for other in lock.platforms
    }
    if set(others.values()) != {found.archs}:
        found = replace(found, archs_on=others)
    left = [
        f"{name} is left out, because `python.exclude_packages` says so."
        for name in inputs.target.excludes
    ]
    if inputs.base is None:
        return replace(found, why=(*found.why, *left))
    why = (*found.why, *left, f"The bundlefile names the base image `{inputs.base}`.")
    return replace(found, base=inputs.base, flavor="own", why=why)
