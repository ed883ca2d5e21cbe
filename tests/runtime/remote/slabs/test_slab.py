"""Memory that two processes see: it grows, is given back, and is nobody's by accident."""

import os
import resource

import numpy as np
import pytest

from modelbundle.runtime.remote.slabs.slab import GRAIN, KEPT, Slab


@pytest.fixture
def pair():
    """One slab as its writer and as its reader see it."""
    writer = Slab.create("test")
    reader = Slab(os.dup(writer.descriptor))
    yield writer, reader
    writer.close()
    reader.close()


@pytest.fixture
def small_files():
    """No file of this process may be longer than 1 MiB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_one_writes_the_other_reads_however_it_grows(pair):
    """Both map what they need, when they need it."""
    writer, reader = pair
    for size in (1, GRAIN, GRAIN + 1, 10 * GRAIN, 3):
        writer.reserve(size)
        writer.root[:size] = size % 251
        reader.follow(size)
        assert (reader.root[:size] == size % 251).all()


def test_no_more_is_read_than_there_is(pair):
    """A size beyond the end is an error, and no SIGBUS."""
    _, reader = pair
    with pytest.raises(ValueError, match="65536 bytes was said to hold 65537"):
        reader.follow(GRAIN + 1)


@pytest.mark.usefixtures("small_files")
def test_memory_that_is_not_there_is_a_memory_error(pair):
    """It is asked for before anything is written; what was there still is."""
    writer, _ = pair
    writer.reserve(10)
    writer.root[:10] = 7
    with pytest.raises(MemoryError, match="2097152 bytes"):
        writer.reserve(2 << 20)
    assert (writer.root[:10] == 7).all()


def test_what_a_giant_took_is_given_back(pair):
    """And is there again for the next giant."""
    writer, reader = pair
    for _ in range(2):
        size = KEPT + GRAIN
        writer.reserve(size)
        writer.root[size - 1] = 9
        reader.follow(size)
        assert reader.root[size - 1] == 9
        writer.forget(size)
        reader.trim(size)
        assert os.fstat(writer.descriptor).st_size == GRAIN


def test_what_is_small_stays(pair):
    """No batch pays for the memory of the one before."""
    writer, reader = pair
    writer.reserve(5 * GRAIN)
    root = writer.root
    writer.forget(5 * GRAIN)
    reader.trim(5 * GRAIN)
    writer.reserve(4 * GRAIN)
    assert writer.root is root


def test_whoever_keeps_an_array_keeps_what_was_in_it(pair):
    """The next batch is written elsewhere."""
    writer, reader = pair
    writer.reserve(800)
    writer.root[:800] = 1
    reader.follow(800)
    assert not reader.is_held
    kept = np.ndarray((100,), "f8", reader.root)[10:20]
    expected = kept.copy()
    assert reader.is_held
    reader.detach()
    assert not reader.is_held
    writer.root[:800] = 2
    assert (kept == expected).all()
    kept[:] = 5.0
    reader.follow(800)
    assert (reader.root[:800] == 2).all()
