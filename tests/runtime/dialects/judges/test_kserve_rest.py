"""KServe's REST client over protocol v2, and MLServer's command for many requests."""

from ..zoo import zoo_server
from .environments import KSERVE, MLSERVER


def test_kserve_is_content(judge, kinds):
    """JSON and binary, half precision, text, health and errors."""
    parts = judge(KSERVE).ask("kserve_rest.py", kinds.url)
    assert {each["part"] for each in parts} == {
        "health", "predictions", "halves", "strings", "errors",
    }  # fmt: skip


def test_mlserver_infer_is_content(judge, kinds):
    """In groups, and in binary: each answer belongs to its request."""
    parts = judge(MLSERVER).ask("mlserver_infer.py", f"127.0.0.1:{kinds.port}")
    assert [each["count"] for each in parts] == [40, 40]


def test_mlserver_codecs_are_content(judge, kinds, tmp_path_factory):
    """Arrays, frames, text, bytes in base64 and times, there and back."""
    with zoo_server(tmp_path_factory, "v2") as zoo:
        told = judge(MLSERVER).ask("mlserver_codecs.py", kinds.url, zoo.url)
    text = [
        ["pd", ["Bern 3", "Genf 4"]],
        ["str", ["AB", "Ä"]],
        ["base64", [2, 3]],
        ["datetime", "2020-01-02T00:00:00"],
    ]
    assert told == [
        ["np", [3.0, 7.0]],
        ["np of an input", [3.0, 7.0]],
        *text,
        *text,
        ["pd of an answer", {"total": [4.0, 9.0], "note_bytes": ["n1", "n2"]}],
    ]
