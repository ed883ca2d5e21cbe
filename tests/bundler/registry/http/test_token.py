"""Who is told our name and password, and what a token is worth."""

import base64
import json
import stat

import pytest

from modelbundle.bundler.errors import RegistryError

from ..conftest import DATA, PASSWORD, answering, auths, guarded


@pytest.mark.parametrize("realm", ["https://[bad", "http://[::1", "http://[1]:x/"])
def test_a_token_service_has_an_address(place, liar, realm):
    guarded(liar, realm)
    with pytest.raises(RegistryError, match=r"for a token.*(invalid address|not safe)"):
        place.manifest()


@pytest.mark.parametrize("life", [10**400, -1, True, float("inf"), float("nan"), "soon", []])
def test_a_token_lives_no_longer_than_a_day_whatever_its_service_says(place, liar, life):
    guarded(liar, expires_in=life)
    assert place.manifest() == DATA


def test_a_public_registry_with_tokens_gives_one_to_anybody(place, liar):
    guarded(liar)
    assert place.manifest() == DATA
    asked = next(a for a in liar.asked if a.path.startswith("/token"))
    assert "Authorization" not in asked.headers
    assert "scope=repository%3Ateam%2Firis%3Apull" in asked.path
    assert "service=reg" in asked.path


def test_a_token_is_asked_for_once(place, liar):
    guarded(liar, expires_in=300)
    for _ in range(3):
        place.manifest()
    assert liar.count("GET", "^/token") == 1
    assert liar.count("GET", "^/v2") == 4


def test_our_password_goes_to_the_token_service_alone(place, liar, docker_config):
    docker_config(auths(liar.host))
    guarded(liar)
    assert place.manifest() == DATA
    for asked in liar.asked:
        is_service = asked.path.startswith("/token")
        assert asked.headers.get("Authorization", "").startswith("Basic") is is_service


def test_a_token_that_is_over_is_renewed(place, liar):
    tokens = iter(f"t{number}" for number in range(1000))
    current = ["t0"]

    def renew(handler):
        current[0] = next(tokens)
        return "go on"

    guarded(liar, token=lambda: current[0])
    liar.twist("GET", "^/token", renew)
    assert place.manifest() == DATA
    current[0] = "something else"
    assert place.manifest() == DATA


def test_a_password_is_sent_as_it_is_where_that_is_asked(place, liar, docker_config):
    docker_config(auths(liar.host))
    expected = "Basic " + base64.b64encode(f"me:{PASSWORD}".encode()).decode()

    def check(handler):
        if handler.headers.get("Authorization") == expected:
            return "go on"
        return handler.say(401, b"", {"WWW_Authenticate": 'Basic realm="r"'})

    liar.twist("GET", "^/v2", check)
    assert place.manifest() == DATA


def test_an_identity_token_is_exchanged(place, liar, docker_config):
    docker_config({"auths": {liar.host: {"identitytoken": PASSWORD}}})
    guarded(liar)
    assert place.manifest() == DATA
    asked = next(a for a in liar.asked if a.path.startswith("/token"))
    assert asked.method == "POST"
    assert f"refresh_token={PASSWORD}".encode() in asked.body


def test_a_credential_helper_is_asked(place, liar, docker_config, tmp_path, monkeypatch):
    helper = tmp_path / "bin" / "docker-credential-testing"
    helper.parent.mkdir()
    answer = json.dumps({"ServerURL": liar.host, "Username": "me", "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{helper.parent}:/usr/bin:/bin")
    docker_config({"credHelpers": {liar.host: "testing"}})
    guarded(liar)
    assert place.manifest() == DATA
    asked = next(a for a in liar.asked if a.path.startswith("/token"))
    assert base64.b64decode(asked.headers["Authorization"][6:]) == f"me:{PASSWORD}".encode()


def test_a_broken_helper_is_named_without_what_it_says(place, liar, docker_config, tmp_path):
    docker_config({"credHelpers": {liar.host: "of-nobody"}})
    guarded(liar)
    with pytest.raises(RegistryError, match=f"configuration of `{liar.host}` cannot be used"):
        place.manifest()


def test_the_wrong_password_is_refused_without_repeating_it(place, liar, docker_config):
    docker_config(auths(liar.host))
    guarded(liar)
    liar.twist("GET", "^/token", answering(401, b'{"details":"incorrect"}'))
    with pytest.raises(RegistryError, match=r"token service .* answered 401") as caught:
        place.manifest()
    assert PASSWORD not in str(caught.value) + str(caught.value.hint)
    assert liar.count("GET", "^/token") == 1


def test_a_registry_that_always_asks_is_left(place, liar):
    guarded(liar)
    liar.twist("GET", "^/v2", answering(401, WWW_Authenticate=f'Bearer realm="{liar.url}/token"'))
    with pytest.raises(RegistryError, match=r"does not let strangers pull from `team/iris`"):
        place.manifest()
    assert len(liar.asked) <= 5


@pytest.mark.parametrize("challenge", ["", "Bearer", "Negotiate", 'Basic realm="x"', "=,=,="])
def test_a_challenge_that_nobody_can_meet_is_a_denial(place, liar, challenge):
    liar.twist("GET", "^/v2", answering(401, WWW_Authenticate=challenge))
    with pytest.raises(RegistryError, match=r"does not let strangers|not safe"):
        place.manifest()


@pytest.mark.parametrize(
    "realm",
    [
        "http://tokens.example.com/t", "file:///etc/passwd", "ftp://x/", "//x", "relative",
        "https://user:pw@example.com/t", "", "http://10.0.0.1/t",
    ],
)  # fmt: skip
def test_a_token_service_without_tls_elsewhere_is_refused(place, liar, docker_config, realm):
    docker_config(auths(liar.host))
    guarded(liar, realm)
    with pytest.raises(RegistryError, match="not safe") as caught:
        place.manifest()
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (b"<html>", "did not answer in JSON"), (b"[1]", "with an object"), (b"{}", "gave no token"),
        (b'{"token": 5}', "gave no token"), (b'{"token": "a\\nb"}', "gave no token"),
        (b"x" * 2_000_000, "longer than"), (b"[" * 100_000, "did not answer in JSON"),
    ],
)  # fmt: skip
def test_a_token_service_that_babbles_is_refused(place, liar, body, match):
    guarded(liar)
    liar.twist("GET", "^/token", answering(200, body))
    with pytest.raises(RegistryError, match=match):
        place.manifest()


def test_a_denied_push_says_so(liar, connect):
    body = b'{"errors":[{"code":"DENIED","message":"requested access is denied"}]}'
    liar.twist("PUT", "manifests", answering(403, body))
    with pytest.raises(RegistryError, match=r"does not let strangers push to `x`: DENIED"):
        connect(f"{liar.host}/x", "pull,push").publish(b"{}", ["1"])


def test_a_netrc_is_not_read(place, liar, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    guarded(liar)
    place.manifest()
    assert not any("Basic" in a.headers.get("Authorization", "") for a in liar.asked)
