"""Download: a blob on its way here, over lines that break and from registries that lie."""

import threading

import pytest

from modelbundle.bundler.errors import Damaged, RegistryError
from modelbundle.bundler.registry.http.retry import Retry
from modelbundle.bundler.registry.http.transient_error import TransientError
from modelbundle.bundler.registry.remotes.download import Download
from modelbundle.bundler.store import Blob

from ..conftest import QUICK, answering, sha

DATA = bytes(range(256)) * 4096  # one MiB
BLOB = Blob(sha(DATA), len(DATA))


@pytest.fixture
def fetch(liar, connect, tmp_path):
    """Fetch a blob of the repository `x`; its bytes, and what progress was told."""
    liar.blobs["x", BLOB.digest] = DATA
    place = connect(f"{liar.host}/x")

    def run(blob=BLOB):
        told = []
        path = tmp_path / "blob"
        retry = Retry(QUICK, threading.Event())
        Download(place, blob, retry, told.append).to_file(path)
        return path.read_bytes(), sum(told)

    return run


def breaking(size, *, claimed=None, ranges=True):
    """Send `size` bytes of what is asked for, and hang up."""

    def act(handler):
        asked = handler.headers.get("Range") if ranges else None
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        if claimed != "chunked":
            handler.send_header("Content-Length", str(claimed or len(DATA) - start))
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(DATA[start : start + size])
        handler.close_connection = True

    return act


def test_a_blob_arrives(fetch, liar):
    assert fetch() == (DATA, len(DATA))
    assert liar.count("GET") == 1


def test_an_empty_blob_needs_no_request(fetch, liar):
    assert fetch(Blob(sha(b""), 0)) == (b"", 0)
    assert not liar.asked


def test_a_line_that_breaks_is_taken_up_where_it_broke(fetch, liar):
    liar.twist("GET", "blobs", breaking(300_000), times=2)
    assert fetch() == (DATA, len(DATA))
    assert [a.headers.get("Range") for a in liar.asked] == [
        None, "bytes=300000-", "bytes=600000-",
    ]  # fmt: skip


def test_who_cannot_begin_in_the_middle_sends_it_again(fetch, liar):
    liar.twist("GET", "blobs", breaking(len(DATA), ranges=False), times=1)
    liar.twist("GET", "blobs", breaking(300_000, ranges=False), times=1)
    assert fetch() == (DATA, len(DATA))


def test_a_line_that_always_breaks_is_given_up(fetch, liar):
    liar.twist("GET", "blobs", breaking(100))
    with pytest.raises(TransientError, match="broke off after 300 of 1,048,576"):
        fetch()
    assert liar.count("GET") == QUICK.attempts


def test_a_bit_that_differs_is_found(fetch, liar):
    liar.blobs["x", BLOB.digest] = DATA[:-1] + b"\0"
    with pytest.raises(Damaged, match="nothing was taken"):
        fetch()
    assert liar.count("GET") == 1


@pytest.mark.parametrize("size", [len(DATA) - 1, len(DATA) + 1, 0, 10**15])
def test_another_length_is_refused_before_a_byte_is_read(fetch, liar, size):
    liar.twist("GET", "blobs", breaking(10, claimed=size or 1))
    with pytest.raises(Damaged, match="its manifest says 1,048,576"):
        fetch()
    assert liar.count("GET") == 1


def test_an_endless_body_is_cut_at_the_length(fetch, liar, tmp_path):
    sent = [0]

    def endless(handler):
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        while True:
            handler.wfile.write(DATA)
            sent[0] += len(DATA)

    liar.twist("GET", "blobs", endless)
    with pytest.raises(Damaged, match="longer than the 1,048,576 bytes"):
        fetch()
    assert (tmp_path / "blob").stat().st_size <= len(DATA)
    assert sent[0] < 50 * len(DATA)


@pytest.mark.parametrize("stated", ["", "bytes 5-9/10", "bytes 0-9/10", "nonsense", "bytes */10"])
def test_another_range_than_asked_for_is_refused(fetch, liar, stated):
    wrong, begins = answering(206, b"0123456789", Content_Range=stated), breaking(300_000)
    # Not by turns: on a busy machine the first answer may be late, and be asked for again.
    liar.twist("GET", "blobs", lambda here: (wrong if here.headers.get("Range") else begins)(here))
    with pytest.raises(RegistryError, match="from byte 300,000 on"):
        fetch()


def test_a_blob_that_is_not_there_is_told(fetch):
    with pytest.raises(RegistryError, match=r"answered 404 for the blob .*BLOB_UNKNOWN: no blob"):
        fetch(Blob(sha(b"other"), 5))


def test_compressed_on_the_way_is_not_what_was_asked_for(fetch, liar):
    import gzip

    packed = gzip.compress(DATA)
    packed += b"\0" * (len(DATA) - len(packed))
    liar.twist("GET", "blobs", answering(200, packed, Content_Encoding="gzip"))
    with pytest.raises(Damaged, match="nothing was taken"):
        fetch()
    assert liar.asked[0].headers["Accept-Encoding"] == "identity"
