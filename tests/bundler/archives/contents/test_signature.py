"""A signature is exported with its item, and verifies where that is imported."""

import hashlib
import io
import json
import tarfile

import pytest

from modelbundle.bundler.archives import export_item, import_item
from modelbundle.bundler.errors import InvalidArchive
from modelbundle.bundler.signing import signing
from modelbundle.bundler.store import Store


@pytest.fixture
def elsewhere(tmp_path):
    return Store(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", ["m.tar", "m.tar.zst", "layout"])
@pytest.mark.parametrize("weights", [b"w" * 10_000, b"{}"])
def test_it_verifies_on_the_other_side(name, weights, add_model, own_store, key, tmp_path):
    elsewhere = Store(tmp_path / "there")
    item = add_model(version="2.1", weights=weights)
    signing.sign(item, own_store, key[0])
    export_item(own_store, item, str(tmp_path / name))
    came = import_item(elsewhere, str(tmp_path / name))
    assert came.signatures == 1
    assert signing.verify(came.item, elsewhere, [key[1]])
    assert elsewhere.verify() == []
    export_item(elsewhere, came.item, str(tmp_path / "again.tar"))
    export_item(own_store, item, str(tmp_path / "once.tar"))
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "once.tar").read_bytes()


def changed(source, target, change):
    """The same tar with other members; `change` gets and gives name -> bytes, in order."""
    with tarfile.open(source) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in change(members).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return target


def reindexed(members, manifests):
    """With another list in the index, whose checksum is right."""
    plain = json.dumps(manifests, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    index = json.loads(members["index.json"]) | {
        "manifests": manifests,
        "annotations": {"io.modelbundle.check": hashlib.sha256(plain.encode()).hexdigest()},
    }
    return members | {"index.json": json.dumps(index).encode()}


def listed(members):
    return json.loads(members["index.json"])["manifests"]


def without_content(members):
    last = list(members)[5]
    return {name: data for name, data in members.items() if name != last}


def rewritten(members, change):
    """With another manifest of the signature, which the index names."""
    item, signature = listed(members)
    name = f"blobs/sha256/{signature['digest'].removeprefix('sha256:')}"
    document = json.loads(members[name])
    change(document)
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    kept = {(f"blobs/sha256/{digest}" if n == name else n): d for n, d in members.items()}
    kept[f"blobs/sha256/{digest}"] = data
    other = signature | {"digest": f"sha256:{digest}", "size": len(data)}
    return reindexed(kept, [item, other])


def of_another(members):
    return rewritten(members, lambda d: d["subject"].update(digest="sha256:" + "0" * 64))


def of_another_kind(members):
    return rewritten(members, lambda d: d.update(artifactType="application/x"))


def of_two_contents(members):
    return rewritten(members, lambda d: d.update(layers=d["layers"] * 2))


def without_a_subject(members):
    return rewritten(members, lambda d: d.pop("subject"))


def with_content(**said):
    return lambda members: rewritten(members, lambda d: d["layers"][0].update(said))


def twice(members):
    item, signature = listed(members)
    return reindexed(members, [item, signature, signature])


def alone(members):
    return reindexed(members, listed(members)[1:])


def of_a_gigabyte(members):
    item, signature = listed(members)
    return reindexed(members, [item, signature | {"size": 1 << 30}])


def unlisted(members):
    return reindexed(members, listed(members)[:1])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without_content, "is missing|not listed"),
        (of_another, "about something else"),
        (of_another_kind, "about something else"),
        (of_two_contents, "cannot be used: "),
        (without_a_subject, "not the manifest of a referrer"),
        (with_content(size=0), "digest or size is invalid"),
        (with_content(size=-1), "digest or size is invalid"),
        (with_content(size=True), "digest or size is invalid"),
        (with_content(size="1"), "digest or size is invalid"),
        (with_content(digest=None), "not the manifest of a referrer"),
        (with_content(size=(64 << 20) + 1), "digest or size is invalid"),
        (with_content(digest="sha256:../../x"), "digest or size is invalid"),
        (twice, "or one twice"),
        (alone, "it names 0 manifests"),
        (of_a_gigabyte, "the size of the manifest is invalid"),
        (unlisted, "not listed"),
    ],
)
def test_an_archive_with_an_odd_signature_is_refused_whole(
    change, why, signed, own_store, elsewhere, tmp_path
):
    export_item(own_store, signed, str(tmp_path / "m.tar"))
    odd = changed(tmp_path / "m.tar", tmp_path / "odd.tar", change)
    with pytest.raises(InvalidArchive, match=why):
        import_item(elsewhere, str(odd))
    assert elsewhere.items("model") == []


def test_the_same_members_written_anew_are_taken(signed, own_store, elsewhere, tmp_path):
    export_item(own_store, signed, str(tmp_path / "m.tar"))
    same = changed(tmp_path / "m.tar", tmp_path / "same.tar", dict)
    assert import_item(elsewhere, str(same)).signatures == 1
