"""Schemathesis: servers hold to what their OpenAPI documents promise."""

import pytest

from .environments import SCHEMATHESIS

HTTP = ["native", "v2", "v1", "torchserve", "seldon", "sagemaker", "vertex"]
# A schema cannot say that a tensor has as many values as its shape makes.
OPEN = "/infer$|/api/v1.0/predictions$"


@pytest.mark.parametrize("isolation", ["thread"], indirect=True)
@pytest.mark.parametrize("dialects", [HTTP, HTTP[1:]], ids=["all", "foreign"])
def test_schemathesis_finds_nothing(judge, make_kinds_server, dialects):
    """What a document allows is answered, what it forbids refused, each as it announces."""
    asked = judge(SCHEMATHESIS)
    running = make_kinds_server(dialects=dialects, models=("sums", "shout"))
    (part,) = asked.ask("openapi_held.py", running.url, OPEN, timeout=120)
    assert part["count"] > 20
    assert "/runtime/dialects/" not in running.log()
