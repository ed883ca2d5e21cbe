"""Markers: the same as pip's own reading of them, or no answer."""

import pytest
from packaging.markers import Marker

from modelbundle.bundler.requirements.marker import FALSE, TRUE, environment, holds

MARKERS = [
    "python_version < '3.11'",
    "python_version >= '3.9' and python_version != '3.10.*'",
    "python_full_version < '3.11.1'",
    "python_full_version >= '3.11.4'",
    "'3.10' < python_version",
    "python_version ~= '3.10'",
    "python_version ~= '3.10.0'",
    "python_version in '3.10 3.11'",
    "python_version not in '3.10, 3.12'",
    "python_version == '3.11.*'",
    "sys_platform == 'win32' or platform_machine == \"x86_64\"",
    "(sys_platform == 'win32' or os_name == 'posix') and python_version < '3.10'",
    "platform_machine in 'x86_64 aarch64'",
    "platform_machine not in 'arm64'",
    "platform_python_implementation != 'PyPy'",
    "implementation_name=='cpython'and python_version>='3.11'",
    "'linux' in sys_platform",
    "",
]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.11.4"])
@pytest.mark.parametrize("text", MARKERS)
def test_a_marker_holds_where_pip_says_so(text, python):
    known = environment(python, "x86_64")
    expected = Marker(text).evaluate({**known, "extra": ""}) if text else True
    assert holds(text, known) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TRUE, True),
        (FALSE, False),
        (f"{FALSE} and python_version >= '3.9'", False),
        (f"{TRUE} or sys_platform == 'win32'", True),
        (f"({FALSE} or {TRUE}) and {TRUE}", True),
        ("python_version >= '3.9'", None),
        ("extra == 'x'", None),
        (f"extra == 'x' and {FALSE}", False),
        ("python_version <", None),
        ("python_version >= '3.14.0rc1'", None),
        ("(", None),
        pytest.param("(" * 5000, None, id="5000 brackets"),
        pytest.param(f"python_version > '{'9' * 5000}'", None, id="5000 digits"),
    ],
)
def test_what_is_not_known_is_decided_only_by_the_rest(text, expected):
    assert holds(text) is expected
    assert holds(text, {"python_version": "3.13"}) is (
        True if text == "python_version >= '3.9'" else expected
    )
