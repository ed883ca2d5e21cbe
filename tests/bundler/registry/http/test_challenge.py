"""Challenge: `WWW-Authenticate` as registries write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.registry.http.challenge import Challenge, parse

HUB = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
    'scope="repository:a/b:pull,push"'
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            HUB,
            [
                Challenge(
                    "bearer",
                    {
                        "realm": "https://auth.docker.io/token",
                        "service": "registry.docker.io",
                        "scope": "repository:a/b:pull,push",
                    },
                )
            ],
        ),
        ('Basic realm="a, b"', [Challenge("basic", {"realm": "a, b"})]),
        ("Basic", [Challenge("basic", {})]),
        (
            'Negotiate, Basic realm="x", Bearer realm=https://h/t , service = "s"',
            [
                Challenge("negotiate", {}),
                Challenge("basic", {"realm": "x"}),
                Challenge("bearer", {"realm": "https://h/t", "service": "s"}),
            ],
        ),
        (r'BASIC realm="say \"hi\""', [Challenge("basic", {"realm": 'say "hi"'})]),
        ('Bearer realm="1",realm="2"', [Challenge("bearer", {"realm": "1"})]),
        ("", []),
        ('realm="x"', []),
        ('Bearer realm="never closed', [Challenge("bearer", {})]),
    ],
)
def test_challenges_are_read(header, expected):
    assert parse(header) == expected


@given(st.text(max_size=200))
def test_no_header_breaks_it(header):
    for one in parse(header):
        assert one.scheme == one.scheme.lower()


def test_a_long_one_is_read_in_part():
    assert len(parse("a " * 100_000)) < 5000
