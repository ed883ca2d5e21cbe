"""Content: bytes on their way from one place to another, wherever a connection breaks off."""

import hashlib

import pytest

from modelbundle.bundler.errors import Damaged
from modelbundle.bundler.registry.http.transient_error import TransientError
from modelbundle.bundler.registry.reference import parse
from modelbundle.bundler.registry.remotes.content import FileContent
from modelbundle.bundler.registry.remotes.directory import Directory
from modelbundle.bundler.registry.remotes.remote_content import RemoteContent
from modelbundle.bundler.store import Blob

DATA = bytes(range(256)) * 2000


def blob(data=DATA):
    return Blob(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data))


@pytest.fixture
def layout(tmp_path):
    directory = Directory(parse(f"oci:{tmp_path / 'layout'}"))
    directory.prepare()
    return directory


def test_a_file_is_read_from_anywhere(tmp_path):
    (tmp_path / "a").write_bytes(DATA)
    assert b"".join(FileContent(tmp_path / "a").read(1000, 300_000)) == DATA[1000:301_000]
    with pytest.raises(Damaged, match="shorter than it was"):
        b"".join(FileContent(tmp_path / "a").read(0, len(DATA) + 1))


def test_a_blob_of_a_registry_goes_on_where_its_connection_broke_off(liar, connect):
    """Each answer is cut in half; none of its bytes comes twice."""
    liar.blobs["iris", blob().digest] = DATA
    cuts = []

    def cut(handler):
        start = int((handler.headers.get("Range") or "bytes=0-").split("=")[1].rstrip("-"))
        rest = DATA[start:]
        cuts.append(start)
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(rest)))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        handler.end_headers()
        handler.wfile.write(rest[: len(rest) // 2])
        handler.close_connection = True

    liar.twist("GET", r"/blobs/sha256", cut, times=2)
    content = RemoteContent(connect(f"{liar.host}/iris:1"), blob())
    assert b"".join(content.read(10, len(DATA) - 20)) == DATA[10:-10]
    assert cuts[0] == 10
    assert cuts[1] > 10


def test_a_registry_that_breaks_off_again_and_again_is_given_up(liar, connect):
    liar.blobs["iris", blob().digest] = DATA

    def nothing(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(DATA)))
        handler.end_headers()
        handler.close_connection = True

    liar.twist("GET", r"/blobs/sha256", nothing)
    content = RemoteContent(connect(f"{liar.host}/iris:1"), blob())
    with pytest.raises(TransientError):
        b"".join(content.read(0, len(DATA)))


def test_what_need_not_be_a_file_travels_from_layout_to_registry_and_back(
    layout, liar, connect, tmp_path
):
    (tmp_path / "a").write_bytes(DATA)
    counted = []
    assert layout.upload(blob(), FileContent(tmp_path / "a"), counted.append) == "sent"
    registry = connect(f"{liar.host}/iris:1", "pull,push")
    registry.upload(blob(), RemoteContent(layout, blob()), counted.append)
    assert liar.blobs["iris", blob().digest] == DATA
    assert sum(counted) == 2 * len(DATA)


def test_other_bytes_than_the_digest_says_get_nowhere(layout, tmp_path):
    (tmp_path / "a").write_bytes(DATA[:-1] + b"x")
    with pytest.raises(Damaged):
        layout.upload(blob(), FileContent(tmp_path / "a"), lambda _: None)
    assert not layout.has(blob())
