"""Every pickle in a file is found, wherever it stands, and a file that is cut off is known."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import zipfile
import zlib

import pytest

from modelbundle.runtime.pickles.scanning import TORCH_LEGACY, scan

ASKS = pickle.dumps(pickle.Unpickler, 2)  # for one global
SMALL = pickle.dumps(list(range(1000)), 4)
PACKERS = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zlib": zlib.compress}


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


LEGACY = TORCH_LEGACY + b"".join(pickle.dumps(each, 2) for each in (1001, {}, 1)) + ASKS


@pytest.mark.parametrize(
    ("name", "data", "is_found"),
    [
        ("a/data.pkl", ASKS, True),
        ("A/DATA.PKL", ASKS, True),
        ("a.pickle", ASKS, True),
        ("a.pt", ASKS, True),
        ("a.pth", ASKS, True),
        ("a.pt", zipped(**{"data.pkl": ASKS}), True),
        ("weights", zipped(**{"data.pkl": ASKS}), True),
        ("weights", LEGACY, True),
        ("weights", ASKS, False),
        ("a.pt", b"no pickle", False),
    ],
)
def test_a_member_that_torch_would_read_is_read(name, data, is_found):
    seen = scan(zipped(version="3", **{name: data}))
    assert (seen.complete, seen.format) == (True, "zip")
    assert seen.globals == (("pickle.Unpickler",) if is_found else ())


def test_archives_within_archives_are_opened_twice():
    archive = zipped(**{"data.pkl": ASKS})
    assert scan(zipped(a=archive)).globals == ("pickle.Unpickler",)
    deep = scan(zipped(a=zipped(a=archive)))
    assert not deep.complete
    assert not scan(zipped(**{"data.pkl": ASKS[:-1]})).complete
    assert not scan(zipped(**{"data.pkl": SMALL, "b.pkl": ASKS[:-1]})).complete


@pytest.mark.parametrize("pack", [bytes, *PACKERS.values()], ids=["plain", *PACKERS])
def test_a_file_that_was_not_written_to_its_end_is_known(pack):
    assert not scan(pack(SMALL)).is_cut
    assert scan(pack(SMALL[:-1])).is_cut
    wrong = SMALL[:-4] + b"\xff" + SMALL[-4:]
    assert not scan(pack(wrong)).complete
    assert not scan(pack(wrong)).is_cut


def test_pickles_one_after_the_other_are_all_followed_up_to_a_number():
    assert scan(SMALL * 15 + ASKS).globals == ("pickle.Unpickler",)
    assert scan(SMALL * 16).complete
    assert not scan(SMALL * 17).complete


@pytest.mark.parametrize("length", [1 << 40, 1 << 60, (1 << 63) - 1])
def test_bytes_that_no_file_is_long_enough_for_are_not_there(length, tmp_path):
    path = tmp_path / "model.pkl"
    for opcode in (b"\x8e", b"\x96", b"\x8d"):
        path.write_bytes(b"\x80\x05" + opcode + struct.pack("<Q", length) + b".")
        assert not scan(path).complete
        assert not scan(path.read_bytes()).complete


def test_what_a_call_is_given_is_looked_at_once():
    doubled = b")" + b"2\x86" * 400
    assert scan(b"\x80\x04cmodule\nname\n" + doubled + b"\x85R.").complete


def test_numbers_behind_torchs_old_format_may_begin_as_a_pickle_does():
    seen = scan(LEGACY + pickle.dumps([], 2) + struct.pack("<q", 128) + bytes(512))
    assert (seen.complete, seen.pickles) == (True, 5)
