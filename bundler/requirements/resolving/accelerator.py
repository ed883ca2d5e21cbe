"""Derives the GPU requirements of locked wheels: CUDA, driver, architectures, base image."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from ....runtime.first_few import first_few
from ..lock.package import Package

Facts = Mapping[str, Any]
Flavor = str  # auto | none | base | runtime | cudnn-runtime | devel | cudnn-devel

_LIBRARIES = re.compile(r"nvidia-(?!nccl|nvshmem|cusparselt).*")  # the libraries of CUDA itself
_MAJOR = re.compile(r".*-cu(?:da)?(\d\d)(?:\d|x)?$")
_GPU_NAME = re.compile(r"(?:^|-)gpu(?:-|$)")
SHOWN = 4  # names in a sentence


@cache
def facts() -> Facts:
    """What `cuda.json` holds: images, drivers and architectures by CUDA version."""
    data: Facts = json.loads(Path(__file__).with_name("cuda.json").read_bytes())
    return data


@dataclass(frozen=True, slots=True)
class Accelerator:
    """The hardware side of a lock; `to_json` is what stands in `bundle.json`.

    kind        "cpu" or "cuda"
    cuda        "13.0", or the major alone where no package says more
    cudnn       version of cuDNN that the wheels bring
    min_driver  oldest Linux driver that runs this CUDA
    archs       compute capabilities that torch has kernels for; empty when unknown
    archs_on    the same by machine, where platforms differ: {"aarch64": ("8.0", …)}
    base        reference of the base image, with its digest once that is known
    flavor      which kind of base image it is
    why         one sentence a decision
    warnings    what a person should look at
    """

    kind: str
    base: str
    flavor: str
    cuda: str | None = None
    min_driver: str | None = None
    archs: tuple[str, ...] = ()
    archs_on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cudnn: str | None = None
    why: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it stands in `bundle.json`; warnings are talk, not content."""
        names = ("kind", "cuda", "cudnn", "min_driver", "base", "flavor")
        lists: dict[str, Any] = {"archs": list(self.archs), "why": list(self.why)}
        if self.archs_on:
            lists["archs_on"] = {name: list(archs) for name, archs in self.archs_on.items()}
        return {name: getattr(self, name) for name in names} | lists


def derive(packages: Sequence[Package], python: str, flavor: Flavor, machine: str) -> Accelerator:
    """Read CUDA, driver and base image off the locked `packages`.

    `machine` is "x86_64" or "aarch64".
    """
    cuda, reason = cuda_version(packages)
    if cuda is None:
        base = f"python:{python}-slim"
        why = (reason, f"`{base}` has the Python of the lock and nothing else.")
        return Accelerator("cpu", base, "slim", why=why, warnings=tuple(_unknown_gpu(packages)))
    driver, because, doubts = _driver(cuda)
    archs, reasons = _archs(packages, cuda, machine)
    cudnn, brought = _cudnn(packages)
    found = Accelerator(
        kind="cuda",
        base="",
        flavor="",
        cuda=cuda,
        cudnn=cudnn,
        min_driver=driver,
        archs=archs,
        why=(reason, *brought, because, *reasons),
        warnings=(*_two_majors(packages), *doubts),
    )
    return _with_image(found, packages, python, flavor)


def _driver(cuda: str) -> tuple[str, str, list[str]]:
    """The oldest driver that runs it, why, and a warning where only a neighbor is known."""
    drivers: Mapping[str, str] = facts()["drivers"]
    major = cuda.partition(".")[0]
    if major in drivers:
        return drivers[major], f"CUDA {major} needs driver {drivers[major]} or newer.", []
    near = min(drivers, key=lambda one: abs(int(one) - int(major)))
    sentence = f"No driver is known for CUDA {major}; CUDA {near}'s, {drivers[near]}, is asked for."
    return drivers[near], sentence, [sentence + " State it with `cuda.min_driver`."]


def _cudnn(packages: Sequence[Package]) -> tuple[str | None, list[str]]:
    for package in packages:
        if package.name.startswith("nvidia-cudnn"):
            return package.version, [f"{package.name} brings cuDNN {package.version}."]
    return None, []


def cuda_version(packages: Sequence[Package]) -> tuple[str | None, str]:
    """The CUDA version of the packages, and the sentence that explains it."""
    named = {package.name: package for package in packages}
    if "torch" in named and (found := re.search(r"\+cu(\d\d)(\d)$", named["torch"].version)):
        version = f"{found[1]}.{found[2]}"
        return version, f"torch {named['torch'].version} is built for CUDA {version}."
    for package in packages:
        if package.name.startswith(("nvidia-cuda-runtime", "cuda-toolkit")):
            version = ".".join(package.version.split(".")[:2])
            return version, f"{package.name} {package.version} is CUDA {version}."
    for package in packages:
        if found := _MAJOR.match(package.name):
            asker = f" (asked for by {', '.join(package.via)})" if package.via else ""
            return found[1], f"{package.name}{asker} belongs to CUDA {found[1]}."
    for name, majors in facts()["unbundled"].items():
        if name in named:
            version = named[name].version
            major = _major_of(version, majors)
            return major, f"{name} {version} is built for CUDA {major}."
    return None, "No locked package brings or expects CUDA."


def _major_of(version: str, majors: Mapping[str, str]) -> str:
    """CUDA's major: `majors` names the first version that was built for each."""
    have = _key(re.match(r"[\d.]*\d|", version)[0] or "0")  # type: ignore[index]
    since = [first for first in majors if _key(first) <= have]
    return majors[max(since or majors, key=_key)]


def _archs(
    packages: Sequence[Package], cuda: str, machine: str
) -> tuple[tuple[str, ...], list[str]]:
    """The architectures of torch's kernels, and the sentence that explains them."""
    torch = next((package.version for package in packages if package.name == "torch"), None)
    if torch is None:
        return (), []
    known = tuple(facts()["archs"].get(cuda, {}).get(machine, ()))
    if not known:
        start = (
            f"It is not known which GPUs torch {torch} for CUDA {cuda} was built for; the server"
        )
        return (), [f"{start} does not check it (`cuda.archs` states it)."]
    listed = ", ".join(known)
    return known, [f"torch {torch} for CUDA {cuda} has kernels for {listed} ({machine})."]


def _two_majors(packages: Sequence[Package]) -> list[str]:
    majors: dict[str, list[str]] = {}
    for package in packages:
        expected = facts()["unbundled"].get(package.name)
        found = _MAJOR.match(package.name)
        if major := _major_of(package.version, expected) if expected else found and found[1]:
            asker = f" (via {', '.join(package.via)})" if package.via and found else ""
            version = f" {package.version}" if expected else ""
            majors.setdefault(major, []).append(f"{package.name}{version}{asker}")
    if len(majors) < 2:  # noqa: PLR2004
        return []
    named = (f"CUDA {major}: {first_few(names, SHOWN)}" for major, names in sorted(majors.items()))
    return [f"The lock mixes two versions of CUDA. {'; '.join(named)}.{_fitting(packages)}"]


def _fitting(packages: Sequence[Package]) -> str:
    """Which versions of those that bring no libraries are for the CUDA of the others."""
    cuda = (cuda_version(packages)[0] or "").partition(".")[0]
    sentences = ""
    for package in packages:
        since = facts()["unbundled"].get(package.name, {})
        if cuda in since.values() and _major_of(package.version, since) != cuda:
            firsts = sorted(since, key=_key)
            at = [since[first] for first in firsts].index(cuda)
            upper = f",<{firsts[at + 1]}" if at + 1 < len(firsts) else ""
            sentences += f" For CUDA {cuda} there is `{package.name}>={firsts[at]}{upper}`."
    return sentences


def _unknown_gpu(packages: Sequence[Package]) -> list[str]:
    """Warnings of packages whose names say that they use a GPU, and nothing says which CUDA."""
    known = facts()["unbundled"]
    return [
        f"{package.name} {package.version} seems to be for GPUs, and it is not known for which "
        "CUDA. Name a base image that has it, with `image.base`."
        for package in packages
        if _GPU_NAME.search(package.name) and package.name not in known
    ]


def _with_image(
    found: Accelerator, packages: Sequence[Package], python: str, wanted: Flavor
) -> Accelerator:
    flavor, reason = _flavor(packages, wanted)
    if flavor == "none":
        base = f"python:{python}-slim"
        why = (*found.why, reason, f"`{base}` is enough: the driver comes from the host.")
        return replace(found, base=base, flavor="slim", why=why)
    base, more, warnings = image(found.cuda or "", flavor)
    return replace(
        found,
        base=base,
        flavor=flavor,
        why=(*found.why, reason, more),
        warnings=(*found.warnings, *warnings),
    )


def _flavor(packages: Sequence[Package], wanted: Flavor) -> tuple[Flavor, str]:
    if wanted != "auto":
        return wanted, f"The bundlefile asks for the flavor `{wanted}`."
    names = {package.name for package in packages}
    brought = sorted(name for name in names if _LIBRARIES.fullmatch(name))
    expecting = sorted(names & facts()["unbundled"].keys())
    if expecting and not any(name.startswith("nvidia-cudnn") for name in names):
        return "cudnn-runtime", f"{', '.join(expecting)} expects CUDA's libraries from the system."
    if brought:
        return "base", f"The wheels bring CUDA's libraries themselves ({len(brought)} of them)."
    return "none", "The GPU code is linked into the wheels themselves."


def image(cuda: str, flavor: Flavor) -> tuple[str, str, list[str]]:
    """Reference of NVIDIA's image for `cuda`, why it is that one, and warnings."""
    images: Mapping[str, Mapping[str, str]] = facts()["images"]
    minor, warnings = _nearest(cuda, tuple(images))
    entry = images[minor]
    middle = flavor.replace("cudnn", entry["cudnn"])
    base = f"nvidia/cuda:{entry['patch']}-{middle}-ubuntu{entry['ubuntu']}"
    return base, f"`{base}` is the newest known image of CUDA {minor}.", warnings


def _nearest(cuda: str, known: Sequence[str]) -> tuple[str, list[str]]:
    if cuda in known:
        return cuda, []
    ordered = sorted(known, key=_key)
    same = [minor for minor in ordered if minor.partition(".")[0] == cuda.partition(".")[0]]
    if "." not in cuda and same:
        return same[-1], []
    below = [minor for minor in same or ordered if _key(minor) <= _key(cuda)]
    chosen = (below or same or ordered)[-1 if below else 0]
    return chosen, [f"No image is known for CUDA {cuda}; CUDA {chosen} stands in for it."]


def _key(minor: str) -> tuple[int, ...]:
    return tuple(int(part) for part in minor.split("."))
