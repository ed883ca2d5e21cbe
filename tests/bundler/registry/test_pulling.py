"""Pulling: what arrives is what was named, or nothing does."""

import json
import os
from functools import partial

import pytest

from modelbundle.bundler.errors import (
    Damaged,
    InvalidSource,
    InvalidTag,
    Refused,
    RegistryError,
    StoreError,
)
from modelbundle.bundler.registry.pulling import Wanted, pull
from modelbundle.bundler.registry.pushing import push
from modelbundle.runtime import canonical
from modelbundle.runtime.errors import BundleError, InvalidBundle

from .conftest import QUICK, answering, sha

WEIGHTS = bytes(range(256)) * 1000


@pytest.fixture
def item(add_model):
    return add_model(version="2.1", weights=WEIGHTS, executes=True)


@pytest.fixture
def there(item, own_store, liar):
    """The reference of a model in a registry."""
    push(item.tag, f"{liar.host}/team/iris", own_store, limits=QUICK)
    liar.asked.clear()
    return f"{liar.host}/team/iris"


@pytest.fixture
def fetch(other_store):
    """Pull into another store, quickly."""

    def run(reference, name=None, aliases=()):
        wanted = Wanted.parse(name, tuple(aliases))
        return pull(reference, other_store, wanted=wanted, limits=QUICK)

    return run


def untouched(store):
    """Whether there is no item, no temporary file, and no blob of other bytes."""
    blobs = store.root / "blobs" / "sha256"
    whole = all(sha(path.read_bytes()) == f"sha256:{path.name}" for path in blobs.glob("*"))
    staged = [path for path in (store.root / "tmp").glob("*/*") if path.name != "held"]
    refs = [path for path in (store.root / "refs").rglob("*") if path.is_file()]
    return whole and not staged and not refs


@pytest.mark.parametrize(
    ("suffix", "name", "expected"),
    [
        (":2.1", None, "iris:2.1"),
        ("", None, None),  # the version is the start of its digest
        (":latest", None, None),
        (":2.1", "flower", None),
        (":2.1", "flower:7", "flower:7"),
        (":latest", "flower:7", "flower:7"),
    ],
)
def test_it_is_called_as_there_or_as_asked(there, fetch, item, suffix, name, expected):
    done = fetch(there + suffix, name)
    short = item.digest.removeprefix("sha256:")[:12]
    assert done.item.tag == (expected or f"{name or 'iris'}:{short}")
    assert done.item.digest == item.digest


def test_by_digest_it_is_that_one(there, fetch, item):
    assert fetch(f"{there}@{item.manifest}").item.digest == item.digest


def test_aliases_are_given(there, fetch, other_store):
    assert fetch(f"{there}:2.1", aliases=["production"]).item.aliases == ("latest", "production")
    assert other_store.find("iris@production").version == "2.1"


def test_nothing_is_trusted_by_being_pulled(there, fetch, other_store, item):
    done = fetch(there)
    assert done.item.executes_code
    assert done.item.imported
    assert not other_store.trust.is_trusted(done.item.digest)


def test_what_is_here_does_not_travel(there, fetch, liar, item):
    fetch(there)
    liar.asked.clear()
    again = fetch(f"{there}:2.1")
    assert (again.fetched, again.present) == (0, item.size)
    assert [asked.path.rpartition("/")[0] for asked in liar.asked] == [
        "/v2/team/iris/manifests",
        "/v2/team/iris/referrers",  # signatures, and where there is no such list
        "/v2/team/iris/manifests",
    ]


def test_a_damaged_copy_here_is_not_taken_for_what_was_asked_for(there, fetch, other_store, item):
    """Its bytes were committed as a model of their own, which got `latest`."""
    fetch(there)
    kept = other_store.blob(item.digest)
    whole = kept.read_bytes()
    kept.chmod(0o600)
    kept.write_bytes(whole.replace(b"sklearn", b"sklaern"))
    done = fetch(f"{there}@{item.manifest}")
    assert done.item.digest == item.digest
    assert (done.fetched, other_store.blob(item.digest).read_bytes()) == (len(whole), whole)


def test_what_had_arrived_before_a_failure_is_kept(there, fetch, liar, own_store, item):
    large = own_store.files(item)[0]
    liar.twist("GET", large.digest, answering(500), times=QUICK.attempts)
    with pytest.raises(RegistryError, match="answered 500"):
        fetch(there)
    assert fetch(there).item.digest == item.digest
    assert liar.count("GET", large.digest) == QUICK.attempts + 1


def test_a_version_here_with_other_content_is_refused_before_it_travels(
    there, fetch, liar, other_store
):
    blob = other_store.ingest_bytes(b"x")
    from modelbundle.runtime.manifests.file_entry import FileEntry

    other_store.commit("model", "iris", b"{}", [FileEntry("f", blob.digest, 1)], version="2.1")
    with pytest.raises(Refused, match=r"`iris:2.1` is in the store with other content") as caught:
        fetch(f"{there}:2.1")
    assert "--as iris" in caught.value.hint
    assert liar.count("GET", "/blobs/") == 1  # its config
    assert fetch(f"{there}:2.1", "iris").item.version != "2.1"


def test_a_name_that_cannot_be_one_here_asks_for_another(own_store, item, liar, fetch):
    push(item.tag, f"{liar.host}/team/is__odd:_x", own_store, limits=QUICK)
    with pytest.raises(InvalidTag, match="is the name") as caught:
        fetch(f"{liar.host}/team/is__odd:_x")
    assert "--as NAME:VERSION" in caught.value.hint
    assert fetch(f"{liar.host}/team/is__odd:_x", "fine:1").item.tag == "fine:1"


@pytest.mark.parametrize("name", ["Iris", "a:b:c", ":1", "a:", "a/b", "model", "x:latest"])
def test_a_name_that_is_none_is_refused_at_once(name, there, fetch, liar):
    with pytest.raises(InvalidTag):
        fetch(there, name)


def test_a_disk_without_room_is_told_before_it_travels(
    there, fetch, liar, own_store, item, other_store
):
    files = json.loads(liar.manifests["team/iris", "2.1"])["layers"]
    huge = 1 << 49
    config = json.loads(own_store.config(item))
    section = config["io.modelbundle.model.v1"]
    next(f for f in section["files"] if f["path"] == "model.bin")["size"] = huge
    data = canonical.dumps(config)
    manifest = json.loads(liar.manifests["team/iris", "2.1"])
    next(f for f in files if f["size"] == len(WEIGHTS))["size"] = huge
    manifest |= {"layers": files}
    manifest["config"] |= {"digest": sha(data), "size": len(data)}
    liar.blobs["team/iris", sha(data)] = data
    liar.manifests["team/iris", "3"] = canonical.dumps(manifest)
    with pytest.raises(StoreError, match=r"bytes and has .* free"):
        fetch(f"{there}:3")
    assert liar.count("GET", "/blobs/") == 1
    assert untouched(other_store)


# Lies, end to end


@pytest.fixture
def lie_about(liar, own_store, item):
    """Teach the registry one lie about the model."""
    return partial(tell, liar, own_store, item)


def tell(liar, own_store, item, kind):
    files = {entry.path: entry for entry in own_store.files(item)}
    weights = files["model.bin"].digest
    manifest = json.loads(liar.manifests["team/iris", "latest"])

    def serve(document):
        data = document if isinstance(document, bytes) else canonical.dumps(document)
        liar.manifests["team/iris", "latest"] = data

    def layer(**change):
        next(one for one in manifest["layers"] if one["digest"] == weights).update(change)
        serve(manifest)

    def blob(data):
        liar.blobs["team/iris", weights] = data

    def config(data):
        liar.blobs["team/iris", item.digest] = data

    {
        "a config of other bytes": lambda: config(b"x" * len(own_store.config(item))),
        "other bytes": lambda: blob(b"x" * len(WEIGHTS)),
        "one bit": lambda: blob(bytes([WEIGHTS[0] ^ 1]) + WEIGHTS[1:]),
        "fewer bytes": lambda: blob(WEIGHTS[:-1]),
        "more bytes": lambda: blob(WEIGHTS + b"x"),
        "another size": lambda: layer(size=len(WEIGHTS) - 1),
        "a path that leaves": lambda: layer(annotations={"org.cncf.model.filepath": "../../evil"}),
        "an absolute path": lambda: layer(annotations={"org.cncf.model.filepath": "/tmp/evil"}),
        "another path": lambda: layer(annotations={"org.cncf.model.filepath": "other.bin"}),
        "a foreign kind": lambda: serve(manifest | {"artifactType": "application/vnd.evil"}),
        "an image": lambda: serve({"manifests": [], "schemaVersion": 2}),
        "a page": lambda: liar.twist(
            "GET", "manifests", answering(200, b"<html>Log in</html>", Content_Type="text/html")
        ),
        "a page as JSON": lambda: serve(b"<html>Log in</html>"),
        "ten megabytes": lambda: serve(b" " * 10_000_000),
        "no blob": lambda: liar.blobs.pop(("team/iris", weights)),
        "to a file": lambda: liar.twist(
            "GET", weights, answering(307, Location="file:///etc/passwd")
        ),
        "elsewhere": lambda: liar.twist(
            "GET", weights, answering(307, Location="http://evil.example.com/")
        ),
        "always 401": lambda: liar.twist("GET", weights, answering(401, WWW_Authenticate="Basic")),
        "a blob as a page": lambda: liar.twist(
            "GET", weights, answering(200, b"<html>", Content_Type="text/html")
        ),
    }[kind]()


LIES = [
    "a config of other bytes", "other bytes", "one bit", "fewer bytes", "more bytes",
    "another size", "a path that leaves", "an absolute path", "another path", "a foreign kind",
    "an image", "a page", "a page as JSON", "ten megabytes", "no blob", "to a file", "elsewhere",
    "always 401", "a blob as a page",
]  # fmt: skip


@pytest.mark.parametrize("kind", LIES)
def test_a_lie_is_told_in_one_line_and_changes_nothing(
    kind, lie_about, there, fetch, other_store, tmp_path
):
    lie_about(kind)
    with pytest.raises(BundleError) as caught:
        fetch(there)
    assert not isinstance(caught.value, (StoreError, InvalidSource))
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, (RegistryError, Damaged, InvalidBundle))
    assert untouched(other_store)
    assert other_store.verify() == []
    assert not list(tmp_path.rglob("*evil*"))


def test_the_liars_tell_the_difference(there, fetch, liar, own_store, item):
    """Of the registry above, nothing but the lie is wrong."""
    assert fetch(there).item.digest == item.digest


def test_a_store_that_cannot_be_written_is_told(there, fetch, other_store, tmp_path):
    if os.geteuid() == 0:
        (tmp_path / "other").write_text("a file where the store should be")
    else:
        (tmp_path / "other").mkdir(mode=0o500)
    with pytest.raises(StoreError):
        fetch(there)
