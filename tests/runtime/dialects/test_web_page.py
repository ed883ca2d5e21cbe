"""Pages of strangers change nothing, by whichever name they call the server."""

import pytest

from modelbundle.runtime.dialects import web_page
from modelbundle.runtime.dialects.web_page import StrangersPage


def headers(host, origin=None, site=None):
    said = {b"host": host, b"origin": origin, b"sec-fetch-site": site}
    return {name: value for name, value in said.items() if value is not None}


@pytest.mark.parametrize(
    "said",
    [
        headers(b"models.example.com"),
        headers(b"127.0.0.1:8080", b"http://127.0.0.1:8080"),
        headers(b"localhost:8080", b"http://LOCALHOST:8080", b"same-origin"),
        headers(b"[::1]:8080", b"http://[::1]:8080"),
        headers(b"[::1]", site=b"none"),
        headers(b"a.localhost", site=b"same-origin"),
    ],
)
def test_programs_and_own_pages_may(said):
    web_page.check(said)


@pytest.mark.parametrize(
    "said",
    [
        headers(b"127.0.0.1:8080", b"http://evil.example"),
        headers(b"127.0.0.1:8080", b"null"),
        headers(b"127.0.0.1:8080", site=b"cross-site"),
        headers(b"127.0.0.1:8080", site=b"same-site"),
        # The page's own name leads here: a browser takes it for the server's own.
        headers(b"evil.example:8080", b"http://evil.example:8080", b"same-origin"),
        headers(b"evil.example:8080", site=b"same-origin"),
        headers(b"127.0.0.1.evil.example", b"http://127.0.0.1.evil.example"),
        headers(b"localhost.evil.example", site=b"same-origin"),
        headers(b"", site=b"same-origin"),
    ],
)
def test_pages_of_strangers_may_not(said):
    with pytest.raises(StrangersPage):
        web_page.check(said)
