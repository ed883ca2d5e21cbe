"""What a file costs to analyse is bounded, however small the file is and whatever it refers to."""

import io
import struct
import zipfile
import zlib

import pytest

from modelbundle.runtime.pickles.effort import Effort
from modelbundle.runtime.pickles.scanning import scan

CALLED = b"\x80\x04cmodule\nname\nq\x000"
MUCH = 20_000  # and its square is too much
DOUBLED = b")" + b"2\x86" * 400  # a tuple of 2^400 parts


def text(value):
    return b"\x8c" + bytes([len(value)]) + value.encode()


def dtype(name="V2", order=b"\x8c\x01|", names=b"N", fields=b"N", size=b"K\x02"):
    """The opcodes of a dtype with this state."""
    state = b"(K\x03" + order + b"N" + names + fields + size + b"K\x01K\x00t"
    return b"cnumpy\ndtype\n" + text(name) + b"\x89\x88\x87R" + state + b"b"


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def repeated(archive, times):
    """The archive, whose one member stands in its directory so many times."""
    place = archive.index(b"PK\x01\x02")
    end = archive.index(b"PK\x05\x06", place)
    size = struct.pack("<I", (end - place) * times)
    count = struct.pack("<2H", times & 0xFFFF, times & 0xFFFF)
    tail = b"PK\x05\x06\0\0\0\0" + count + size
    return archive[:place] + archive[place:end] * times + tail + archive[end + 16 :]


@pytest.mark.parametrize("part", [b"N", b"K\x01", b"h\x00"], ids=["nothing", "number", "global"])
def test_many_calls_with_many_arguments(part):
    arguments = b"(" + part * MUCH + b"t\x85q\x010"
    assert not scan(CALLED + arguments + b"h\x00h\x01R0" * MUCH + b"N.").complete


def test_many_dtypes_with_many_fields():
    fields = b"}(" + b"".join(text(f"{name}") + b"N" for name in range(MUCH)) + b"uq\x010"
    data = b"\x80\x04" + fields + dtype(names=b")", fields=b"h\x01") * (MUCH // 4) + b"."
    assert not scan(data).complete


@pytest.mark.parametrize(
    "state",
    [
        dtype(order=DOUBLED),
        dtype(names=DOUBLED + b"\x85", fields=b"}" + text("a") + b"Ns"),
        b"cnumpy\ndtype\ncnumpy\nrecord\n\x89\x88\x87R(K\x03" + text("|") + b"NNN" + DOUBLED
        + b"K\x01K\x00tb",
    ],
    ids=["order", "name", "size"],
)  # fmt: skip
def test_a_dtype_of_a_tuple_that_doubles(state):
    scan(b"\x80\x04" + state + b".")


def test_a_shape_of_more_and_longer_axes_than_numpy_has():
    huge = b"\x8b" + struct.pack("<i", 100_000) + b"\x7f" * 100_000 + b"q\x010"
    shape = b"(" + b"h\x01" * MUCH + b"t"
    fields = ((text("dtype"), dtype("u1", size=b"J\xff\xff\xff\xff")), (text("shape"), shape))
    state = b"}" + b"".join(name + value + b"s" for name, value in fields)
    raw = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81" + state + b"b"
    assert not scan(b"\x80\x04" + huge + raw + b".").complete


def test_names_of_a_megabyte():
    long = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\x010"
    names = b"".join(b"h\x01" + text(f"{number}") + b"\x930" for number in range(MUCH))
    assert not scan(b"\x80\x04" + long + names + b"N.").complete


def test_many_pickles_in_many_archives():
    pickled = b"\x80\x04" + b"N0" * 400_000 + b"N."
    inner = repeated(zipped({"data.pkl": pickled}), 60)
    assert not scan(repeated(zipped({"a.pt": inner}), 1000)).complete


def test_an_archive_of_as_many_members_as_a_model_has():
    assert scan(zipped({f"{number}": b"N." for number in range(1000)})).complete


def test_an_archive_of_more_members_than_a_model_has():
    assert not scan(repeated(zipped({"a": b"N."}), 100_001)).complete


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_are_compressed_as_none_of_torch_is(compression):
    assert not scan(zipped({"data.pkl": b"\x80\x04N."}, compression)).complete


def test_a_member_that_is_longer_than_it_says():
    """Of which no more is unpacked."""
    archive = zipped({"data.pkl": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 20) + bytes(1 << 20)})
    place = archive.index(b"PK\x01\x02")
    lying = archive[: place + 24] + struct.pack("<I", 4) + archive[place + 28 :]
    assert not scan(lying).complete


def test_a_stream_is_unpacked_up_to_the_bound():
    data = b"\x80\x04\x8e" + struct.pack("<Q", 70 << 20) + bytes(70 << 20) + b"."
    seen = scan(zlib.compress(data, 1))
    assert (seen.complete, seen.is_cut) == (False, False)


def test_effort_is_spent():
    effort = Effort(opcodes=1, parts=3, unpacked=3)
    effort.step()
    effort.look_at(3)
    assert effort.unpack(2)
    assert not effort.unpack(2)
    assert effort.unpack(1)
    with pytest.raises(ValueError, match="too many opcodes"):
        effort.step()
    with pytest.raises(ValueError, match="too many parts"):
        effort.look_at(1)
