"""What refers to an item: kept beside it, in the terms of OCI, and for how long."""

import json
import os
import time

import pytest

from modelbundle.bundler.errors import Damaged
from modelbundle.bundler.store import Store, referrers

KIND = "application/vnd.example.note+json"


def test_a_referrer_is_an_oci_manifest_about_the_items(store, save):
    item = save("iris")
    one = store.referrers.attach(item, KIND, b"note")
    assert store.referrers.of(item) == [one]
    assert store.referrers.of(item, "application/other") == []
    assert store.referrers.read(one) == b"note"
    document = json.loads(store.blob(one.manifest).read_bytes())
    assert document["subject"]["digest"] == item.manifest
    assert document["subject"]["size"] == len(store.manifest(item))
    assert document["artifactType"] == KIND
    assert [layer["digest"] for layer in document["layers"]] == [one.content.digest]
    known = referrers.read_manifest(store.blob(one.manifest).read_bytes())
    assert known == (KIND, item.manifest, one.content)


@pytest.mark.parametrize("data", [b"{}", b"[]", b"not", b'{"layers":[{}],"subject":{}}'])
def test_a_manifest_of_nothing(data):
    with pytest.raises(ValueError, match=r"referrer|Expecting"):
        referrers.read_manifest(data)


def test_the_same_is_kept_once(store, save):
    item = save("iris")
    assert store.referrers.attach(item, KIND, b"note") == store.referrers.attach(
        item, KIND, b"note"
    )
    store.referrers.attach(item, KIND, b"another")
    assert len(store.referrers.of(item)) == 2


def test_collections_leave_them_alone_and_verification_sees_them(store, save):
    item = save("iris")
    one = store.referrers.attach(item, KIND, b"note")
    assert store.gc().blobs == 0
    assert store.referrers.read(one) == b"note"
    assert store.verify() == []
    path = store.blob(one.content.digest)
    path.chmod(0o600)
    path.write_bytes(b"lies")
    assert [damage.path for damage in store.verify()] == [f"blobs/sha256/{path.name}"]


def test_a_deleted_item_keeps_them_for_a_day(store, save):
    item = save("iris")
    one = store.referrers.attach(item, KIND, b"note")
    store.delete(item)
    store.gc()
    again = save("iris")
    assert store.referrers.of(again) == [one]
    store.delete(again)
    folder = store.root / "referrers" / item.digest.removeprefix("sha256:")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(folder, (long_ago, long_ago))
    assert store.gc(dry_run=True)
    assert store.referrers.of(item) == [one]
    store.gc()
    assert store.referrers.of(item) == []
    assert not folder.exists()
    assert not store.root.joinpath("blobs/sha256", one.content.digest[7:]).exists()


def test_a_damaged_line_hides_none_and_is_told_and_mended(store, save):
    """Its manifest says the same, and stays for as long as the line does."""
    item = save("iris")
    kept = {store.referrers.attach(item, KIND, data) for data in (b"note", b"other")}
    folder = store.root / "referrers" / item.digest.removeprefix("sha256:")
    for path in folder.iterdir():
        line = path.read_bytes()
        path.write_bytes(line[:-9] + bytes([line[-9] ^ 1]) + line[-8:])
        assert [(damage.tag, damage.path) for damage in store.verify()] == [
            (f"model:{item.tag}", f"referrers/{folder.name}/{path.name}")
        ]
        assert set(store.referrers.of(item)) == kept
        assert Store(store.root).gc().blobs == 0
        assert store.repair().left == []
        assert path.read_bytes() == line
    assert store.verify() == []


def test_a_lost_blob_of_one_is_told(store, save):
    item = save("iris")
    one = store.referrers.attach(item, KIND, b"note")
    store.blob(one.content.digest).unlink()
    (damage,) = store.verify()
    assert damage.tag == f"model:{item.tag}"
    assert one.content.digest in damage.what


def test_what_is_called_after_no_manifest_is_passed_over(store, save):
    item = save("iris")
    one = store.referrers.attach(item, KIND, b"note")
    folder = store.root / "referrers" / item.digest.removeprefix("sha256:")
    (folder / "junk").write_bytes(b"nonsense")
    assert store.referrers.of(item) == [one]


def test_they_stay_while_the_ref_of_their_item_is_damaged(store, save):
    """It does not say which item it is: the signature would be gone when it is mended."""
    item = save("iris")
    one = store.referrers.attach(item, KIND, b"note")
    folder = store.root / "referrers" / item.digest.removeprefix("sha256:")
    os.utime(folder, (1, 1))
    path = store.root / "refs/models/iris" / item.version
    line = path.read_bytes()
    path.write_bytes(b"?" + line)
    with pytest.raises(Damaged, match="iris"):
        store.gc()
    path.write_bytes(line)
    assert store.referrers.of(item) == [one]
    assert store.gc().blobs == 0
