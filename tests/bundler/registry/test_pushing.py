"""Pushing: to a real registry where there is one, and to one that counts what it is asked."""

import json
import os
import threading
import urllib.request

import pytest

from modelbundle.bundler.errors import Damaged, InvalidTag, NotFound, Refused, RegistryError
from modelbundle.bundler.registry.pulling import pull
from modelbundle.bundler.registry.pushing import push
from modelbundle.bundler.store.files.process import Process

from ..recorded_progress import RecordedProgress
from .conftest import QUICK, answering, sha


@pytest.fixture
def item(add_model):
    return add_model(version="2.1", weights=b"w" * 100_000)


def raw(repository, tag):
    host, _, name = repository.partition("/")
    request = urllib.request.Request(
        f"http://{host}/v2/{name}/manifests/{tag}",
        headers={"Accept": "application/vnd.oci.image.manifest.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read(), answer.headers


def test_the_registry_has_the_manifest_of_the_store_to_the_byte(item, own_store, repository):
    done = push(item.tag, repository, own_store)
    assert done.references == (f"{repository}:2.1", f"{repository}:latest")
    assert done.sent == item.size
    for tag in ("2.1", "latest", item.manifest):
        data, headers = raw(repository, tag)
        assert data == own_store.manifest(item)
        assert headers["Docker-Content-Digest"] == item.manifest == sha(data)
    assert json.loads(data)["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"


def test_it_comes_back_as_it_was(item, own_store, other_store, repository):
    push(item.tag, repository, own_store)
    done = pull(f"{repository}:2.1", other_store)
    assert (done.item.tag, done.item.digest, done.manifest) == (
        "iris:2.1",
        item.digest,
        item.manifest,
    )
    assert done.fetched == item.size
    assert own_store.config(item) == other_store.config(done.item)
    assert own_store.files(item) == other_store.files(done.item)
    assert other_store.verify() == []


def test_only_what_is_missing_travels(item, own_store, other_store, repository, add_model):
    push(item.tag, repository, own_store)
    again = push(item.tag, f"{repository}:again", own_store)
    assert (again.sent, again.mounted, again.present) == (0, 0, item.size)

    changed = add_model(version="2.2", weights=b"w" * 100_000, framework="xgboost")
    done = push(changed.tag, repository, own_store)
    assert done.sent == changed.size - sum(e.size for e in own_store.files(changed))
    pull(f"{repository}:2.1", other_store)
    fetched = pull(f"{repository}:2.2", other_store)
    assert fetched.fetched == done.sent


def test_what_another_repository_has_is_mounted(item, own_store, repository):
    push(item.tag, f"{repository}/one", own_store)
    done = push(item.tag, f"{repository}/two", own_store)
    assert (done.sent, done.mounted) == (0, item.size)


def test_a_large_blob_goes_in_pieces_to_the_real_one(own_store, other_store, add_model, repository):
    from dataclasses import replace

    item = add_model("large", weights=bytes(range(256)) * 20_000)
    push(item.tag, repository, own_store, limits=replace(QUICK, chunk=1_000_000))
    done = pull(repository, other_store)
    assert done.item.digest == item.digest
    assert other_store.verify() == []


def test_an_empty_file_travels(own_store, other_store, add_model, repository):
    item = add_model("hollow", weights=b"")
    push(item.tag, repository, own_store)
    assert pull(repository, other_store).item.digest == item.digest


def test_many_push_the_same_at_once(item, own_store, repository):
    failures = []

    def work():
        try:
            push(item.tag, repository, own_store)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert raw(repository, "2.1")[0] == own_store.manifest(item)


# What a registry is asked


def test_blobs_are_asked_for_sent_and_then_the_manifest(item, own_store, liar):
    push(item.tag, f"{liar.host}/x", own_store, limits=QUICK)
    order = [asked.method for asked in liar.asked]
    assert order.index("PUT") > order.index("HEAD")
    last = [(asked.method, asked.path) for asked in liar.asked[-2:]]
    assert last == [("PUT", "/v2/x/manifests/2.1"), ("PUT", "/v2/x/manifests/latest")]
    assert liar.manifests["x", "2.1"] == own_store.manifest(item)


def test_what_one_repository_has_another_takes_from_there(item, own_store, liar, add_model):
    """What is known of a registry is known from pushes and pulls to it, and to no other."""
    first = push(item.tag, f"{liar.host}/one", own_store, limits=QUICK)
    assert (first.sent, first.mounted, first.present) == (item.size, 0, 0)
    other = add_model(version="2.2", weights=b"w" * 100_000, framework="xgboost")
    weights = sum(entry.size for entry in own_store.files(other))
    assert 0 < weights < other.size
    done = push(other.tag, f"{liar.host}/two", own_store, limits=QUICK)
    assert (done.sent, done.mounted, done.present) == (other.size - weights, weights, 0)
    done = push(other.tag, f"{liar.host}/one", own_store, limits=QUICK)
    assert (done.sent, done.mounted, done.present) == (0, other.size - weights, weights)
    for place in ("one", "two"):
        assert {digest for name, digest in liar.blobs if name == place} >= {other.digest}


def test_an_item_that_is_there_costs_a_few_requests(item, own_store, liar):
    push(item.tag, f"{liar.host}/x", own_store, limits=QUICK)
    liar.asked.clear()
    push(item.tag, f"{liar.host}/x:2.1", own_store, limits=QUICK)
    assert [asked.method for asked in liar.asked] == ["HEAD", "PUT"]
    liar.asked.clear()
    push(item.tag, f"{liar.host}/x:third", own_store, limits=QUICK)
    assert liar.count("HEAD", "/blobs/") == 0


def test_a_failure_leaves_no_manifest(item, own_store, liar):
    liar.twist("PUT", "blobs", answering(500))
    with pytest.raises(RegistryError, match="answered 500"):
        push(item.tag, f"{liar.host}/x", own_store, limits=QUICK)
    assert liar.manifests == {}


def test_a_version_there_is_replaced_by_force_alone(item, own_store, liar):
    liar.manifests["x", "2.1"] = b"another"
    with pytest.raises(Refused, match=f"`{liar.host}/x:2.1` is there with other content") as caught:
        push(item.tag, f"{liar.host}/x", own_store, limits=QUICK)
    assert caught.value.exit_code == 5
    assert liar.blobs == {}
    push(item.tag, f"{liar.host}/x", own_store, limits=QUICK, force=True)
    assert liar.manifests["x", "2.1"] == own_store.manifest(item)


def test_an_alias_moves(item, own_store, liar):
    liar.manifests["x", "production"] = b"another"
    push(item.tag, f"{liar.host}/x:production", own_store, limits=QUICK)
    assert liar.manifests["x", "production"] == own_store.manifest(item)


def test_a_plus_in_a_version_becomes_a_minus(add_model, own_store, liar):
    done = push(add_model(version="1.0+cpu").tag, f"{liar.host}/x", own_store, limits=QUICK)
    assert done.references[0] == f"{liar.host}/x:1.0-cpu"


def test_a_registry_that_stored_something_else_is_found_out(item, own_store, liar):
    liar.twist("PUT", "manifests", answering(201, Docker_Content_Digest=sha(b"other")))
    with pytest.raises(Damaged, match="another manifest"):
        push(item.tag, f"{liar.host}/x", own_store, limits=QUICK)


def test_what_is_wrong_is_told_before_anybody_is_asked(item, own_store, liar):
    with pytest.raises(InvalidTag, match="names a digest"):
        push(item.tag, f"{liar.host}/x@{item.manifest}", own_store)
    with pytest.raises(NotFound):
        push("nothing:1", f"{liar.host}/x", own_store)
    assert liar.asked == []


@pytest.mark.parametrize(
    ("status", "hint"),
    [(507, "no room left"), (413, "larger requests"), (404, "a registry"), (503, "only the rest")],
)
def test_what_mends_it_is_said(item, own_store, liar, status, hint):
    liar.twist("POST", "uploads", answering(status))
    with pytest.raises(RegistryError, match=f"answered {status}") as caught:
        push(item.tag, f"{liar.host}/x", own_store, limits=QUICK)
    assert hint in caught.value.hint


@pytest.mark.parametrize("nested", [False, True])
def test_a_registry_whose_disk_is_full_is_told_so(item, own_store, liar, nested):
    """The reference registry calls it an unknown error, and keeps the system's word for details."""
    detail = {"Op": "mkdir", "Path": "/var/lib/registry", "Err": 28}
    detail = {"DriverName": "filesystem", "Enclosed": detail} if nested else detail
    error = {"code": "UNKNOWN", "message": "unknown error", "detail": detail}
    liar.twist("POST", "uploads", answering(500, json.dumps({"errors": [error]}).encode()))
    with pytest.raises(RegistryError, match=r"error \(No space left on device\)\.") as caught:
        push(item.tag, f"{liar.host}/x", own_store, limits=QUICK)
    assert "no room left" in caught.value.hint


def test_who_waits_for_a_shared_directory_is_told_for_whom(item, own_store, tmp_path):
    directory = tmp_path / "shared"
    push(item.tag, str(directory), own_store)
    turn = directory / ".index.turn"
    turn.write_text(str(Process.current()))  # alive, and it has kept its turn

    class Ending(RecordedProgress):
        def step(self, text):
            super().step(text)
            turn.unlink()

    progress = Ending()
    push(item.tag, f"{directory}:other:1", own_store, progress=progress)
    assert progress.steps == [f"Waiting for process {os.getpid()}, which has `{turn}`"]
