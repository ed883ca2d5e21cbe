"""LayerTar: the same bytes from the same members, readable from anywhere in the middle."""

import hashlib
import io
import os
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.errors import Damaged
from modelbundle.bundler.layers.layer_tar import LayerTar
from modelbundle.bundler.layers.member import TIME, Member
from modelbundle.runtime import digest

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"),
    min_size=1,
    max_size=60,
).filter(lambda name: name not in {".", ".."} and len(name.encode()) < 256)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


def whole(tar):
    return b"".join(tar.read(0, tar.size))


def read(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}


@given(st.dictionaries(PATHS, st.binary(max_size=1500), max_size=6), st.randoms())
def test_every_name_and_content_arrives_whatever_order_they_are_given_in(contents, random):
    folders = {name.rpartition("/")[0] for name in contents}
    files = {name: data for name, data in contents.items() if not _is_above(name, contents)}
    members = [Member.of_bytes(name, data) for name, data in files.items()]
    data = whole(LayerTar(members))
    assert read(data) == files
    random.shuffle(members)
    assert whole(LayerTar(members)) == data
    assert len(data) == LayerTar(members).size
    assert folders is not None


def _is_above(name, others):
    return any(other.startswith(f"{name}/") for other in others)


@given(st.integers(0, 20_000), st.integers(0, 20_000))
def test_any_part_of_it_can_be_read_alone(start, size):
    tar = LayerTar(Member.of_bytes(f"opt/{n}", bytes([n]) * n * 300) for n in range(1, 8))
    data = whole(tar)
    size = min(size, max(0, len(data) - start))
    assert b"".join(tar.read(start, size)) == data[start : start + size]


def test_its_digest_is_that_of_its_bytes(tmp_path):
    (tmp_path / "weights").write_bytes(b"w" * 3_000_000)
    tar = LayerTar([Member("opt/weights", tmp_path / "weights", 3_000_000)])
    counted = []
    assert tar.blob(counted.append).digest == f"sha256:{hashlib.sha256(whole(tar)).hexdigest()}"
    assert sum(counted) == 3_000_000


def test_folders_are_written_down_and_links_point_where_they_did(tmp_path):
    tar = LayerTar([Member("opt/python/bin/python3", link="python3.11")])
    with tarfile.open(fileobj=io.BytesIO(whole(tar))) as archive:
        assert archive.getnames() == [
            "opt",
            "opt/python",
            "opt/python/bin",
            "opt/python/bin/python3",
        ]
        assert archive.getmember("opt/python/bin/python3").linkname == "python3.11"


def test_everything_is_roots_and_has_the_mode_of_its_kind():
    tar = LayerTar(
        [
            Member.of_bytes("bin/data", b"a"),
            Member("bin/program", b"#!", 2, executable=True),
            Member("bin/other", link="program"),
        ]
    )
    with tarfile.open(fileobj=io.BytesIO(whole(tar))) as archive:
        found = {each.name: each for each in archive}
    assert {name: each.mode for name, each in found.items()} == {
        "bin": 0o755, "bin/data": 0o644, "bin/program": 0o755, "bin/other": 0o777
    }  # fmt: skip
    assert {(each.uid, each.gid, each.mtime) for each in found.values()} == {(0, 0, TIME)}
    assert found["bin"].isdir()
    assert found["bin/other"].issym()


def test_modes_times_and_owners_on_disk_mean_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"a")
    before = whole(LayerTar([Member("a", path, 1)]))
    path.chmod(0o600)
    os.utime(path, (1, 1))
    assert whole(LayerTar([Member("a", path, 1)])) == before


def test_a_file_that_differs_is_noticed(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    said = digest.of_bytes(b"abc")
    path.write_bytes(b"abd")
    with pytest.raises(Damaged, match="opt/a"):
        LayerTar([Member("opt/a", path, 3, digest=said)]).blob()
    path.write_bytes(b"abcd")
    with pytest.raises(Damaged, match="opt/a"):
        LayerTar([Member("opt/a", path, 3)]).blob()
    path.unlink()
    with pytest.raises(Damaged, match="cannot be read"):
        LayerTar([Member("opt/a", path, 3)]).blob()


def test_no_file_stays_open_wherever_reading_ends(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    tar = LayerTar([Member("a", path, 3, digest=digest.of_bytes(b"abc"))])
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    tar.blob()
    assert b"abc" in whole(tar)
    assert b"".join(tar.read(tar.size - 2048, 1)) == b"a"
    with pytest.raises(Damaged):
        LayerTar([Member("a", path, 4)]).blob()
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_link_is_not_followed_into_the_image(tmp_path):
    (tmp_path / "secret").write_bytes(b"abc")
    (tmp_path / "a").symlink_to(tmp_path / "secret")
    with pytest.raises(Damaged):
        LayerTar([Member("opt/a", tmp_path / "a", 3)]).blob()
