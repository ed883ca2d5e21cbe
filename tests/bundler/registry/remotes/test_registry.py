"""Registry: what is asked, who is told our name, and what is refused."""

import base64
import json
import stat
import threading
import time
from dataclasses import replace

import pytest

from modelbundle.bundler.errors import Damaged, RegistryError
from modelbundle.bundler.registry.http.transient_error import TransientError
from modelbundle.bundler.store import Blob

from ..conftest import QUICK, answering, sha

PASSWORD = "hunter2-hunter2"
DATA = b"a manifest"


@pytest.fixture
def place(liar, connect):
    """A repository with one manifest, tagged `latest`."""
    liar.manifests["team/iris", "latest"] = DATA
    return connect(f"{liar.host}/team/iris")


def auths(host, name="me", password=PASSWORD):
    secret = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"auths": {host: {"auth": secret}}}


def guarded(liar, realm=None, *, token="t0ken", **document):
    """Let the registry ask for a token, which `/token` gives."""
    challenge = f'Bearer realm="{liar.url + "/token" if realm is None else realm}",service="reg"'
    tokens = token if callable(token) else lambda: token

    def check(handler):
        if handler.headers.get("Authorization") == f"Bearer {tokens()}":
            return "go on"
        return handler.say(401, b"{}", {"WWW_Authenticate": challenge})

    def give(handler):
        handler.say(200, json.dumps({"token": tokens()} | document).encode())

    for method in ("GET", "HEAD", "POST", "PUT", "PATCH"):
        liar.twist(method, "^/v2/", check)
    liar.twist("GET", "^/token", give)
    liar.twist("POST", "^/token", give)


def test_a_manifest_is_got_by_tag(place, liar):
    assert place.manifest() == DATA
    assert "Authorization" not in liar.asked[0].headers
    assert "image.manifest.v1" in liar.asked[0].headers["Accept"]


def test_a_manifest_is_got_by_digest(liar, connect):
    liar.manifests["x", sha(DATA)] = DATA
    assert connect(f"{liar.host}/x@{sha(DATA)}").manifest() == DATA


@pytest.mark.parametrize("by_digest", [True, False])
def test_another_manifest_than_promised_is_refused(liar, connect, by_digest):
    liar.manifests["x", sha(DATA)] = b"another"
    liar.twist("GET", "/manifests/t", answering(200, b"another", Docker_Content_Digest=sha(DATA)))
    with pytest.raises(Damaged, match="another manifest"):
        connect(f"{liar.host}/x@{sha(DATA)}" if by_digest else f"{liar.host}/x:t").manifest()


@pytest.mark.parametrize("realm", ["https://[bad", "http://[::1", "http://[1]:x/"])
def test_a_token_service_has_an_address(place, liar, realm):
    guarded(liar, realm)
    with pytest.raises(RegistryError, match=r"for a token.*(invalid address|not safe)"):
        place.manifest()


@pytest.mark.parametrize("life", [10**400, -1, True, float("inf"), float("nan"), "soon", []])
def test_a_token_lives_no_longer_than_a_day_whatever_its_service_says(place, liar, life):
    guarded(liar, expires_in=life)
    assert place.manifest() == DATA


def test_what_is_not_there_is_said_with_the_way_in(connect, liar):
    with pytest.raises(RegistryError, match="is not there, or only for those") as caught:
        connect(f"{liar.host}/x").manifest()
    assert f"docker login {liar.host}" in caught.value.hint


def test_a_page_for_people_is_no_manifest(place, liar):
    liar.twist("GET", "manifests", answering(200, b"<html>", Content_Type="text/html; charset=x"))
    with pytest.raises(RegistryError, match=r"a page \(text/html\)"):
        place.manifest()


@pytest.mark.parametrize("size", [5_000_000, 4 * 2**20 + 1])
def test_a_manifest_has_a_limit(place, liar, size):
    liar.twist("GET", "manifests", answering(200, b"x" * size))
    with pytest.raises(RegistryError, match="longer than 4,194,304"):
        place.manifest()


def test_an_endless_manifest_is_cut(place, liar):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    liar.twist("GET", "manifests", endless)
    with pytest.raises(RegistryError, match="longer than"):
        place.manifest()


def dripping(gap, *, head=False):
    """A body, or already its head, byte by byte."""

    def drip(handler):
        handler.close_connection = True
        if not head:
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        for _ in range(1000):
            handler.wfile.write(b"x")
            time.sleep(gap)

    return drip


def test_a_manifest_that_drips_is_cut(liar, connect):
    liar.twist("GET", "manifests", dripping(0.05))
    with pytest.raises(RegistryError, match="takes longer than"):
        connect(f"{liar.host}/x", limits=replace(QUICK, answer=0.3)).manifest()


def test_an_answer_whose_head_drips_is_cut(liar, connect):
    liar.twist("GET", "manifests", dripping(0.05, head=True))
    with pytest.raises(RegistryError):
        connect(f"{liar.host}/x", limits=replace(QUICK, answer=0.3)).manifest()
    assert liar.count("GET") <= QUICK.attempts


def test_a_blob_that_drips_is_given_up(liar, connect):
    blob = Blob(sha(b"x" * 1000), 1000)
    liar.twist("GET", "blobs", dripping(0.05))
    place = connect(f"{liar.host}/x", limits=replace(QUICK, window=0.2))
    with pytest.raises(RegistryError, match="bytes a second") as caught:
        list(place.read(blob, 0).pieces)
    assert not isinstance(caught.value, TransientError)


# Trouble that passes


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_registry_is_asked_again(place, liar, status):
    liar.twist("GET", "manifests", answering(status), times=2)
    assert place.manifest() == DATA
    assert liar.count("GET") == 3


def test_it_is_not_asked_for_ever(place, liar):
    liar.twist("GET", "manifests", answering(503, b"under repair", Content_Type="text/plain"))
    with pytest.raises(RegistryError, match="answered 503: under repair"):
        place.manifest()
    assert liar.count("GET") == QUICK.attempts


def test_an_error_that_does_not_pass_is_told_at_once(place, liar):
    body = json.dumps({"errors": [{"code": "UNSUPPORTED", "message": "no\x1b[31m such\nthing"}]})
    liar.twist("GET", "manifests", answering(400, body.encode()))
    with pytest.raises(RegistryError, match=r"answered 400 .*UNSUPPORTED: no\?\[31m such thing"):
        place.manifest()
    assert liar.count("GET") == 1


def test_retry_after_is_kept(place, liar):
    liar.twist("GET", "manifests", answering(429, Retry_After="1"), times=1)
    place._exchange.limits = replace(QUICK, longest=5)
    began = time.monotonic()
    assert place.manifest() == DATA
    assert time.monotonic() - began >= 1


def test_too_long_a_wait_is_told_instead(place, liar):
    liar.twist("GET", "manifests", answering(429, Retry_After="3600"))
    with pytest.raises(RegistryError, match="left alone for 3600 s") as caught:
        place.manifest()
    assert liar.count("GET") == 1
    assert "later" in caught.value.hint


def test_a_connection_that_breaks_is_made_again(place, liar):
    def break_off(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "10")
        handler.end_headers()
        handler.wfile.write(b"a man")
        handler.close_connection = True

    liar.twist("GET", "manifests", break_off, times=2)
    assert place.manifest() == DATA


def test_nobody_there_is_told_soon(connect):
    with pytest.raises(
        RegistryError, match=r"127\.0\.0\.1:1` cannot be reached: connection refus"
    ) as told:
        connect("127.0.0.1:1/x").manifest()
    assert "Start the registry" in told.value.hint


def test_a_proxy_that_is_not_there_is_told_with_its_variable(connect, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://me:hunter2@127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(RegistryError, match=r"The proxy `127\.0\.0\.1:1` on the way") as told:
        connect("registry.example.com/x").manifest()
    assert "hunter2" not in str(told.value)
    assert "HTTPS_PROXY" in told.value.hint


def test_a_name_that_nobody_has_is_told(connect):
    with pytest.raises(RegistryError, match=r"host `nobody"):
        connect("nobody.invalid/x").manifest()


def test_cutting_brings_a_waiting_thread_back(place, liar):
    asked, is_over, failures = threading.Event(), threading.Event(), []

    def silent(_handler):
        asked.set()
        is_over.wait(150)

    def ask():
        try:
            place.manifest()
        except RegistryError as error:
            failures.append(error)

    place._exchange._wire._limits = replace(QUICK, answer=60)
    liar.twist("GET", "manifests", silent)
    thread = threading.Thread(target=ask)
    thread.start()
    assert asked.wait(90)
    place.cut()
    thread.join(90)
    assert not thread.is_alive()
    is_over.set()
    assert failures
    assert liar.count("GET") == 1


# Where we are sent


def test_a_blob_is_fetched_from_storage_elsewhere_without_our_name(
    make_liar, connect, docker_config
):
    liar, storage = make_liar(), make_liar()
    guarded(liar)
    docker_config(auths(liar.host))
    liar.twist("GET", "/blobs/", answering(307, Location=f"{storage.url}/signed?secret=1"))
    guarded(liar)
    storage.twist("GET", "signed", answering(200, b"bytes"))
    place = connect(f"{liar.host}/x")
    assert b"".join(place.read(Blob(sha(b"bytes"), 5), 0).pieces) == b"bytes"
    assert any("Authorization" in asked.headers for asked in liar.asked)
    assert [asked.headers.get("Authorization") for asked in storage.asked] == [None]


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://169.254.169.254/", "ftp://x/"])
def test_an_unsafe_redirect_is_refused(place, liar, location):
    liar.twist("GET", "manifests", answering(302, Location=location))
    with pytest.raises(RegistryError, match="not safe to go"):
        place.manifest()


def test_a_redirect_to_nowhere_is_refused(place, liar):
    liar.twist("GET", "manifests", answering(302))
    with pytest.raises(RegistryError, match="without a `Location`"):
        place.manifest()


def test_redirects_end(place, liar):
    liar.twist("GET", ".", lambda h: h.say(302, b"", {"Location": h.path + "x"}))
    with pytest.raises(RegistryError, match="redirects too often"):
        place.manifest()
    assert liar.count("GET") == 5


def test_an_upload_is_never_redirected(liar, connect):
    liar.twist("PUT", "manifests", answering(307, Location=liar.url + "/elsewhere"))
    with pytest.raises(RegistryError, match="answered 307"):
        connect(f"{liar.host}/x", "pull,push").publish(b"{}", ["1"])
    assert liar.count("PUT") == 1


# Who we are


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


HALF_READ = b'{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match"}]}'


def test_a_manifest_that_somebody_else_writes_right_now_is_put_again(liar, connect):
    liar.twist("PUT", "manifests", answering(400, HALF_READ), times=2)
    connect(f"{liar.host}/x", "pull,push").publish(b"{}", ["1"])
    assert liar.manifests["x", "1"] == b"{}"
    assert liar.count("PUT", "manifests") == 3


def test_a_manifest_that_is_never_taken_is_given_up(liar, connect):
    liar.twist("PUT", "manifests", answering(400, HALF_READ))
    with pytest.raises(RegistryError, match="answered 400 for the manifest `1`: DIGEST_INVALID"):
        connect(f"{liar.host}/x", "pull,push").publish(b"{}", ["1"])
    assert liar.count("PUT", "manifests") == QUICK.attempts


def test_another_refusal_of_a_manifest_is_not_tried_again(liar, connect):
    body = b'{"errors":[{"code":"MANIFEST_INVALID","message":"no"}]}'
    liar.twist("PUT", "manifests", answering(400, body))
    with pytest.raises(RegistryError, match="MANIFEST_INVALID"):
        connect(f"{liar.host}/x", "pull,push").publish(b"{}", ["1"])
    assert liar.count("PUT", "manifests") == 1


def test_a_netrc_is_not_read(place, liar, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {PASSWORD}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    guarded(liar)
    place.manifest()
    assert not any("Basic" in a.headers.get("Authorization", "") for a in liar.asked)


def test_no_cookie_is_kept(place, liar):
    liar.twist("GET", "manifests", answering(503, Set_Cookie="session=1; Path=/"), times=1)
    place.manifest()
    assert not any("Cookie" in asked.headers for asked in liar.asked)


def test_thanks_for_a_manifest_are_believed_where_it_is_there(liar, connect):
    """A page of something in between is a 200, and so is an answer that broke off in its head."""
    liar.twist("PUT", "manifests/1", answering(200))
    with pytest.raises(RegistryError, match="answered 200 for the manifest `1`, and does not"):
        connect(f"{liar.host}/x", "pull,push").publish(b"{}", ["1"])

    def keep_and_say_nothing(handler):
        handler.liar.manifests["x", "2"] = handler.body
        handler.say(201)

    liar.twist("PUT", "manifests/2", keep_and_say_nothing)
    connect(f"{liar.host}/x", "pull,push").publish(b"{}", ["2"])


def test_a_registry_that_says_no_digest_is_asked_for_the_manifest(liar, connect):
    liar.manifests["x", "1"] = b"{}"
    liar.twist("HEAD", "manifests", answering(200))
    assert connect(f"{liar.host}/x").digest("1") == sha(b"{}")
    assert connect(f"{liar.host}/x").digest("2") is None
    liar.twist("GET", "manifests", answering(200, b"<p>Log in."))
    with pytest.raises(RegistryError, match="not JSON instead of a manifest"):
        connect(f"{liar.host}/x").digest("1")
