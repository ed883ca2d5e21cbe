"""Shared memory of clients, on real files of /dev/shm."""

import gc
import os
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.regions import Place, Region, Regions
from modelbundle.runtime.errors import InvalidInput, PayloadTooLarge

HOME = Path("/dev/shm")
FILES = Path("/proc/self/fd")
SIZE = 64


@pytest.fixture
def key():
    """The key of a file of 64 bytes that count up."""
    name = f"modelbundle-{uuid.uuid4().hex}"
    (HOME / name).write_bytes(bytes(range(SIZE)))
    yield name
    (HOME / name).unlink(missing_ok=True)


@pytest.fixture
def regions(key):
    """The second half of it, as `half`."""
    found = Regions()
    found.register(Region("half", "/" + key, 32, 32))
    return found


def place(regions, offset=0, byte_size=8, name="half"):
    said = {"shared_memory_region": name, "shared_memory_byte_size": byte_size}
    return Place.of(regions, said | {"shared_memory_offset": offset})


def test_bytes_are_read_and_written_within_the_region(regions, key):
    """Offsets count from its beginning, and nothing around it changes."""
    assert place(regions, 4, 4).read(99) == bytes(range(36, 40))
    place(regions, 24, 8).write(b"abcd", "out")
    assert (HOME / key).read_bytes() == bytes(range(56)) + b"abcd" + bytes(range(60, 64))
    assert place(regions, 24).parameters(4) == {
        "shared_memory_region": "half",
        "shared_memory_offset": 24,
        "shared_memory_byte_size": 4,
    }


def test_processes_that_are_forked_know_the_same(regions, key):
    """Whoever registers, and whoever forgets."""
    if not (pid := os.fork()):
        with suppress(BaseException):
            regions.register(Region("first", key, 0, 32))
            regions.unregister("half")
        os._exit(0)
    os.waitpid(pid, 0)
    assert regions.registered() == [Region("first", key, 0, 32)]
    regions.unregister()
    assert regions.registered() == []


def test_what_is_known_goes_with_it():
    """A server that is started again and again keeps no descriptor of what was."""
    gc.collect()
    before = len(list(FILES.iterdir()))
    for _ in range(9):
        Regions().unregister()
    gc.collect()
    assert len(list(FILES.iterdir())) <= before


@pytest.mark.parametrize(
    ("offset", "byte_size", "said"),
    [
        (32, 1, "Invalid offset for shared memory region: 'half'"),
        (2**64 - 32, 1, "Invalid offset for shared memory region"),
        (1, 32, "Invalid offset + byte size for shared memory region: 'half'"),
        (1, 2**63 - 1, "Integer overflow detected"),
        (-1, 1, "`shared_memory_offset`"),
        (0, -1, "`shared_memory_byte_size`"),
        (0, True, "`shared_memory_byte_size`"),
        (0, "8", "`shared_memory_byte_size`"),
    ],
)
def test_a_place_is_within_its_region(regions, offset, byte_size, said):
    """Whatever numbers a client sends."""
    with pytest.raises(InvalidInput) as refused:
        place(regions, offset, byte_size)
    assert said in refused.value.detail


def test_a_place_is_in_a_region_that_there_is(regions):
    """Now, and when it is used."""
    for name in ("other", 3, None):
        with pytest.raises(InvalidInput):
            place(regions, name=name)
    found = place(regions)
    regions.unregister("half")
    for use in (lambda: found.read(99), lambda: found.write(b"", "out")):
        with pytest.raises(InvalidInput, match="Unable to find shared memory region: 'half'"):
            use()


def test_outputs_must_fit(regions):
    """The words name the output."""
    with pytest.raises(InvalidInput, match=r"output 'out' \(8 bytes\) should be at least 9 bytes"):
        place(regions).write(bytes(9), "out")


def test_inputs_are_limited(regions):
    with pytest.raises(PayloadTooLarge):
        place(regions).read(7)


def test_a_file_that_shrank_or_went_ends_nobody(regions, key):
    """And it does not grow again."""
    os.truncate(HOME / key, 36)
    with pytest.raises(InvalidInput, match="smaller than it was"):
        place(regions).read(99)
    with pytest.raises(InvalidInput, match="smaller than it was"):
        place(regions).write(bytes(8), "out")
    assert (HOME / key).stat().st_size == 36
    (HOME / key).unlink()
    with pytest.raises(InvalidInput, match="Unable to open shared memory region"):
        place(regions).read(99)


@pytest.mark.parametrize(
    ("offset", "size"),
    [(0, SIZE + 1), (1, SIZE), (SIZE, 1), (0, 0), (2**62, 2**62)],
)
def test_a_region_is_within_its_file(key, offset, size):
    """Of at least one byte."""
    with pytest.raises(InvalidInput, match="'x': invalid args"):
        Regions().register(Region("x", key, offset, size))


@pytest.mark.parametrize("said", ["", "/", "//", "..", "/../etc/passwd", "a/b", "a\0b", "x" * 300])
def test_a_key_is_one_name(said):
    """It leads nowhere else."""
    with pytest.raises(InvalidInput, match="invalid shm key"):
        Regions().register(Region("x", said, 0, 1))


def test_only_files_of_shared_memory_are_opened(key):
    """No link, no directory, no pipe that would be waited for."""
    link, pipe, home = (f"{key}-{kind}" for kind in ("link", "pipe", "home"))
    (HOME / link).symlink_to("/etc/passwd")
    os.mkfifo(HOME / pipe)
    (HOME / home).mkdir()
    try:
        for name in (link, pipe, home, "modelbundle-nothing"):
            with pytest.raises(InvalidInput, match="Unable to open shared memory region"):
                Regions().register(Region("x", name, 0, 1))
    finally:
        (HOME / link).unlink()
        (HOME / pipe).unlink()
        (HOME / home).rmdir()


def test_a_name_is_registered_once(regions, key):
    """And no more than so many."""
    with pytest.raises(InvalidInput, match="shared memory region 'half' already in manager"):
        regions.register(Region("half", key, 0, 1))
    for number in range(1023):
        regions.register(Region(str(number), key, 0, 1))
    with pytest.raises(InvalidInput, match="unregister some"):
        regions.register(Region("more", key, 0, 1))


@given(st.dictionaries(st.sampled_from(["shared_memory_offset", "shared_memory_byte_size"]),
                       st.integers() | st.none() | st.text() | st.floats()))  # fmt: skip
def test_any_parameters_are_a_place_or_refused(said):
    """Nothing else happens."""
    with suppress(InvalidInput):
        Place.of(Regions(), {"shared_memory_region": "x"} | said)
