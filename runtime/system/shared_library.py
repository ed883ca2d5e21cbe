"""Shared libraries of the system: which package brings one that an import did not find."""

import re

_ABSENT = re.compile(r"\b(lib[\w.+-]*\.so[\w.]*): cannot open shared object file")
_PACKAGES = {
    "libGL.so.1": "libgl1",
    "libXext.so.6": "libxext6",
    "libXrender.so.1": "libxrender1",
    "libatomic.so.1": "libatomic1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libgomp.so.1": "libgomp1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libodbc.so.2": "unixodbc",
    "libsndfile.so.1": "libsndfile1",
    "libxcb.so.1": "libxcb1",
}  # of Debian and Ubuntu


def hint(error: BaseException) -> str | None:
    """What to install after an `error` of the dynamic loader; None for any other error.

    >>> hint(OSError("libgomp.so.1: cannot open shared object file: No such file or directory"))
    'Install it with `apt-get install libgomp1`; in an image, ...'
    """
    found = _ABSENT.search(str(error))
    if found is None:
        return None
    package = _PACKAGES.get(found[1])
    if package is None:
        return f"Find the package of your system that has `{found[1]}`, and install it."
    image = f"in an image, `system: {{packages: [{package}]}}` in the bundlefile"
    return f"Install it with `apt-get install {package}`; {image}."
