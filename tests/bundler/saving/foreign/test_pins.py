"""Requirements of strangers: exact ones are recorded, the rest is told or left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.saving.foreign import pins


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("numpy==2.4.6", {"numpy": "2.4.6"}),
        ("torch == 2.13.0+cpu  # on this machine", {"torch": "2.13.0"}),
        ("uvicorn[standard]==0.30", {"uvicorn": "0.30"}),
        ("# numpy==1", {}),
        ("numpy>=1", {}),
        ("numpy==1.*", {}),
        ("numpy==1; python_version < '3'", {}),
        ("numpy @ https://example.com/x.whl", {}),
        ("-r other.txt", {}),
        ("--index-url https://example.com", {}),
        ("numpy==1\x1b[2J", {}),
        ("MLflow==3", {}),
    ],
)
def test_a_line(line, found):
    assert pins.read(line, {"mlflow"})[0] == found


def test_what_is_told_names_no_option_and_no_address():
    lines = ["pandas>=2", "--index-url http://evil", "x @ file:///etc/passwd", "-r /etc/passwd"]
    first, second = pins.warnings(pins.read("\n".join(lines))[1])
    assert "`pandas>=2`" in first
    assert "evil" not in first + second
    assert "(3)" in second
    assert pins.warnings([]) == ()


@given(st.text())
def test_any_text_is_read(text):
    found, loose = pins.read(text)
    assert all(name.isprintable() and version.isprintable() for name, version in found.items())
    assert all(sentence.isprintable() for sentence in pins.warnings(loose))
