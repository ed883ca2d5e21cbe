"""Stores that were written once are read for ever: one of each layout is kept in `layouts/`."""

import tarfile
from pathlib import Path

import pytest

from modelbundle.bundler.store import Store
from modelbundle.bundler.store.files.layout import VERSION

FILTER = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # since Python 3.11.4
KEPT = sorted((Path(__file__).parent / "layouts").glob("*.tar.gz"))


def test_one_store_of_every_layout_is_kept():
    assert [path.name for path in KEPT] == [f"{number}.tar.gz" for number in range(1, VERSION + 1)]


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_it_is_listed_verified_used_and_written(kept, tmp_path, saver):
    with tarfile.open(kept) as archive:
        archive.extractall(tmp_path / "store", **FILTER)
    store = Store(tmp_path / "store")
    assert [item.tag for item in store.items("model")] == ["iris:1", "iris:2"]
    assert [item.tag for item in store.items("bundle")] == ["fraud:e543ba9dff13"]
    assert store.verify() == []
    first, last = store.find("iris@production"), store.find("iris")
    assert (first.version, last.version) == ("1", "2")
    assert store.trust.is_trusted(first.digest)
    assert not store.trust.is_trusted(last.digest)
    assert [store.referrers.read(one) for one in store.referrers.of(last)] == [b"about it"]
    assert (store.directory(last) / "model.bin").read_bytes() == b"second"
    assert (store.directory(last) / "run").stat().st_mode & 0o111
    saver(store)("iris", files={"w": b"third"})
    assert store.find("iris").sequence > last.sequence
    store.delete(first)
    store.gc()
    assert store.verify() == []
