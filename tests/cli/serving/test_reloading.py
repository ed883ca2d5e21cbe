"""`bundle serve --reload`: a changed line is served, a broken one is told and mended."""

import re
import urllib.request

import pytest

SERVICE = """
import modelbundle as mb


@mb.service
class Twice:
    @mb.api
    def say(self, text: str) -> str:
        return text + "{mark}"
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "bundlefile.yaml").write_text("name: say\nservice: service:Twice\n")
    (tmp_path / "service.py").write_text(SERVICE.format(mark="!"))
    return tmp_path


def test_a_change_is_served_and_a_syntax_error_survived(project, started, eventually):
    def said(mark):
        url = re.search(r"http://127.0.0.1:\d+", next(t for t in reversed(talk) if "Serving" in t))
        try:
            request = urllib.request.Request(
                f"{url[0]}/say", b"hello", {"content-type": "text/plain"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                return mark in answer.read().decode()
        except OSError:
            return False

    with started("serve", ".", "--reload", "--port=0") as (process, talk):
        eventually(lambda: any("Serving" in line for line in talk) and said("hello!"))

        (project / "service.py").write_text("def broken(:\n")
        eventually(lambda: any(line.startswith("error: ") for line in talk))
        assert process.poll() is None

        (project / "service.py").write_text(SERVICE.format(mark="?"))
        eventually(lambda: said("hello?"))

        process.terminate()
        assert process.wait(90) == 0


def test_a_tag_cannot_be_reloaded(shop):
    refused = shop("serve", "model:double", "--reload", code=1)

    assert "watches a project" in refused.err
    assert "bundle serve ." in refused.err
