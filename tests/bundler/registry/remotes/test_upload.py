"""Upload: a blob on its way into a registry, whole or in pieces."""

from dataclasses import replace

import pytest

from modelbundle.bundler.errors import Damaged, RegistryError
from modelbundle.bundler.registry.http.transient_error import TransientError
from modelbundle.bundler.store import Blob

from ..conftest import QUICK, answering, sha

DATA = bytes(range(256)) * 4096  # one MiB
BLOB = Blob(sha(DATA), len(DATA))
PIECES = replace(QUICK, chunk=300_000, smallest=100_000, progress=1000)


@pytest.fixture
def send(liar, connect, tmp_path):
    """Upload bytes to the repository `x`; the way they went."""

    def run(data=DATA, limits=PIECES, mounts=None, blob=None):
        path = tmp_path / "blob"
        path.write_bytes(data)
        place = connect(f"{liar.host}/x", "pull,push", limits)
        place.mounts = mounts or {}
        told = []
        way = place.send(blob or Blob(sha(data), len(data)), path, told.append)
        assert sum(told) == len(data)
        assert min(told) >= 0
        return way

    return run


def arrived(liar, data=DATA):
    return liar.blobs.get(("x", sha(data))) == data


def lose(handler):
    """Take half of a piece, and hang up."""
    upload = handler.route.rpartition("/")[2]
    handler.liar.uploads[upload] += handler.rfile.read(handler.left // 2)
    handler.close_connection = True
    handler.connection.close()


@pytest.mark.parametrize("data", [b"", b"x", DATA])
def test_a_small_blob_travels_in_one_request(send, liar, data):
    assert send(data, QUICK) == "sent"
    assert arrived(liar, data)
    assert [asked.method for asked in liar.asked] == ["POST", "PUT"]


def test_a_large_one_travels_in_pieces(send, liar):
    assert send() == "sent"
    assert arrived(liar)
    ranges = [asked.headers["Content-Range"] for asked in liar.asked if asked.method == "PATCH"]
    assert ranges == ["0-299999", "300000-599999", "600000-899999", "900000-1048575"]
    assert liar.asked[-1].body == b""


def test_a_piece_that_got_lost_is_sent_from_where_it_broke(send, liar):
    liar.twist("PATCH", "uploads", lose, times=2)
    send()
    assert arrived(liar)
    starts = [
        a.headers["Content-Range"].partition("-")[0] for a in liar.asked if a.method == "PATCH"
    ]
    assert starts[:3] == ["0", "150000", "300000"]


def test_patience_begins_anew_with_what_has_arrived(send, liar):
    """A line that always breaks and always brings something is no reason to stop."""
    liar.twist("PATCH", "uploads", lose, times=3 * PIECES.attempts)
    send()
    assert arrived(liar)


def test_an_answer_that_got_lost_is_not_sent_again(send, liar):
    def lose_the_answer(handler):
        liar.blobs["x", BLOB.digest] = DATA
        handler.close_connection = True
        handler.connection.close()

    liar.twist("PUT", "uploads", lose_the_answer)
    send()
    assert liar.count("PUT") == 1


def test_an_upload_that_was_forgotten_begins_again(send, liar):
    def forget(handler):
        liar.uploads.clear()
        return "go on"

    liar.twist("PATCH", "uploads", lambda h: forget(h) if liar.count("PATCH") == 2 else "go on")
    send()
    assert arrived(liar)
    assert liar.count("POST") == 2


def test_a_registry_that_forgets_at_the_end_gets_it_again(send, liar):
    def forget(handler):
        liar.uploads.clear()
        return "go on"

    liar.twist("PUT", "uploads", forget, times=1)
    send(limits=QUICK)
    assert arrived(liar)
    assert liar.count("POST") == 2


def test_a_registry_that_forgets_always_is_left(send, liar):
    liar.twist("PUT", "uploads", answering(404))
    with pytest.raises(TransientError, match="has forgotten an upload"):
        send(limits=QUICK)
    assert liar.count("PUT") == QUICK.attempts


def test_a_registry_that_takes_no_pieces_gets_the_whole(send, liar):
    liar.twist("PATCH", "uploads", answering(405))
    send()
    assert arrived(liar)
    assert liar.count("PATCH") == 1


@pytest.mark.parametrize("limit", [150_000, 290_000])
def test_too_much_at_once_is_halved(send, liar, limit):
    def check(handler):
        if int(handler.headers["Content-Length"]) <= limit:
            return "go on"
        handler.close_connection = True
        return handler.say(413)

    liar.twist("PATCH", "uploads", check)
    liar.twist("PUT", "uploads", check)
    send()
    assert arrived(liar)
    liar.blobs.clear()
    send(limits=replace(PIECES, chunk=len(DATA)))
    assert arrived(liar)


def test_a_registry_that_takes_nothing_is_left(send, liar):
    liar.twist("PATCH", "uploads", answering(413, b"quota", Content_Type="text/plain"))
    with pytest.raises(RegistryError, match="answered 413 for a piece of an upload"):
        send()
    assert liar.count("PATCH") < 5


def test_pieces_are_not_smaller_than_the_registry_wants(send, liar):
    def begin(handler):
        liar.uploads["u"] = b""
        location = "/v2/x/blobs/uploads/u"
        handler.say(202, b"", {"Location": location, "OCI_Chunk_Min_Length": "500000"})

    liar.twist("POST", "uploads", begin)
    send()
    assert arrived(liar)
    ranges = [a.headers["Content-Range"] for a in liar.asked if a.method == "PATCH"]
    assert ranges[0] == "0-499999"


def test_a_blob_of_another_repository_is_mounted(send, liar):
    liar.blobs["y/z", BLOB.digest] = DATA
    assert send(mounts={BLOB.digest: "y/z"}) == "mounted"
    assert arrived(liar)
    assert len(liar.asked) == 1


def test_what_cannot_be_mounted_travels(send, liar):
    assert send(mounts={BLOB.digest: "gone/away"}) == "sent"
    liar.blobs.clear()
    liar.twist("POST", "mount=", answering(403))
    assert send(mounts={BLOB.digest: "not/ours"}) == "sent"
    assert arrived(liar)


@pytest.mark.parametrize("claimed", ["0-9999999", "0-300000"])
def test_a_registry_that_claims_more_than_was_sent_is_refused(send, liar, claimed):
    location = "/v2/x/blobs/uploads/u"

    def act(handler):
        handler.rfile.read(handler.left)
        handler.say(202, b"", {"Location": location, "Range": claimed})

    liar.twist("PATCH", "uploads", act)
    with pytest.raises(RegistryError, match=r"claims .* bytes of an upload"):
        send()


@pytest.mark.parametrize("kept", ["0-0", "0-9"])
def test_a_registry_that_keeps_nothing_of_any_piece_is_left(send, liar, kept):
    where = "/v2/x/blobs/uploads/1"
    liar.twist("POST", "uploads", answering(202, Location=where))
    liar.twist("PATCH", "uploads", answering(202, Location=where, Range=kept))
    liar.twist("GET", "uploads", answering(204, Location=where, Range=kept))
    with pytest.raises(TransientError, match="keeps nothing"):
        send()
    assert liar.count("PATCH") < 20


def test_an_upload_elsewhere_is_refused_unless_safe(send, liar):
    liar.twist("POST", "uploads", answering(202, Location="http://evil.example.com/up"))
    with pytest.raises(RegistryError, match="not safe to go"):
        send()


def test_our_own_damage_is_told_as_ours(send, liar):
    with pytest.raises(Damaged, match="has changed in the store"):
        send(b"y" * 10, QUICK, blob=Blob(sha(b"x" * 10), 10))


def test_a_registry_that_calls_right_wrong_is_told_as_its_own(send, liar):
    liar.twist("PUT", "uploads", answering(400, b'{"errors":[{"code":"DIGEST_INVALID"}]}'))
    with pytest.raises(RegistryError, match=r"answered 400 .*DIGEST_INVALID"):
        send(limits=QUICK)


def test_a_registry_that_always_hangs_up_is_left(send, liar):
    liar.twist("PATCH", "uploads", lambda h: h.connection.close())
    with pytest.raises(TransientError):
        send()
    assert liar.count("PATCH") == QUICK.attempts
