"""Clocks that lie: nothing of the store rests on them."""

import os
import time

import pytest

from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files.workspace import GRACE

YEAR = 365 * 24 * 3600


@pytest.fixture(params=["frozen", "a year back", "ten years on", "jumping"])
def clock(request, monkeypatch):
    """A clock of the machine that is wrong."""
    true, calls = time.time(), iter(range(10**9))
    told = {
        "frozen": lambda: true,
        "a year back": lambda: true - YEAR,
        "ten years on": lambda: true + 10 * YEAR,
        "jumping": lambda: true + (-1) ** next(calls) * 10 * YEAR,
    }[request.param]
    monkeypatch.setattr(time, "time", told)
    monkeypatch.setattr(time, "time_ns", lambda: int(told() * 1e9))


@pytest.mark.usefixtures("clock")
def test_tags_are_unique_and_latest_is_the_last_one_saved(store, save):
    tags = [save("iris", files={"w": b"%d" % number}).tag for number in range(25)]
    assert len(set(tags)) == 25
    assert Store(store.root).find("iris").tag == tags[-1]
    listed = [item.tag for item in Store(store.root).items("model")]
    assert listed == tags
    again = save("iris", files={"w": b"7"})
    assert Store(store.root).find("iris").tag == again.tag == tags[7]
    assert store.verify() == []


def test_in_a_copy_whose_counter_is_older_than_its_refs_the_last_save_is_the_latest(
    store, save, saver
):
    """As `cp -r` or `rsync` of a store leave it that was written meanwhile."""
    for number in range(3):
        save("iris", files={"w": b"%d" % number})
    (now,) = (store.root / "counter").iterdir()
    now.rename(now.with_name("1"))
    copied = Store(store.root)
    last = copied.find("iris")
    for number in (1, 2):
        tag = saver(copied)("iris", files={"w": b"later %d" % number}).tag
        assert copied.find("iris").tag == tag != last.tag
    copied.alias(copied.find(last.tag), "latest")
    assert copied.find("iris").tag == last.tag


@pytest.mark.usefixtures("clock")
def test_what_another_machine_holds_is_kept_whatever_our_clock_says(store, save):
    item = save("gone", files={"w": b"held elsewhere"})
    blob = store.files(item)[0].digest
    other = store.root / "tmp" / "1.1.another-machine.abcd"
    (other / "held").mkdir(parents=True)
    (other / "held" / blob.removeprefix("sha256:")).touch()
    store.delete(item)
    store.gc()
    assert store.blob(blob).read_bytes() == b"held elsewhere"
    old = other.stat().st_mtime - GRACE - 60
    os.utime(other, (old, old))
    store.gc()
    assert not other.exists()


@pytest.mark.usefixtures("clock")
def test_a_signature_stays_for_a_day_after_its_item(store, save):
    item = save("gone")
    store.referrers.attach(item, "application/vnd.test", b"about it")
    store.delete(item)
    store.gc()
    again = save("gone")
    assert [store.referrers.read(one) for one in store.referrers.of(again)] == [b"about it"]
