"""Registry: what is asked, who is told our name, and what is refused."""

import json
import threading
import time
from dataclasses import replace

import pytest

from modelbundle.bundler.errors import Damaged, RegistryError
from modelbundle.bundler.registry.http.transient_error import TransientError
from modelbundle.bundler.store import Blob

from ..conftest import DATA, QUICK, answering, auths, guarded, sha


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
