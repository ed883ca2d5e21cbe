"""docs/troubleshooting.md: its messages are those of the code."""

import ast
import re

import pytest

FOREIGN = {
    "we can conclude that your requirements are unsatisfiable.",  # uv's
    "cannot open shared object file",  # the dynamic loader's
}


@pytest.fixture(scope="module")
def told(checkout):
    """Every text in the code, as one; what is filled in is an ellipsis."""
    found = []
    for part in ("bundler", "cli", "runtime"):
        for path in (checkout / part).rglob("*.py"):
            found += map(said, ast.walk(ast.parse(path.read_bytes())))
    return "\n".join(filter(None, found))


def said(node):
    """What a literal says."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(said(part) or "…" for part in node.values)
    return None


def messages(checkout):
    """The first column of the tables of messages, without statuses."""
    page = (checkout / "docs" / "troubleshooting.md").read_text()
    tables = re.findall(
        r"^\| (?:status, )?message \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE
    )
    cells = [
        row.split(" | ")[0].removeprefix("| ") for table in tables for row in table.split("\n")
    ]
    return [re.sub(r"^\d{3} ", "", cell) for cell in cells if cell]


def test_every_message_is_one_of_the_code(checkout, told):
    shown = [each for each in messages(checkout) if each not in FOREIGN]
    assert len(shown) > 30
    missing = [each for each in shown if not is_told(each, told)]
    assert missing == []
    assert not is_told("There is no module `…` anywhere.", told)


def is_told(message, told):
    parts = message.split("…")
    return re.search("[^\n]{0,30}?".join(map(re.escape, parts)), told) is not None
