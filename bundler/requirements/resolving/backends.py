"""Resolve for a kind of hardware: torch's CPU or CUDA build, and no GPU wheels on a CPU."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from ...errors import ResolveError
from .. import builds
from ..lock.package import Package
from ..requirements import Requirement, Requirements
from ..target import TORCH_INDEX, Target
from .accelerator import cuda_version
from .resolution import resolve

_RUNTIME = re.compile(r"nvidia-cuda-runtime(-cu\d+)?")
_CUDA = re.compile(r"cuda==(\d+)\.(\d+)")
_SHOWN = 4  # builds in a hint


def resolve_for(accelerator: str, requirements: Requirements, target: Target) -> list[Package]:
    """The packages for `accelerator`: "auto", "cpu", "cuda" or "cuda==13.0".

    Raises:
        ResolveError: when the requirements cannot be had for it.
    """
    requirements = requirements.fitted(accelerator)
    plain = resolve(requirements, target)
    if accelerator == "cpu":
        return _without_gpu(plain, requirements, target)
    if accelerator != "auto" and _torch_local(plain) == "cpu":
        plain = _past_cpu(plain, requirements, target)
    if exact := _CUDA.fullmatch(accelerator):
        return _with_cuda(f"{exact[1]}.{exact[2]}", plain, requirements, target)
    # xgboost's GPU library alone makes no CUDA bundle of a torch that cannot use it.
    is_without = cuda_version(plain)[0] is None or _torch_local(plain) == "cpu"
    if accelerator == "cuda" and is_without:
        raise ResolveError(
            f"`accelerator: cuda` is asked for, but {_torch_or_none(plain)}.",
            hint=_without_cuda(plain),
        )
    return plain


def _past_cpu(
    plain: Sequence[Package], requirements: Requirements, target: Target
) -> list[Package]:
    """Without a CPU build of torch, which a folder of wheels has and every resolver prefers."""
    version = next(package.version for package in plain if package.name == "torch")
    limit = Requirement(f"torch!={version}", "the accelerator")
    try:
        limited = replace(requirements, limits=(*requirements.limits, limit))
        return resolve(limited, target)
    except ResolveError:
        return list(plain)  # there is no other, and that is told


def _without_cuda(packages: Sequence[Package]) -> str:
    if any(package.name == "tensorflow" for package in packages):
        return "Its wheel has no CUDA libraries; add `tensorflow[and-cuda]` to the requirements."
    if _torch_local(packages) is None:
        return "Leave `accelerator` out, or add what uses a GPU to `python.requirements`."
    return "Name the version, e.g. `accelerator: cuda==13.0`, or use `accelerator: auto`."


def _torch_or_none(packages: Sequence[Package]) -> str:
    versions = [package.version for package in packages if package.name == "torch"]
    if not versions:
        return "no locked package uses CUDA"
    return f"torch resolves to {versions[0]}, which has no CUDA"


def _without_gpu(
    plain: Sequence[Package], requirements: Requirements, target: Target
) -> list[Package]:
    backend = "cpu" if _torch_local(plain) not in {None, "cpu"} else None
    gpu = tuple(sorted(package.name for package in plain if builds.is_for_gpus(package.name)))
    if not gpu and backend is None:
        return list(plain)
    lean = replace(target, backend=backend, excludes=(*target.excludes, *gpu))
    return _from_torch_index(requirements, lean) if backend else resolve(requirements, lean)


def _with_cuda(
    cuda: str, plain: Sequence[Package], requirements: Requirements, target: Target
) -> list[Package]:
    have = cuda_version(plain)[0]
    if have == cuda:
        return list(plain)
    if _torch_local(plain) is None:
        if have == cuda.partition(".")[0]:
            return list(plain)
        if found := _with_runtime(cuda, plain, requirements, target):
            return found
        raise ResolveError(
            f"`accelerator: cuda=={cuda}` is asked for, but {_torch_or_none(plain)}"
            + (f"; what is locked brings CUDA {have}." if have else "."),
            hint="Use `accelerator: auto`, or choose packages that are built for this CUDA.",
        )
    return _from_torch_index(requirements, replace(target, backend="cu" + cuda.replace(".", "")))


def _with_runtime(
    cuda: str, plain: Sequence[Package], requirements: Requirements, target: Target
) -> list[Package]:
    """With an older minor of the runtime that packages bring, if it is of that major."""
    for package in plain:
        major = package.version.partition(".")[0]
        if _RUNTIME.fullmatch(package.name) and major == cuda.partition(".")[0]:
            limit = Requirement(f"{package.name}=={cuda}.*", "the accelerator")
            with suppress(ResolveError):
                return resolve(replace(requirements, limits=(*requirements.limits, limit)), target)
    return []


def _torch_local(packages: Sequence[Package]) -> str | None:
    """Local part of torch's version, "" where it has none, None without torch."""
    for package in packages:
        if package.name == "torch":
            return package.version.partition("+")[2]
    return None


def _from_torch_index(requirements: Requirements, target: Target) -> list[Package]:
    index = f"{TORCH_INDEX}{target.backend}"
    try:
        return resolve(requirements, target)
    except ResolveError as error:
        if "for '--torch-backend" in str(error):
            raise _unknown_build(target, str(error)) from error
        if "cannot be reached" not in str(error) and "Offline" not in str(error):
            raise
        raise ResolveError(
            f"The `{target.backend}` build of torch is only on {index}, which cannot be reached.",
            hint="Check the network, or put the wheel into a folder and name it under "
            "`python.find_links` (or in `UV_FIND_LINKS`).",
        ) from error


def _unknown_build(target: Target, message: str) -> ResolveError:
    """uv, which knows the builds of torch, has none for this CUDA."""
    names = re.findall(r"\bcu(\d{2,3})\b", message.partition("possible values")[2])
    known = sorted((int(name[:-1]), int(name[-1])) for name in names)
    newest = ", ".join(f"`cuda=={major}.{minor}`" for major, minor in known[: -_SHOWN - 1 : -1])
    return ResolveError(
        f"No build of torch is known for {target.backend}.",
        hint=f"Write `accelerator: cuda` for the build that the index has, or one of {newest}.",
    )
