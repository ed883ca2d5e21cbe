"""KServe's REST client over protocol v2, and MLServer's command for many requests."""

KSERVE = "kserve==0.21.0"
MLSERVER = "mlserver==1.7.1"


def test_kserve_is_content(judge, kinds):
    """JSON and binary, half precision, text, health and errors."""
    parts = judge(KSERVE, is_large=True).ask("kserve_rest.py", kinds.url)
    assert {each["part"] for each in parts} == {
        "health", "predictions", "halves", "strings", "errors",
    }  # fmt: skip


def test_mlserver_infer_is_content(judge, kinds):
    """In groups, and in binary: each answer belongs to its request."""
    parts = judge(MLSERVER, is_large=True).ask("mlserver_infer.py", f"127.0.0.1:{kinds.port}")
    assert [each["count"] for each in parts] == [40, 40]
