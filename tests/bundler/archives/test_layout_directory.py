"""A directory of a stranger's: whatever lies in it, nothing of it is taken that is not as told."""

import os
from pathlib import Path

import pytest

from modelbundle.bundler.archives import export_item, import_item
from modelbundle.bundler.errors import InvalidArchive


@pytest.fixture
def layout(here, model, tmp_path):
    export_item(here, model, str(tmp_path / "layout"))
    return tmp_path / "layout"


@pytest.fixture
def weights(here, model, layout):
    """The file of its largest blob."""
    entry = max(here.files(model), key=lambda each: each.size)
    return layout / "blobs" / "sha256" / entry.digest.removeprefix("sha256:")


@pytest.mark.parametrize("change", [-1, 1])
def test_a_blob_of_another_size_is_refused_before_any_is_taken(change, there, layout, weights):
    size = weights.stat().st_size
    os.truncate(weights, size + change)
    with pytest.raises(InvalidArchive, match=f"{size + change:,} bytes instead of {size:,}"):
        import_item(there, str(layout))
    assert there.items("model") == []


def test_a_blob_of_other_bytes_is_damaged(there, layout, weights):
    weights.write_bytes(bytes(weights.stat().st_size))
    with pytest.raises(InvalidArchive, match="is damaged in `model"):
        import_item(there, str(layout))
    assert there.items("model") == []


@pytest.mark.parametrize(("name", "limit"), [("oci-layout", 1 << 10), ("index.json", 1 << 20)])
def test_a_document_is_not_read_beyond_its_limit(name, limit, there, layout):
    path = layout / name
    data = path.read_bytes()
    path.write_bytes(data + b" " * (limit - len(data)))
    assert import_item(there, str(layout)).item.name == "iris"
    path.write_bytes(data + b" " * (limit - len(data) + 1))
    with pytest.raises(InvalidArchive, match=f"has {limit + 1:,} bytes"):
        import_item(there, str(layout))


def test_nothing_of_it_stays_open(there, layout):
    before = len(list(Path("/proc/self/fd").iterdir()))
    import_item(there, str(layout))
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
