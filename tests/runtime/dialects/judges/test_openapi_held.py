"""Schemathesis: servers hold to what their OpenAPI documents promise."""

import pytest

from .environments import SCHEMATHESIS

HTTP = ["native", "v2", "v1", "torchserve", "seldon", "sagemaker", "vertex"]
# A schema cannot say that a tensor has as many values as its shape makes.
OPEN = "/infer$|/api/v1.0/predictions$"


@pytest.mark.timeout(240)  # thousands of requests, on a machine that may be busy
@pytest.mark.parametrize("isolation", ["thread"], indirect=True)
@pytest.mark.parametrize(
    ("dialects", "phases"),
    [(HTTP, "examples,coverage,fuzzing"), (HTTP[1:], "examples,fuzzing")],
    ids=["all", "foreign"],
)
def test_schemathesis_finds_nothing(judge, make_kinds_server, dialects, phases):
    """What a document allows is answered, what it forbids refused, each as it announces.

    Without the native dialect there is another document of the same operations, tried shortly.
    """
    asked = judge(SCHEMATHESIS)
    running = make_kinds_server(dialects=dialects, models=("sums", "shout"))
    (part,) = asked.ask("openapi_held.py", running.url, OPEN, phases, timeout=210)
    assert part["count"] > 20
    assert "/runtime/dialects/" not in running.log()
