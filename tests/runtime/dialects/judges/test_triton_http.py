"""Triton's HTTP client, synchronous and asynchronous, against every model of `kinds`."""

from .environments import TRITON


def test_tritonclient_is_content(judge, kinds):
    """Every form of request and answer that it knows, and its errors."""
    parts = judge(TRITON).ask("triton_http.py", f"127.0.0.1:{kinds.port}")
    assert {each["part"] for each in parts} == {
        "metadata", "matrix", "datatypes", "bfloat16", "classification", "statistics",
        "repository", "parameters", "errors", "threads", "asynchronous",
    }  # fmt: skip
