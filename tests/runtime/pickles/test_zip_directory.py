"""Zips of which two readers would see different members: torch's and Python's."""

import io
import pickle
import struct
import zipfile

import pytest

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.pickles.policy import Policy
from modelbundle.runtime.pickles.scanning import scan

SEEN = pickle.dumps({"a": 1}, 2)
HIDDEN = b"\x80\x02ctorch.utils.collect_env\nrun\nX\x04\x00\x00\x00true\x85R."
STARS = Policy("allow-listed", frozenset({"torch.*"}))


def zipped(data, name="model/data.pkl"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, data)
        archive.writestr("model/version", b"3\n")
    return file.getvalue()


def parts(data, shift):
    """Members, and their directory as it is `shift` bytes further on."""
    whole = zipped(data)
    start = whole.index(b"PK\x01\x02")
    directory, place = bytearray(whole[start:-22]), 0
    while (place := directory.find(b"PK\x01\x02", place)) >= 0:
        offset = struct.unpack_from("<I", directory, place + 42)[0]
        struct.pack_into("<I", directory, place + 42, offset + shift)
        place += 4
    return whole[:start], bytes(directory)


def record(length, start):
    return struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2, 2, length, start)


def with_two_directories(told):
    seen, first = parts(SEEN, 0)
    hidden, second = parts(HIDDEN, len(seen))
    body = seen + hidden
    at = len(body) + len(second)
    body += second + record(len(second), len(body))
    last = len(body) + len(first)
    body += first + record(len(first), len(body))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, {"other": at, "same": last}[told], 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return body + locator + end


def test_all_readers_of_a_zip_find_one_directory(tmp_path):
    path = tmp_path / "model.pt"
    hostile = [with_two_directories("other"), b"#!" + zipped(SEEN), zipped(SEEN) + bytes(4)]
    hostile.append(zipped(SEEN)[:-2] + b"\x04\x00" + bytes(4))  # a comment
    for data in hostile:
        path.write_bytes(data)
        assert not scan(path).complete
        with pytest.raises(NotTrusted), STARS.narrowing(path):
            pytest.fail("it was let through")
    assert scan(zipped(SEEN)).complete
    assert scan(with_two_directories("same")).complete


def test_a_member_that_begins_before_the_file_is_none(tmp_path):
    data = bytearray(zipped(SEEN))
    place = data.index(b"PK\x01\x02")
    size = struct.unpack_from("<I", data, len(data) - 10)[0]
    struct.pack_into("<I", data, len(data) - 6, place + 100)  # where the directory says it begins
    assert size
    assert not scan(bytes(data)).complete


def test_many_members_of_one_and_the_same_bytes_are_read_no_longer_than_one(tmp_path):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(40):
            archive.writestr(f"model/{number}.pkl", SEEN + bytes(30 << 20 if number < 3 else 0))
    assert not scan(file.getvalue()).complete


@pytest.mark.parametrize("name", ["model/DATA.PKL", "model/data.PKL"])
def test_torch_finds_a_pickle_whatever_its_case(tmp_path, name):
    import torch

    path = tmp_path / "model.pt"
    path.write_bytes(zipped(SEEN, name))
    assert torch.load(path, weights_only=False) == {"a": 1}
    path.write_bytes(zipped(HIDDEN, name))
    assert "torch.utils.collect_env.run" in scan(path).globals
    with pytest.raises(NotTrusted, match="calls"), STARS.narrowing(path):
        pytest.fail("it was let through")
