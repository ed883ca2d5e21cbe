"""What a message repeats of a value: short, and without passwords."""

import pytest

from modelbundle.bundler.project.bundlefile.wrong import quoted


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("https://ann:hush@host/simple", "`https://***@host/simple`"),
        ("https://host/x.whl?sig=hush", "`https://host/x.whl?***`"),
        ("ann:hush@host/x", "`***@host/x`"),
        ("python@sha256:" + "0" * 64, "`python@sha256:" + "0" * 45 + "…`"),
        ("?" * 250_000, "`" + "?" * 59 + "…`"),  # in a time that does not grow with its square
        ("x?" * 125_000, "`" + "x?" * 29 + "x…`"),
        (True, "`true`"),
    ],
    ids=["address", "query", "host", "digest", "marks", "words", "switch"],
)
def test_a_value_is_repeated_short_and_without_passwords(value, told):
    assert quoted(value) == told
