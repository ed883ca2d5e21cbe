"""docs/client.md: its examples run against a real server, and its table of errors is the code's."""

import re

import pytest

from modelbundle import client
from modelbundle.runtime.manifests.signature import Field, Side

from ..runtime.conftest import Servers, write_bundle, write_model

FOUR = Side("array", (Field("x", "float64", (None, 4)),))


class Sum:
    def predict(self, rows):
        return rows.sum(axis=1)


@pytest.fixture(scope="module")
def page(checkout):
    return (checkout / "docs" / "client.md").read_text()


def test_the_examples_run(page, tmp_path, capsys):
    write_model(tmp_path / "models" / "sums", Sum(), inputs=FOUR)
    started = Servers(tmp_path)
    try:
        server = started.start(write_bundle(tmp_path), "--isolation=thread")
        spaces = []
        for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
            spaces.append({})
            exec(block.replace("http://127.0.0.1:8080", server.url), spaces[-1])
    finally:
        started.stop()
    assert spaces[0]["labels"].tolist() == [4.0] * 3
    assert [answer.tolist() for answer in spaces[1]["answers"]] == [[10.0]] * 8
    assert "float64" in capsys.readouterr().out


def test_every_error_stands_on_the_page(page):
    errors = [name for name in client.__all__ if "Client" not in name]
    assert len(errors) == 5
    for name in errors:
        assert re.search(rf"─ {name} ", page), name
