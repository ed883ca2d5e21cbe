"""Route: where a registry may send us."""

import pytest

from modelbundle.bundler.errors import RegistryError
from modelbundle.bundler.registry.http.route import Route

HTTPS = Route("https://reg.io")
PORT = Route("https://reg.io:8443")
NEAR = Route("http://127.0.0.1:5000")
PLAIN = Route("http://reg.lan", is_plain_allowed=True)


@pytest.mark.parametrize(
    ("route", "location", "expected"),
    [
        (HTTPS, "/v2/x", "https://reg.io/v2/x"),
        (HTTPS, "https://reg.io/v2/x?a=b", "https://reg.io/v2/x?a=b"),
        (HTTPS, "https://s3.example.com/x?sig=1", "https://s3.example.com/x?sig=1"),
        (HTTPS, "http://reg.io/v2/x", "https://reg.io/v2/x"),  # a proxy ends its TLS
        (HTTPS, "http://reg.io:443/x", "https://reg.io/x"),
        (HTTPS, "https://reg.io:8443/x", "https://reg.io:8443/x"),
        (PORT, "https://reg.io:8443/v2/x", "https://reg.io:8443/v2/x"),
        (PORT, "http://reg.io:8443/v2/x", "https://reg.io:8443/v2/x"),
        (PORT, "https://reg.io/v2/x", "https://reg.io/v2/x"),
        (NEAR, "http://127.0.0.1:5000/x", "http://127.0.0.1:5000/x"),
        (NEAR, "http://127.0.0.1:6000/x", "http://127.0.0.1:6000/x"),
        (NEAR, "https://cdn.example.com/x", "https://cdn.example.com/x"),
        (PLAIN, "http://minio.lan/x", "http://minio.lan/x"),
    ],
)
def test_storage_elsewhere_is_usual(route, location, expected):
    assert route.follow(route.base + "/v2/here", location) == expected


@pytest.mark.parametrize(
    ("route", "location"),
    [
        (HTTPS, "file:///etc/passwd"), (HTTPS, "ftp://reg.io/x"), (HTTPS, "gopher://x/"),
        (HTTPS, "http://cdn.example.com/x"), (HTTPS, "https://127.0.0.1/x"),
        (HTTPS, "http://localhost:2375/x"), (HTTPS, "https://[::1]/x"),
        (HTTPS, "https://user:pw@reg.io/x"), (HTTPS, "//user@evil/x"), (HTTPS, "https://[bad/x"),
        (NEAR, "http://cdn.example.com/x"), (NEAR, "file:///etc/passwd"),
        (PLAIN, "http://127.0.0.1/x"), (PLAIN, "file:///x"), (HTTPS, "javascript:alert(1)"),
        (HTTPS, "https://reg.io:99999/x"), (HTTPS, "http://reg.io:8443/x"),
        (PORT, "http://reg.io/x"), (PORT, "http://reg.io:443/x"), (PORT, "http://reg.io:80/x"),
        (HTTPS, "https://169.254.169.254/latest/meta-data/"), (HTTPS, "https://[fe80::1]/x"),
        (PLAIN, "http://169.254.169.254/latest/meta-data/"), (HTTPS, "https://0.0.0.0/x"),
        (HTTPS, "https://127.1/x"), (HTTPS, "https://2130706433/x"), (HTTPS, "https://0x7f.1/x"),
        (HTTPS, "https://[::ffff:127.0.0.1]/x"), (HTTPS, "https://localhost./x"),
        (HTTPS, "https://[::]/x"), (NEAR, "http://169.254.169.254/x"), (PLAIN, "http://0/x"),
    ],
)  # fmt: skip
def test_what_is_not_safe_is_refused(route, location):
    with pytest.raises(RegistryError, match="not safe to go") as caught:
        route.follow(route.base + "/v2/here", location)
    assert "pw" not in str(caught.value)


def test_our_name_goes_to_the_registry_alone():
    assert HTTPS.is_own("https://reg.io/v2/x")
    assert HTTPS.is_own("https://reg.io:443/v2/x")
    for url in ("http://reg.io/x", "https://reg.io:444/x", "https://reg.io.evil/x", "https://x/"):
        assert not HTTPS.is_own(url)
