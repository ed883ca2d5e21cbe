"""A number is given out once, whoever asks, and whatever was lost."""

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelbundle.bundler.store.files.counter import Counter


@pytest.fixture
def place(tmp_path):
    return tmp_path / "counter"


def test_numbers_grow_by_one(place):
    counter = Counter(place, lambda: 0)
    assert counter.value() == 0
    assert [counter.next(), counter.next(), counter.move()] == [2, 3, 4]
    assert Counter(place, lambda: 0).value() == 4
    assert [path.name for path in place.iterdir()] == ["4"]


@pytest.mark.parametrize("used", [0, 1, 2, 41])
def test_a_counter_that_was_lost_begins_above_all_that_is_in_use(place, used):
    Counter(place, lambda: 0).next()
    shutil.rmtree(place)
    again = Counter(place, lambda: used)
    assert again.next() == max(used, 1) + 1
    (place / str(again.value())).unlink()
    assert again.next() == max(used, 1) + 1
    assert [path.name for path in place.parent.iterdir()] == ["counter"]


def test_no_number_is_given_out_twice(place):
    counters = [Counter(place, lambda: 7) for _ in range(4)]

    def take(counter):
        return [counter.move() for _ in range(50)]

    with ThreadPoolExecutor(4) as pool:
        taken = [number for numbers in pool.map(take, counters) for number in numbers]
    assert sorted(taken) == list(range(8, 208))


def test_a_disk_that_refuses_is_told(place, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(OSError, match="No space left"):
        Counter(place, lambda: 0).next()
    assert list(place.parent.iterdir()) == []
