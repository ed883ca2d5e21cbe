"""Schemathesis: servers hold to what their OpenAPI documents promise."""

import pytest

SCHEMATHESIS = "schemathesis==4.32.5"
HTTP = ["native", "v2", "v1", "torchserve", "seldon", "sagemaker", "vertex"]
# A schema cannot say that `data` has as many values as `shape` says: some of what it allows is
# refused, with a 400 that it announces.
ALL = ("--exclude-checks", "positive_data_acceptance")
CONFORMANCE = (
    "--checks",
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
)


@pytest.mark.parametrize("isolation", ["thread"], indirect=True)
@pytest.mark.parametrize(("dialects", "checks"), [(HTTP[:2], ALL), (HTTP, CONFORMANCE)])
def test_schemathesis_finds_nothing(judge, make_kinds_server, dialects, checks):
    """No status, header or body that the document does not announce, and no failure."""
    asked = judge(SCHEMATHESIS, is_large=True)
    tame = ("shout", "every", "people")  # the others fail for some numbers, as they should
    running = make_kinds_server(dialects=dialects, models=tame)
    (part,) = asked.ask("openapi_held.py", running.url, *checks, timeout=120)
    assert part["count"] > 20
    assert "/runtime/dialects/" not in running.log()
