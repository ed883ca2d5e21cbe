"""A push that an engine makes: what it complains of, and the way out."""

import pytest

from modelbundle.bundler.image.engines.docker_build import _push_failure


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("denied: requested access to the resource is denied", "`docker login example.com:5000`"),
        ("unauthorized: authentication required", "docker login"),
        ('Get "http://example.com:5000/v2/": dial tcp: connect: connection refused', "is up"),
        ("lookup example.com: no such host", "is spelled"),
        ("received unexpected HTTP status: 500 Internal Server Error", "`--engine none`"),
        ("unknown: too many requests", "try again"),
    ],
)
def test_each_complaint_has_a_way_out(reason, hint):
    told = _push_failure("example.com:5000/team/fraud:1", reason)
    assert reason in str(told)
    assert hint in told.hint
