"""Python for images without Python: one python-build-standalone build per minor version.

They run on any glibc from 2.17 on, wherever they are unpacked. Digests are those of the project's
release https://github.com/astral-sh/python-build-standalone/releases/tag/20260929. They are read
off two tables that others made of it: that within uv 0.13.8, by which a test compares them, and
that of the package pbs-installer 2026.10.25. Another release of this tool may know newer ones.
"""

import os
from dataclasses import dataclass

RELEASE = "20260929"
SITE = "https://github.com/astral-sh/python-build-standalone/releases/download"
MIRROR = "UV_PYTHON_INSTALL_MIRROR"
"""A variable that puts another address, or a `file://` folder, in the place of `SITE`; as uv's."""

_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_DIGESTS = {
    ("3.11.16", "x86_64"): "f05084f3fbd7a0c7ed762ea6fd2455976a463952bb5c3253fc6cdc777f84728d",
    ("3.11.16", "aarch64"): "0fe7a9925be231f38c7dffc92eb7f5cf47b121661899ffdb9bc77adfdc74ad2f",
    ("3.12.14", "x86_64"): "ef605200f8174e87ecfc308e52a88127543f85dd5c940dc5e92cab244b98a003",
    ("3.12.14", "aarch64"): "706111f834ae1557314f48b7293ddc72cc96e952aa75c5d31f56c2b7ddeac3d3",
    ("3.13.15", "x86_64"): "c552deaf9ed0e678dee4ccc760d6dcd7cab33f1bd43e8037123b4a4db8508e14",
    ("3.13.15", "aarch64"): "3807936bef22d3e347454df4f8774c786f98c7caa5e7328425e7b40766a9cff8",
    ("3.14.7", "x86_64"): "da5357f47b1d9c8d4c439004d463d893ef688a44c27438a62b47073d26d1377e",
    ("3.14.7", "aarch64"): "9b8bd45d06fc3fcdc56f2713a62535fe1c019816461ae87c170dd56184dd3f4d",
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
