"""Bucket: a layout in an object store; fsspec's own one in memory stands for all of them."""

import uuid

import pytest

from modelbundle.bundler.errors import Damaged, RegistryError
from modelbundle.bundler.registry.pulling import pull
from modelbundle.bundler.registry.pushing import push

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def bucket():
    """An empty one."""
    name = f"memory://{uuid.uuid4().hex}/models"
    yield name
    fsspec.filesystem("memory").rm(name.removeprefix("memory:/"), recursive=True)


@pytest.fixture
def pushed(add_model, own_store, bucket):
    item = add_model(version="2.1", weights=b"w" * 3_000_000)
    return item, push(item.tag, bucket, own_store)


def path_of(bucket, digest):
    return f"{bucket.removeprefix('memory:/')}/blobs/sha256/{digest.removeprefix('sha256:')}"


def test_a_model_goes_there_and_comes_back(pushed, bucket, own_store, other_store):
    item, done = pushed
    assert done.references == (f"{bucket}:iris:2.1", f"{bucket}:iris:latest")
    assert done.sent == item.size
    again = push(item.tag, bucket, own_store)
    assert (again.sent, again.present) == (0, item.size)
    found = pull(bucket, other_store)
    assert (found.item.tag, found.item.digest) == ("iris:2.1", item.digest)
    assert other_store.verify() == []


@pytest.mark.parametrize("which", ["file", "manifest"])
def test_other_bytes_are_refused(pushed, bucket, own_store, other_store, which):
    item, _ = pushed
    digest = item.manifest if which == "manifest" else own_store.files(item)[0].digest
    system = fsspec.filesystem("memory")
    data = system.cat_file(path_of(bucket, digest))
    system.pipe_file(path_of(bucket, digest), bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(Damaged):
        pull(f"{bucket}:iris:2.1", other_store)
    system.pipe_file(path_of(bucket, digest), data[:-1])
    with pytest.raises((Damaged, RegistryError)):
        pull(f"{bucket}:iris:2.1", other_store)
    assert other_store.items("model") == []


def test_an_empty_bucket_has_nothing(other_store, pushed, bucket):
    with pytest.raises(RegistryError, match="There is no `iris:3` in"):
        pull(f"{bucket}:iris:3", other_store)
    with pytest.raises(RegistryError, match="it has nothing"):
        pull(f"{bucket}/elsewhere", other_store)


def test_a_damaged_blob_of_ours_does_not_spread(add_model, own_store, bucket, pushed):
    item = add_model("other", weights=b"others")
    path = own_store.blob(own_store.files(item)[0].digest)
    path.chmod(0o644)
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(Damaged, match="has changed in the store"):
        push(item.tag, bucket, own_store)


def test_a_scheme_without_its_library_says_what_to_install(add_model, own_store):
    pytest.importorskip("fsspec")
    if _has("s3fs"):
        pytest.skip("s3fs is installed")
    with pytest.raises(RegistryError, match="cannot be used") as caught:
        push(add_model().tag, "s3://bucket/prefix", own_store)
    assert "pip install s3fs" in caught.value.hint.replace("`", "")


def _has(name):
    import importlib.util

    return importlib.util.find_spec(name) is not None
