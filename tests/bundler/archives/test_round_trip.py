"""What is exported here is imported there: same tag, same digest, same bytes."""

import pytest

from modelbundle.bundler.archives import export_item, import_item

FORMATS = ["tar", "tar.zst", "oci"]


@pytest.fixture(params=FORMATS)
def exported(request, tmp_path, here):
    """Export an item in each of the formats; where it is."""
    if request.param == "tar.zst":
        pytest.importorskip("zstandard")

    def export(item, name="archive"):
        suffix = "" if request.param == "oci" else f".{request.param}"
        export_item(here, item, str(tmp_path / (name + suffix)))
        return tmp_path / (name + suffix)

    return export


def contents(store, item):
    return {entry.path: store.blob(entry.digest).read_bytes() for entry in store.files(item)}


@pytest.mark.parametrize("kind", ["model", "bundle"])
def test_an_item_arrives_as_it_left(kind, exported, here, there, request):
    item = request.getfixturevalue(kind)

    came = import_item(there, str(exported(item)))

    assert (came.item.kind, came.item.tag, came.item.digest) == (kind, item.tag, item.digest)
    assert came.item.manifest == item.manifest
    assert contents(there, came.item) == contents(here, item)
    assert there.config(came.item) == here.config(item)
    assert there.verify() == []
    assert came.written > 0
    assert there.find(item.tag, kind).aliases == ("latest",)
