"""Large arrays beside a pickle: mapped, shared, and never written back."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.errors import InvalidModel, NotTrusted
from modelbundle.runtime.models.model import LoadedModel
from modelbundle.runtime.pickles import pickling
from modelbundle.runtime.pickles.policy import Policy
from modelbundle.runtime.pickles.scanning import scan


def written(directory, value):
    path, beside = directory / "model.pkl", directory / pickling.BUFFERS
    return path, beside, pickling.dump(value, path, beside=beside)


@given(st.lists(st.integers(0, 200_000), max_size=6))
def test_every_array_comes_back_whatever_its_size(tmp_path_factory, sizes):
    value = [np.arange(size, dtype="uint8") for size in sizes]
    path, beside, kept = written(tmp_path_factory.mktemp("m"), value)
    assert kept == [size for size in sizes if size >= 1 << 16]
    assert beside.exists() == bool(kept)
    again = Policy().load(path, beside, kept)
    assert all(map(np.array_equal, value, again))
    assert all(array.ctypes.data % 64 == 0 for array in again if array.nbytes >= 1 << 16)


def test_layout_sharing_and_read_only_arrays_stay_what_they_were(tmp_path):
    big = np.asfortranarray(np.random.default_rng(0).random((300, 200)))
    frozen = np.arange(20_000.0)
    frozen.flags.writeable = False
    path, beside, sizes = written(tmp_path, {"a": big, "b": big, "f": frozen})
    assert len(sizes) == 2
    again = Policy().load(path, beside, sizes)
    assert again["a"] is again["b"]
    assert again["a"].flags.f_contiguous
    assert again["a"].flags.writeable
    assert not again["f"].flags.writeable


def test_writing_to_an_array_changes_neither_the_file_nor_another_load(tmp_path):
    path, beside, sizes = written(tmp_path, np.zeros(50_000))
    before = beside.read_bytes()
    one, other = (Policy().load(path, beside, sizes) for _ in range(2))
    one += 1
    assert one.sum() == 50_000
    assert other.sum() == 0
    assert beside.read_bytes() == before


@pytest.mark.parametrize("change", [b"", b"x"])
def test_a_file_of_another_size_is_refused_before_anything_is_read(tmp_path, change):
    path, beside, sizes = written(tmp_path, np.zeros(50_000))
    beside.write_bytes(beside.read_bytes()[:-1] + change * 2)
    with pytest.raises(InvalidModel, match="does not hold"):
        Policy().load(path, beside, sizes)


def test_without_large_arrays_the_pickle_is_as_it_always_was(tmp_path):
    value = {"w": np.arange(10.0), "name": "x"}
    path, beside, sizes = written(tmp_path, value)
    pickling.dump(value, tmp_path / "plain.pkl")
    assert not sizes
    assert not beside.exists()
    assert path.read_bytes() == (tmp_path / "plain.pkl").read_bytes()


def test_what_a_pickle_asks_for_is_seen_with_its_arrays_elsewhere(tmp_path):
    path, beside, sizes = written(tmp_path, [np.zeros(50_000), Path("x")])
    seen = scan(path)
    assert seen.complete
    assert any(name.startswith("pathlib.") for name in seen.globals)
    narrow = Policy("allow-listed")
    with pytest.raises(NotTrusted, match="pathlib"):
        narrow.load(path, beside, sizes)
    path, beside, sizes = written(tmp_path, np.zeros(50_000))
    assert narrow.load(path, beside, sizes).shape == (50_000,)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells")
def test_the_arrays_of_a_saved_estimator_are_pages_of_its_file():
    from sklearn.neighbors import KNeighborsRegressor

    rows = np.random.default_rng(0).random((4000, 50))
    model = KNeighborsRegressor(algorithm="brute").fit(rows, rows[:, 0])
    item = modelbundle.save("knn", model, sample=rows[:2])
    directory = Store.default().directory(item)
    loaded = LoadedModel.load(directory)
    assert np.array_equal(loaded.call("predict", rows[:5]), model.predict(rows[:5]))
    address = loaded.object._fit_X.ctypes.data
    spans = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    (home,) = [
        span
        for span in spans
        if int(span[0].split("-")[0], 16) <= address < int(span[0].split("-")[1], 16)
    ]
    assert home[-1].endswith(pickling.BUFFERS)
    assert home[1] == "rw-p"
