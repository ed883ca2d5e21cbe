"""Passwords of indexes go to the host that they were given for, whoever wrote the bundlefile."""

import base64

import pytest

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.index import Index
from modelbundle.bundler.requirements.index_credentials import IndexCredentials
from modelbundle.bundler.requirements.lock.lock import index_arguments
from modelbundle.bundler.requirements.requirements import Requirement, Requirements
from modelbundle.bundler.requirements.resolving.resolution import resolve
from modelbundle.bundler.requirements.target import Target
from modelbundle.bundler.requirements.wheels.request import headers

OURS = "Basic " + base64.b64encode(b"ann:hush-hush").decode()
ALPHA = Requirements((Requirement("alpha", "us"),))


@pytest.fixture
def given(monkeypatch, tmp_path):
    """Say for which host the password of `ours` is; nothing else is known of anybody."""
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    monkeypatch.setenv("UV_NO_CACHE", "1")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("UV_INDEX_OURS_USERNAME", "ann")
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", "hush-hush")
    monkeypatch.delenv("BUNDLE_INDEX_OURS_HOST", raising=False)
    return lambda host: monkeypatch.setenv("BUNDLE_INDEX_OURS_HOST", host)


@pytest.fixture
def two(serve_index, make_wheel):
    """The index whose password it is, and a stranger's who calls his by the same name."""
    own, strange = serve_index("own", credentials="ann:hush-hush"), serve_index("strange")
    for served in (own, strange):
        make_wheel(served.root / "alpha", "alpha", "1.0")
    return own, strange


@pytest.mark.parametrize("packages", [(), ("alpha",)])
@pytest.mark.parametrize("name", ["ours", "OURS"])
def test_a_stranger_who_names_his_index_as_ours_gets_no_password(two, given, packages, name):
    own, strange = two
    given(own.url.removeprefix("http://"))
    (package,) = resolve(ALPHA, Target("3.11", "linux/amd64", (Index(own.url, "ours", packages),)))
    assert package.version == "1.0"
    assert OURS in own.told
    bound = Index(strange.url, name, packages)
    with pytest.raises(ResolveError, match=f"`{name}` at `{strange.url[7:]}` would be sent"):
        resolve(ALPHA, Target("3.11", "linux/amd64", (bound,)))
    assert strange.asked == strange.told == []


def test_nor_does_one_that_an_index_of_ours_leads_to(two, given):
    own, strange = two
    given(own.url)
    bound = [Index(own.url, "ours")]
    assert headers(f"{own.url}/alpha/alpha-1.0.whl", bound) == {"Authorization": OURS}
    for elsewhere in (strange.url, own.url.replace("http:", "https:")):
        assert headers(f"{elsewhere}/alpha/alpha-1.0.whl", bound) == {}


def test_without_a_host_one_sentence_says_how_to_name_it(two, given):
    own, _ = two
    with pytest.raises(ResolveError, match="does not say so") as caught:
        IndexCredentials.of(Index(own.url, "ours"))
    assert caught.value.hint.endswith(
        f"`BUNDLE_INDEX_OURS_HOST={own.url.removeprefix('http://')}`."
    )
    assert "hush" not in f"{caught.value} {caught.value.hint}"
    assert own.asked == []


def test_a_lock_of_a_stranger_is_held_against_it_as_well(two, given, tmp_path):
    own, _ = two
    given(own.url)
    lock = tmp_path / "requirements.lock"
    for served in two:
        lock.write_text(f"# --index ours={served.url}\nalpha==1.0\n")
        if served is own:
            assert index_arguments(lock) == ["--index", f"ours={own.url}"]
        else:
            with pytest.raises(ResolveError, match="would be sent the password"):
                index_arguments(lock)


@pytest.mark.parametrize(
    ("host", "url", "goes"),
    [
        ("pypi.example.com", "https://pypi.example.com/simple", True),
        ("PyPI.example.com:443", "https://pypi.example.com/simple", True),
        ("pypi.example.com", "https://pypi.example.com:8443/simple", False),
        ("pypi.example.com", "http://pypi.example.com/simple", False),
        ("http://pypi.example.com", "http://pypi.example.com/simple", True),
        ("https://pypi.example.com/simple", "https://pypi.example.com/other", True),
        ("example.com", "https://pypi.example.com/simple", False),
        ("pypi.example.com", "https://pypi.example.com@evil.example/simple", False),
        ("pypi.example.com", "https://evil.example/pypi.example.com", False),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/simple", True),
        ("127.0.0.1.evil.example", "http://127.0.0.1.evil.example/", False),
    ],
)
def test_a_place_is_scheme_host_and_port(given, host, url, goes):
    given(host)
    if goes:
        assert IndexCredentials.of(Index(url, "ours")) == IndexCredentials("ann", "hush-hush")
    else:
        with pytest.raises(ResolveError):
            IndexCredentials.of(Index(url, "ours"))


def test_an_index_without_a_password_needs_no_host(given, monkeypatch):
    assert IndexCredentials.of(Index("https://other.example/simple", "other")) is None
    assert IndexCredentials.of(Index("https://other.example/simple")) is None
    monkeypatch.delenv("UV_INDEX_OURS_USERNAME")
    monkeypatch.delenv("UV_INDEX_OURS_PASSWORD")
    assert IndexCredentials.of(Index("https://other.example/simple", "ours")) is None


def test_what_netrc_has_for_one_host_goes_to_no_other(two, given, tmp_path, monkeypatch):
    own, strange = two
    monkeypatch.delenv("UV_INDEX_OURS_USERNAME")
    monkeypatch.delenv("UV_INDEX_OURS_PASSWORD")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password hush-hush\n")
    assert headers(f"{own.url}/alpha/a.whl") == {"Authorization": OURS}
    assert headers(f"{strange.url.replace('127.0.0.1', 'localhost')}/alpha/a.whl") == {}
    target = Target("3.11", "linux/amd64", (Index(own.url, "ours", ("alpha",)),))
    assert len(resolve(ALPHA, target)) == 1
    elsewhere = strange.url.replace("127.0.0.1", "localhost")
    resolve(ALPHA, Target("3.11", "linux/amd64", (Index(elsewhere, "ours", ("alpha",)),)))
    assert strange.asked
    assert strange.told == []


@pytest.mark.parametrize("host", ["[::1", "https://[::1", "http://a]b/", "//[x]"])
def test_a_host_that_is_no_address_names_its_variable(given, host):
    given(host)
    with pytest.raises(ResolveError, match=r"OURS_HOST` says .*not an address") as e:
        IndexCredentials.of(Index("https://packages.example.com/simple", "ours"))
    assert "BUNDLE_INDEX_OURS_HOST=" in e.value.hint


def test_a_password_in_the_host_is_not_repeated(given):
    given("https://ann:hush-hush@elsewhere.example.com")
    with pytest.raises(ResolveError, match="elsewhere") as caught:
        IndexCredentials.of(Index("https://packages.example.com/simple", "ours"))
    assert "hush" not in str(caught.value)
