"""Python for images that hold none: one build of python-build-standalone for each minor version.

They run on any glibc from 2.17 on, wherever they are unpacked. Digests are those of the project's
release https://github.com/astral-sh/python-build-standalone/releases/tag/20260814, as uv knows
them, too; another release of this tool may know newer ones.
"""

import os
from dataclasses import dataclass

RELEASE = "20260814"
SITE = "https://github.com/astral-sh/python-build-standalone/releases/download"
MIRROR = "UV_PYTHON_INSTALL_MIRROR"
"""A variable that puts another address, or a `file://` folder, in the place of `SITE`; as uv's."""

_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_DIGESTS = {
    ("3.11.16", "x86_64"): "3b437f08720d3ddd9c1904532476ec9fb373e800d1598c72c907dd6d5f29b79b",
    ("3.11.16", "aarch64"): "6a250f5c9326eebaa528d5d132cd66ebd1d7540cf45ac703f19e13f41d1be9b6",
    ("3.12.14", "x86_64"): "5acfa3e9ba26b51ae161c83aff278da915b590d22373a424b2ba55b8afe91fcc",
    ("3.12.14", "aarch64"): "2d8e17dfd732102cfeb18e0e1fa6769b24caa034e159981129590fe409c7157a",
    ("3.13.15", "x86_64"): "aaca2af2ab4d7b68a712660d1334c0cfd5ec13c0312ccd30c29122d8d0342320",
    ("3.13.15", "aarch64"): "985efd78c1c6521b379f7c64c2a25e6a1130f07441d1af8be441aa05260886aa",
    ("3.14.7", "x86_64"): "cefba034445d2875408d1fd4d5700ae6731563aeb54dcb39fd8164ab5c457533",
    ("3.14.7", "aarch64"): "86dfb106b303fa6a1991f7da42ced3e11576f777be299b3162e06617b6d22542",
}


@dataclass(frozen=True, slots=True)
class Archive:
    """A tar.gz with one folder `python` in it.

    version  exact, "3.11.16"
    machine  "x86_64" or "aarch64", as `uname -m` says
    digest   sha256, 64 hex digits
    """

    version: str
    machine: str
    digest: str

    @property
    def path(self) -> str:
        """Below `SITE` or a mirror of it."""
        name = f"cpython-{self.version}%2B{RELEASE}-{self.machine}-unknown-linux-gnu"
        return f"{RELEASE}/{name}-install_only_stripped.tar.gz"

    @property
    def url(self) -> str:
        """Where it is; the mirror's address, where one is set."""
        return f"{(os.environ.get(MIRROR) or SITE).rstrip('/')}/{self.path}"


def find(python: str, platform: str) -> Archive | None:
    """The one of a version, "3.11" or "3.11.16", for a platform; None where none is known."""
    machine = _MACHINES.get(platform)
    for (version, built_for), digest in _DIGESTS.items():
        if built_for == machine and f"{version}.".startswith(f"{python}."):
            return Archive(version, built_for, digest)
    return None
