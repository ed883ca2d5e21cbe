"""Archives of strangers: every trick is refused with one line, and nothing is written outside."""

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.errors import InvalidSource
from modelbundle.bundler.saving.foreign import unpacking

NAMES = [
    "../out", "a/../../out", "/tmp/out", "a//b", "./", "..", "a/./b", "a\\..\\out", "C:\\out", "a\nb",
    "a\x1b[2J", "x" * 1100, "a/..", "//out", "a\u202eb",
]  # fmt: skip


@pytest.fixture
def unpack(tmp_path):
    """Unpack into a directory, beside which nothing may appear."""

    def into(path):
        directory = tmp_path / "private"
        directory.mkdir()
        before = sorted(tmp_path.iterdir())
        try:
            assert unpacking.is_archive(path)
            return unpacking.unpack(path, directory)
        finally:
            assert sorted(tmp_path.iterdir()) == before
            for place in directory.rglob("*"):
                assert not place.is_symlink()
                assert place.resolve().is_relative_to(directory)

    return into


def tarred(path, *members, mode="w:gz"):
    with tarfile.open(path, mode, format=tarfile.GNU_FORMAT) as archive:
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = kind, link, 0o777
            member.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(b"data"))
    return path


def zipped(path, *members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, attributes in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr, info.create_system = name, attributes << 16, 3
            archive.writestr(info, b"data")
    return path


@pytest.mark.parametrize("name", NAMES)
def test_names_that_leave_are_refused(tmp_path, unpack, name):
    with pytest.raises(InvalidSource) as caught:
        unpack(
            tarred(tmp_path / "x.tar.gz", ("ok", tarfile.REGTYPE, ""), (name, tarfile.REGTYPE, ""))
        )
    assert str(caught.value).isprintable() or "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("/")])
def test_a_zip_may_not_leave_either(tmp_path, unpack, name):
    with pytest.raises(InvalidSource) as caught:
        unpack(zipped(tmp_path / "x.mar", ("ok", 0), (name, 0)))
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
     tarfile.CONTTYPE],
)  # fmt: skip
def test_links_and_devices_are_refused(tmp_path, unpack, kind):
    with pytest.raises(InvalidSource, match="link, a device"):
        unpack(tarred(tmp_path / "x.tar", ("evil", kind, "/etc/passwd"), mode="w"))


@pytest.mark.parametrize("mode", [0o120777, 0o060666, 0o010666, 0o140777])
def test_links_in_a_zip_are_refused(tmp_path, unpack, mode):
    with pytest.raises(InvalidSource, match="link or a device"):
        unpack(zipped(tmp_path / "x.mar", ("evil", mode)))


@pytest.mark.parametrize("second", ["a", "A", "a/b"])
def test_a_name_stands_once(tmp_path, unpack, second):
    members = [("a", tarfile.REGTYPE, ""), (second, tarfile.REGTYPE, "")]
    with pytest.raises((InvalidSource, OSError)) as caught:
        unpack(tarred(tmp_path / "x.tar", *members, mode="w"))
    if second != "a/b":
        assert "appears twice" in str(caught.value)


def test_bombs_do_not_go_off(tmp_path, unpack, monkeypatch):
    monkeypatch.setattr(unpacking, "_FREE", 1 << 20)
    with zipfile.ZipFile(tmp_path / "x.mar", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(8 << 20))
    with pytest.raises(InvalidSource, match="far more than it holds"):
        unpack(tmp_path / "x.mar")
    assert sum(place.stat().st_size for place in (tmp_path / "private").iterdir()) < 4 << 20


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_of_which_a_kilobyte_becomes_gigabytes_is_not_unpacked(tmp_path, unpack, compression):
    with zipfile.ZipFile(tmp_path / "x.mar", "w", compression) as archive:
        archive.writestr("zeros", bytes(1 << 20))
    with pytest.raises(InvalidSource, match="neither stored nor deflated"):
        unpack(tmp_path / "x.mar")


def test_a_tar_bomb_in_xz_and_one_of_names(tmp_path, unpack, monkeypatch):
    monkeypatch.setattr(unpacking, "_FREE", 1 << 20)
    monkeypatch.setattr(unpacking, "_MOST", 50)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for number in range(60):
            archive.addfile(tarfile.TarInfo(f"{number}"))
    (tmp_path / "x.tar.xz").write_bytes(lzma.compress(plain.getvalue()))
    with pytest.raises(InvalidSource, match="50 members come before it"):
        unpack(tmp_path / "x.tar.xz")


def test_directories_count_as_well(tmp_path, unpack, monkeypatch):
    monkeypatch.setattr(unpacking, "_MOST", 50)
    members = [(f"d{number}", tarfile.DIRTYPE, "") for number in range(200)]
    with pytest.raises(InvalidSource, match="101 members come before it"):
        unpack(tarred(tmp_path / "x.tar.gz", *members))


def test_a_header_that_wants_a_gigabyte_gets_none(tmp_path, unpack):
    member = tarfile.TarInfo("x")
    member.type, member.size = tarfile.XHDTYPE, 1 << 30
    head = member.tobuf(tarfile.USTAR_FORMAT)
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(head + bytes(1 << 16)))
    with pytest.raises(InvalidSource, match="asks for too much"):
        unpack(tmp_path / "x.tar.gz")


@pytest.mark.parametrize("cut", [30, 200, 1500])
def test_what_is_cut_off_is_told(tmp_path, unpack, cut):
    path = zipped(tmp_path / "x.mar", *((f"n{number}", 0) for number in range(40)))
    data = path.read_bytes()
    path.write_bytes(data[:cut] + data[cut + 90 :])
    with pytest.raises((InvalidSource, AssertionError)):
        unpack(path)


def test_a_directory_on_another_disk_is_told(tmp_path, unpack):
    path = zipped(tmp_path / "x.mar", ("a", 0))
    data = path.read_bytes()
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 9)  # Python raises when it asks for it
    path.write_bytes(data[:-22] + locator + data[-22:])
    if not unpacking.is_archive(path):
        pytest.skip("this Python does not take it for a zip")
    with pytest.raises(InvalidSource, match="multiple disks"):
        unpack(path)


def test_an_encrypted_member_is_told(tmp_path, unpack):
    path = zipped(tmp_path / "x.mar", ("secret", 0))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(InvalidSource, match="damaged"):
        unpack(path)


def test_modes_and_owners_of_an_archive_count_for_nothing(tmp_path, unpack):
    unpack(tarred(tmp_path / "x.tar", ("a/b", tarfile.REGTYPE, ""), mode="w"))
    assert oct((tmp_path / "private" / "a" / "b").stat().st_mode & 0o7777) == "0o600"


@given(st.binary(max_size=2000), st.integers(0, 1500), st.sampled_from(["zip", "tar"]))
def test_no_change_of_an_archive_brings_a_traceback(tmp_path_factory, noise, place, form):
    home = tmp_path_factory.mktemp("noise")
    made = (
        zipped(home / "x", ("a", 0), ("b/c", 0))
        if form == "zip"
        else tarred(home / "x", ("a", tarfile.REGTYPE, ""), ("b/c", tarfile.REGTYPE, ""), mode="w")
    )
    data = made.read_bytes()
    made.write_bytes(data[:place] + noise + data[place + len(noise) :])
    (home / "private").mkdir()
    if not unpacking.is_archive(made):
        return
    with suppress(InvalidSource):
        unpacking.unpack(made, home / "private")
    assert {place.name for place in home.iterdir()} == {"private", "x"}
