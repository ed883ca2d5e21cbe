"""Bucket: a layout in an object store; fsspec's own one in memory stands for all of them."""

import json
import uuid

import fsspec
import pytest

from modelbundle.bundler.errors import Damaged, RegistryError
from modelbundle.bundler.registry.pulling import pull
from modelbundle.bundler.registry.pushing import push
from modelbundle.bundler.registry.reference import parse
from modelbundle.bundler.registry.remotes.bucket import Bucket
from modelbundle.runtime import canonical


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
    if _has("s3fs"):
        pytest.skip("s3fs is installed")
    with pytest.raises(RegistryError, match="cannot be used") as caught:
        push(add_model().tag, "s3://bucket/prefix", own_store)
    assert "pip install s3fs" in caught.value.hint.replace("`", "")


def _has(name):
    import importlib.util

    return importlib.util.find_spec(name) is not None


class Interrupted:
    """A file system that does something else before its call number `at`."""

    def __init__(self, system, at, other):
        self._system, self._left, self._other = system, at, other

    def __getattr__(self, name):
        def call(*args, **options):
            if self._left == 0:
                self._other()
            self._left -= 1
            return getattr(self._system, name)(*args, **options)

        return call


def manifest(text):
    return canonical.dumps({"schemaVersion": 2, "annotations": {"of": text}})


def names(bucket):
    """What `index.json` itself lists, as tools see it that know of no changes."""
    data = fsspec.filesystem("memory").cat_file(f"{bucket.removeprefix('memory:/')}/index.json")
    notes = (one["annotations"] for one in json.loads(data)["manifests"])
    return {one["org.opencontainers.image.ref.name"] for one in notes}


@pytest.mark.parametrize("tag", ["theirs", "mine"], ids=["another-tag", "the-same-tag"])
@pytest.mark.parametrize("at", range(9))
def test_two_pushers_at_the_same_moment_lose_nothing(bucket, at, tag):
    """Whatever is between two requests of the one: all of the other's, in one case twice."""
    reference = parse(bucket)
    first, mine, theirs = Bucket(reference), Bucket(reference), Bucket(reference)
    first.publish(manifest("first"), ["first"])
    published = []

    def other():
        for text in ("theirs", "theirs again"):
            theirs.publish(manifest(text), [tag, f"{text}:1"])
        published.append(mine)

    mine._fs = Interrupted(mine._fs, at, other)
    mine.publish(manifest("mine"), ["mine", "mine:1"])
    if not published:  # the publication has fewer requests
        other()
    assert names(bucket) == {"first", tag, "theirs:1", "theirs again:1", "mine", "mine:1"}
    reader = Bucket(reference)
    wanted = reader.digest("mine:1"), reader.digest("theirs:1"), reader.digest("theirs again:1")
    assert len(set(wanted)) == 3
    assert reader.digest(tag) in wanted


def test_a_pusher_that_dies_before_the_index_has_published(bucket):
    reference = parse(bucket)
    dying = Bucket(reference)
    dying._write_index = lambda _: None
    dying.publish(manifest("one"), ["one"])
    assert Bucket(reference).tagged("one") == manifest("one")
    Bucket(reference).publish(manifest("two"), ["two"])
    assert names(bucket) == {"one", "two"}


@pytest.mark.usefixtures("pushed")
def test_an_index_of_other_tools_is_continued(bucket):
    system, path = fsspec.filesystem("memory"), f"{bucket.removeprefix('memory:/')}/index.json"
    document = json.loads(system.cat_file(path))
    document["annotations"] = {"by": "another"}
    system.pipe_file(path, json.dumps(document).encode())
    Bucket(parse(bucket)).publish(manifest("two"), ["two"])
    assert names(bucket) == {"iris:2.1", "iris:latest", "two"}
    assert json.loads(system.cat_file(path))["annotations"]["by"] == "another"


def test_publishing_the_same_again_adds_nothing(bucket):
    for _ in range(3):
        Bucket(parse(bucket)).publish(manifest("one"), ["one"])
    system, path = fsspec.filesystem("memory"), bucket.removeprefix("memory:/")
    assert [one["name"] for one in system.ls(f"{path}/changes")] == [f"{path}/changes/1.json"]
