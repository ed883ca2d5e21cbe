"""What refers to an item: kept beside it, in the terms of OCI, and for how long."""

import json
import os
import time

import pytest

from modelbundle.bundler.store import referrers

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


def test_a_damaged_line_hides_no_other(store, save):
    item = save("iris")
    one = store.referrers.attach(item, KIND, b"note")
    two = store.referrers.attach(item, KIND, b"other")
    folder = store.root / "referrers" / item.digest.removeprefix("sha256:")
    (folder / one.manifest.removeprefix("sha256:")).write_bytes(b"nonsense")
    assert store.referrers.of(item) == [two]
