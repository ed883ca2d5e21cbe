"""`env/requirements.lock` of a bundle, read; `Lock.requirements` writes it.

It may be hostile. It has the digests of files, and not their names.
"""

import re
from pathlib import Path

from ..untrusted import bundle_text
from .lock.package import Package
from .requirements import normalize

PATH = "env/requirements.lock"
PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]+))?")
"""The begin of an entry: name, version and marker."""
_DIGEST = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def read(bundle: Path) -> str:
    """The text in a bundle's directory; raises InvalidBundle when there is none."""
    return bundle_text.read(bundle / PATH, PATH)


def packages(text: str, machine: str) -> list[Package]:
    """The packages for "x86_64" or "aarch64", each file by its digest in place of a name."""
    found = []
    for entry in re.split(r"\n(?=[A-Za-z0-9])", text):
        pin = PIN.match(entry)
        if pin and (not pin[3] or f"'{machine}'" in pin[3]):
            files = {digest: digest for digest in _DIGEST.findall(entry)}
            found.append(Package(normalize(pin[1]), pin[2], files))
    return found


def pins(bundle: Path, machine: str) -> dict[str, str]:
    """Name -> version of the packages for a machine, of the bundle in a directory."""
    return {package.name: package.version for package in packages(read(bundle), machine)}
