"""Device: the GPUs of this machine, and whether a bundle can run on them."""

import logging
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...errors import NoDevice

log = logging.getLogger(__name__)

_QUERY = "index,name,{},memory.total,driver_version,uuid"
# Drivers before 510 do not know `compute_cap`; `pci.bus_id` then fills its column.
_CAPABILITY = ("compute_cap", "pci.bus_id")
# Oldest Linux driver (NVIDIA's CUDA release notes, table 2), and a CUDA of that major version.
_RUNS = (("580", "13.0"), ("525.60.13", "12.6"), ("450.80.02", "11.8"))
# Oldest compute capability of PyTorch's builds for CUDA 12.6, the oldest CUDA it has builds for.
_OLDEST = {"x86_64": (5, 0), "aarch64": (8, 0)}
_TIMEOUT = 20.0  # seconds; the first call after boot initializes the driver


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU, as nvidia-smi reports it.

    capability   "9.0", empty where it is not told
    memory       MiB
    driver       "550.54.15"
    uuid         "GPU-8932f937-…", or "MIG-…" of a part of it
    """

    index: int
    name: str
    capability: str
    memory: int
    driver: str
    uuid: str = ""

    @property
    def visible(self) -> str:
        """Its name in `CUDA_VISIBLE_DEVICES`."""
        return self.uuid if self.uuid.startswith("MIG-") else str(self.index)


def devices() -> tuple[Device, ...]:
    """The NVIDIA GPUs of this machine; raises NoDevice when the driver does not answer."""
    for field in _CAPABILITY:
        done = _asked_for(field)
        if not (done.returncode and field in done.stdout + done.stderr):
            break
    if done.returncode:
        output = (done.stdout + done.stderr).strip().partition("\n")[0] or "nothing"
        raise NoDevice(f"The NVIDIA driver does not work here; `nvidia-smi` says: {output}")
    return tuple(_device(line) for line in done.stdout.splitlines() if line.count(",") >= 5)  # noqa: PLR2004


def _asked_for(field: str) -> subprocess.CompletedProcess[str]:
    """The output of nvidia-smi for each GPU, with `field` as the name of the capability."""
    query = _QUERY.format(field)
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except OSError:  # also one that may not be run
        raise NoDevice(
            "`--gpu` needs an NVIDIA driver, and there is no `nvidia-smi` here.",
            hint="In a container, run it with `--gpus all`; else serve without `--gpu`.",
        ) from None
    except subprocess.TimeoutExpired:
        raise NoDevice(f"`nvidia-smi` did not answer within {_TIMEOUT:g} seconds.") from None


def _device(line: str) -> Device:
    index, rest = line.split(",", 1)  # names may hold commas
    name, capability, memory, driver, uuid = (part.strip() for part in rest.rsplit(",", 4))
    size = int(memory) if memory.isdecimal() else 0  # "[N/A]" where memory is shared with the CPU
    known = capability if re.fullmatch(r"\d+\.\d", capability) else ""
    return Device(int(index), name, known, size, driver, uuid)


def pin(visible: str) -> str:
    """Make one GPU, `visible`, the only one of this process; the name that libraries then use."""
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # as nvidia-smi counts
    os.environ["CUDA_VISIBLE_DEVICES"] = visible
    return "cuda:0"


def are_granted(accelerator: Mapping[str, Any]) -> bool:
    """Whether this is a container of a CUDA bundle that was given GPUs.

    NVIDIA's container toolkit mounts `nvidia-smi` together with GPUs; then `--gpu` is the default.
    """
    if accelerator.get("kind") != "cuda" or os.environ.get("BUNDLE_CONTAINER") != "1":
        return False
    is_hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    if shutil.which("nvidia-smi") is None or is_hidden:
        log.info("This container was given no GPU (`--gpus all`): models run on the CPU.")
        return False
    return True


def preflight(wanted: Sequence[int], accelerator: Mapping[str, Any]) -> tuple[Device, ...]:
    """The GPUs to use: all of them, or those `wanted`.

    Raises:
        NoDevice: when one is missing, or a driver or a GPU is too old for the bundle.
    """
    found = devices()
    if not found:
        raise NoDevice("`--gpu` was given, but this machine has no NVIDIA GPU.")
    granted = _granted(found)
    if not granted:
        raise NoDevice(
            "`CUDA_VISIBLE_DEVICES` hides every GPU of this machine.",
            hint="Leave out `--gpu`, or set it to GPUs that are there (`nvidia-smi -L`).",
        )
    chosen = tuple(_asked(index, granted) for index in wanted) or granted
    for device in chosen:
        _check(device, accelerator)
    return chosen


def _granted(found: Sequence[Device]) -> tuple[Device, ...]:
    """The GPUs that the environment of this process allows."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return tuple(found)
    granted: list[Device] = []
    for name in named.split(","):
        device = _named(name.strip(), found)
        if device is None:
            break  # CUDA counts them like this, too
        granted.append(device)
    return tuple(granted)


def _named(name: str, found: Sequence[Device]) -> Device | None:
    """The GPU with this index or beginning of a UUID; None if there is none."""
    if name.startswith("MIG-"):  # which nvidia-smi does not list here
        return replace(found[0], uuid=name)
    for device in found:
        if name == str(device.index) or (name.startswith("GPU-") and device.uuid.startswith(name)):
            return device
    return None


def _asked(index: int, granted: Sequence[Device]) -> Device:
    for device in granted:
        if device.index == index:
            return device
    listed = ", ".join(f"{device.index} ({device.name})" for device in granted)
    raise NoDevice(f"There is no GPU {index} for this process; there is {listed}.")


def _check(device: Device, accelerator: Mapping[str, Any]) -> None:
    if accelerator.get("kind") == "cpu":
        raise NoDevice(
            "This bundle was locked for CPUs; its libraries cannot use a GPU.",
            hint="Set `accelerator: cuda` in the bundlefile, then run `bundle build`.",
        )
    needed = accelerator.get("min_driver")
    if needed and _version(device.driver) < _version(str(needed)):
        raise NoDevice(
            f"GPU {device.index} ({device.name}) has driver {device.driver}; this bundle's CUDA "
            f"{accelerator.get('cuda', '')} needs {needed} or newer.",
            hint=f"Upgrade the driver to {needed} or newer{_older_cuda(device.driver)}.",
        )
    on = accelerator.get("archs_on") or {}
    archs = [str(arch) for arch in on.get(platform.machine(), accelerator.get("archs")) or ()]
    if archs and device.capability and not any(_runs(arch, device.capability) for arch in archs):
        raise NoDevice(
            f"GPU {device.index} ({device.name}) has compute capability {device.capability}; "
            f"this bundle's libraries are built for {', '.join(archs)}.",
            hint=_other_build(device.capability, archs),
        )


def _older_cuda(driver: str) -> str:
    """The newest CUDA version that this driver runs, as a hint what to lock for."""
    for oldest, cuda in _RUNS:
        if _version(driver) >= _version(oldest):
            return f", or lock the bundle for what {driver} runs: `accelerator: cuda=={cuda}`"
    return ""


def _other_build(capability: str, archs: Sequence[str]) -> str:
    """Whether an older or a newer build would have the kernels."""
    built = [_version(arch.removesuffix("+PTX")) for arch in archs if arch[0].isdecimal()]
    if built and _version(capability) < min(built):
        if _version(capability) < _OLDEST.get(platform.machine(), (0, 0)):
            return "Use a newer GPU: no build of the libraries is for this one."
        return (
            "Older GPUs are in the builds for CUDA 12.6: lock the bundle with "
            "`accelerator: cuda==12.6`, or use a newer GPU."
        )
    return (
        "Newer GPUs are in the builds for a newer CUDA: lock the bundle with "
        "`accelerator: cuda==13.0`."
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _runs(arch: str, capability: str) -> bool:
    """Whether code for "sm_80", "8.0" or "compute_80" runs on a device; sm code within a major."""
    digits = arch.rpartition("_")[2].removesuffix("+PTX").rstrip("af").replace(".", "")
    if not digits.isdecimal():
        return True  # an unknown form: the libraries will report an error
    major, minor = int(digits[:-1]), int(digits[-1])
    have_major, have_minor = (int(part) for part in capability.split(".", 1))
    if arch.startswith("compute_") or arch.endswith("+PTX"):
        return (have_major, have_minor) >= (major, minor)
    return have_major == major and have_minor >= minor
