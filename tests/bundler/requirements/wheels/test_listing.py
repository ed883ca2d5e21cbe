"""What a wheel holds, read where it lies: in a folder, in a range behind HTTP, or from memory."""

import zipfile
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.errors import ResolveError
from modelbundle.bundler.requirements.lock.package import Package
from modelbundle.bundler.requirements.requirements import Requirement, Requirements
from modelbundle.bundler.requirements.resolving.resolution import resolve
from modelbundle.bundler.requirements.target import Target
from modelbundle.bundler.requirements.wheels.collisions import check_lock
from modelbundle.bundler.requirements.wheels.listing import listings, parse


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def package(path, url, digest="ab" * 32):
    return Package("alpha", "1.0", {path.name: digest}, urls={path.name: url})


def test_a_wheel_in_a_folder_is_opened(tmp_path, make_wheel):
    made = make_wheel(tmp_path / "w", "alpha", "1.0", files={"alpha/a.py": "x = 1\n"})
    for place in (str(made), made.as_uri()):
        (listing,) = listings([package(made, place)]).values()
        assert list(listing) == ["alpha/a.py"]
        assert listing["alpha/a.py"].startswith("sha256=")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_wheel_behind_http_is_read_in_ranges_and_once(serve_index, make_wheel, ranges):
    served = serve_index(ranges=ranges)
    large = {"alpha/a.py": "x = 1\n", "big.bin": "".join(map(str, range(100_000)))}
    made = make_wheel(served.root / "alpha", "alpha", "1.0", files=large)
    found = listings([package(made, f"{served.url}/alpha/{made.name}")])
    assert sorted(found["alpha"]) == ["alpha/a.py", "big.bin"]
    assert len(served.asked) <= 2
    served.asked.clear()
    assert listings([package(made, f"{served.url}/alpha/{made.name}")]) == found
    assert listings([package(made, "")], offline=True) == found
    assert served.asked == []


def test_a_directory_longer_than_the_tail_takes_another_range(serve_index, make_wheel):
    served = serve_index()
    many = {f"alpha/{'n' * 60}{number}.py": f"{number}" for number in range(2500)}
    made = make_wheel(served.root / "alpha", "alpha", "1.0", files=many)
    found = listings([package(made, f"{served.url}/alpha/{made.name}")])
    assert len(found["alpha"]) == 2500
    assert 1 < len(served.asked) <= 4


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_wheel_is_left_out(tmp_path, content):
    (tmp_path / "alpha-1.0-py3-none-any.whl").write_bytes(content)
    path = tmp_path / "alpha-1.0-py3-none-any.whl"
    assert listings([package(path, str(path))]) == {}


def test_a_server_that_is_not_there_or_says_no_leaves_it_out(serve_index, tmp_path):
    path = tmp_path / "alpha-1.0-py3-none-any.whl"
    served = serve_index()
    for url in ("http://127.0.0.1:9/x.whl", f"{served.url}/none.whl"):
        assert listings([package(path, url)]) == {}


@contextmanager
def answering(head):
    """A server that says so much, and then sends bytes for as long as somebody reads them."""
    sent = [0]

    class Endless(StreamRequestHandler):
        def handle(self):
            while self.rfile.readline().strip():
                pass
            with suppress(OSError):
                self.wfile.write(head + b"\r\n\r\n")
                while sent[0] < 1 << 28:
                    sent[0] += self.request.send(bytes(1 << 16))

    with ThreadingTCPServer(("127.0.0.1", 0), Endless) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/alpha.whl", sent
        server.shutdown()


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 404 No\r\nContent-Length: 9999999999",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-9/9999999999",
        b"HTTP/1.1 206 Part\r\nContent-Range: bytes 9-9/9",
        b"HTTP/1.1 206 Part\r\nContent-Range: bytes 9-5/4",
        b"HTTP/1.1 206 Part\r\nContent-Range: bytes */4",
        b"HTTP/1.1 206 Part",
        b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 9999999999",
    ],
)
def test_a_server_that_never_ends_is_left(head, tmp_path):
    """What it sends is neither kept nor waited for."""
    with answering(head) as (url, sent):
        assert listings([package(tmp_path / "alpha-1.0-py3-none-any.whl", url)]) == {}
    assert sent[0] < 1 << 26


def test_credentials_are_those_of_the_index_or_of_netrc(
    serve_index, make_wheel, monkeypatch, tmp_path
):
    from modelbundle.bundler.requirements.index import Index

    served = serve_index(credentials="ann:secret")
    made = make_wheel(served.root / "alpha", "alpha", "1.0")
    wanted = package(made, f"{served.url}/alpha/{made.name}")
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    assert listings([wanted]) == {}
    monkeypatch.setenv("UV_INDEX_OUR_OWN_USERNAME", "ann")
    monkeypatch.setenv("UV_INDEX_OUR_OWN_PASSWORD", "secret")
    monkeypatch.setenv("BUNDLE_INDEX_OUR_OWN_HOST", served.url)
    assert "alpha" in listings([wanted], [Index(served.url, "our-own")])
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    other = package(made, f"{served.url}/alpha/{made.name}", "cd" * 32)
    assert "alpha" in listings([other])


def test_paths_are_where_they_will_be():
    text = (
        "a.py,sha256=1,1\na-1.0.data/purelib/b.py,sha256=2,1\na-1.0.data/scripts/run,sha256=3,1\n"
        "a-1.0.dist-info/METADATA,sha256=4,1\n__pycache__/a.pyc,sha256=5,1\nc.py,,\n"
    )
    assert parse(text) == {"a.py": "sha256=1", "b.py": "sha256=2", "../../../bin/run": "sha256=3"}


@given(st.text(max_size=200))
def test_any_text_is_some_listing(text):
    with suppress(ValueError):
        assert isinstance(parse(text), dict)


def test_a_record_that_is_a_bomb_is_not_read(tmp_path):
    path = tmp_path / "alpha-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("alpha-1.0.dist-info/RECORD", b"0" * (65 << 20))
    assert listings([package(path, str(path))]) == {}


def test_torch_and_xgboost_bring_two_libraries_of_one_name(index, monkeypatch):
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    wanted = tuple(Requirement(text, "us") for text in ("torch==2.13.0", "xgboost==3.2.0"))
    target = Target("3.11", "linux/amd64")
    packages = resolve(Requirements(wanted), target)
    with pytest.raises(ResolveError, match=r"`nvidia/nccl/lib/libnccl\.so\.2`.*nvidia-nccl-cu12"):
        check_lock(packages, listings(packages))
    lean = resolve(
        Requirements(wanted), Target("3.11", "linux/amd64", excludes=("nvidia-nccl-cu12",))
    )
    assert "nvidia-nccl-cu12" not in {package.name for package in lean}
    check_lock(lean, listings(lean))
