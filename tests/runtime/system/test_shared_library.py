"""A library of the system that an import does not find is told with the package that has it."""

import ctypes

import pytest

from modelbundle.runtime.system import shared_library


def missing(name):
    """What the dynamic loader says of a library that is not here."""
    with pytest.raises(OSError, match="cannot open") as caught:
        ctypes.CDLL(name)
    return caught.value


def test_the_package_is_named_with_its_line_in_a_bundlefile(monkeypatch):
    monkeypatch.setitem(shared_library._PACKAGES, "libnowhere.so.1", "libnowhere1")
    told = shared_library.hint(missing("libnowhere.so.1"))
    assert "`apt-get install libnowhere1`" in told
    assert "`system: {packages: [libnowhere1]}`" in told


def test_of_an_unknown_one_its_name_is_told():
    assert "`libnowhere-2.0.so.0`" in shared_library.hint(missing("libnowhere-2.0.so.0"))


@pytest.mark.parametrize(
    "error", [OSError("libgomp.so.1"), ImportError("no module"), OSError(2, "x")]
)
def test_no_other_error_is_taken_for_one(error):
    assert shared_library.hint(error) is None
