"""A signature goes where its item goes, and says there what it said here."""

import base64
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelbundle.bundler.errors import InvalidSignature
from modelbundle.bundler.registry import referring
from modelbundle.bundler.registry.pulling import pull
from modelbundle.bundler.registry.pushing import push
from modelbundle.bundler.registry.referring import tag_of
from modelbundle.bundler.signing import signing
from modelbundle.bundler.signing.key import KeySigner
from modelbundle.bundler.store import Store, referrers

from .conftest import answering, sha


@pytest.fixture(params=["a registry that lists", "one that does not", "a directory", "a bucket"])
def where(request, liar, tmp_path):
    liar.lists = request.param == "a registry that lists"
    return {"a directory": str(tmp_path / "shared"), "a bucket": f"memory://{tmp_path.name}"}.get(
        request.param, f"{liar.host}/team/iris"
    )


@pytest.fixture
def there(where, signed):
    """What it is called there."""
    return f"{where}:2.1" if "/team/" in where else f"{where}:{signed.tag}"


def test_it_verifies_on_the_other_side(where, there, signed, own_store, other_store, key):
    assert push(signed.tag, where, own_store).signatures == 1
    done = pull(there, other_store)
    assert done.signatures == 1
    assert signing.verify(done.item, other_store, [key[1]]).name == key[1].name
    assert other_store.verify() == []


def test_one_that_was_made_later_goes_along_with_the_next_push(
    where, there, signed, own_store, other_store, tmp_path
):
    push(signed.tag, where, own_store)
    other = ec.generate_private_key(ec.SECP256R1())
    secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "other.pem").write_bytes(other.private_bytes(serialization.Encoding.PEM, *secret))
    signing.sign(signed, own_store, KeySigner.read(tmp_path / "other.pem"))
    again = push(signed.tag, where, own_store)
    assert (again.sent, again.signatures) == (0, 2)
    assert pull(there, other_store).signatures == 2


def test_without_one_nothing_more_is_written(liar, add_model, own_store, other_store):
    item = add_model(version="2.1")
    assert push(item.tag, f"{liar.host}/team/iris", own_store).signatures == 0
    assert not [tag for _, tag in liar.manifests if tag.startswith("sha256-")]
    assert pull(f"{liar.host}/team/iris:2.1", other_store).signatures == 0


def test_a_directory_with_one_model_needs_no_name_for_it(signed, own_store, other_store, tmp_path):
    push(signed.tag, str(tmp_path / "shared"), own_store)
    document = json.loads((tmp_path / "shared" / "index.json").read_bytes())
    names = {
        one["annotations"]["org.opencontainers.image.ref.name"] for one in document["manifests"]
    }
    assert names == {"iris:2.1", "iris:latest", tag_of(signed.manifest)}
    assert pull(str(tmp_path / "shared"), other_store).item.digest == signed.digest


KIND_IS_A_LIST = (
    b'{"artifactType": ["a"], "subject": {"digest": "x"}, "layers": [{"digest": "x", "size": 1}]}'
)
KIND_IS_A_LIST_DIGEST = sha(KIND_IS_A_LIST).encode()


@pytest.mark.parametrize(
    "lie",
    [
        b"", b"[]", b"{", b'{"manifests": 3}', b'{"manifests": [3, {}, {"digest": 7}]}',
        b'{"manifests": [{"digest": "sha256:' + b"a" * 64 + b'"}]}', b"[" * 100_000,
        b'{"manifests": [{"digest": "sha256:' + b"a" * 64 + b'", "artifactType": []}]}',
        b'{"manifests": [{"digest": "' + KIND_IS_A_LIST_DIGEST + b'"}]}', bytes(5 << 20),
    ],
)  # fmt: skip
def test_a_list_of_nonsense_keeps_the_model_away_from_nobody(
    lie, liar, signed, own_store, other_store
):
    push(signed.tag, f"{liar.host}/team/iris", own_store)
    liar.manifests["team/iris", KIND_IS_A_LIST_DIGEST.decode()] = KIND_IS_A_LIST
    liar.manifests["team/iris", tag_of(signed.manifest)] = lie
    done = pull(f"{liar.host}/team/iris:2.1", other_store)
    assert (done.item.digest, done.signatures) == (signed.digest, 0)


def test_what_is_no_signature_of_this_item_is_not_even_fetched(
    liar, signed, own_store, other_store
):
    push(signed.tag, f"{liar.host}/team/iris", own_store)
    (one,) = own_store.referrers.traveling(signed)
    document = json.loads(own_store.referrers.manifest(one))
    lies = [
        document | {"artifactType": "application/vnd.example.note+json"},
        document | {"subject": {"digest": "sha256:" + "0" * 64}},
    ]
    (layer,) = document["layers"]
    sizes = ({"size": size} for size in (0, -1, True, 1.0, referrers.LARGEST + 1))
    names = ({"digest": name} for name in ("sha256:../../x", None, {}))
    lies += [document | {"layers": [layer | lie]} for lie in (*names, *sizes)]
    told = {sha(data): data for data in (json.dumps(lie).encode() for lie in lies)}
    liar.manifests |= {("team/iris", digest): data for digest, data in told.items()}
    listed = {"manifests": [{"digest": digest} for digest in told]}
    liar.manifests["team/iris", tag_of(signed.manifest)] = json.dumps(listed).encode()
    done = pull(f"{liar.host}/team/iris:2.1", other_store)
    assert (done.item.digest, done.signatures) == (signed.digest, 0)
    assert [liar.count("GET", digest) for digest in told] == [1] * 10
    assert liar.count("GET", f"blobs/{one.content.digest}|x$") == 0


def test_a_list_of_thousands_is_looked_at_for_as_long_as_it_may_be_true(
    liar, signed, own_store, other_store, monkeypatch
):
    monkeypatch.setattr("modelbundle.bundler.registry.referring._LOOKS", 5)
    push(signed.tag, f"{liar.host}/team/iris", own_store)
    listed = {"manifests": [{"digest": f"sha256:{number:064x}"} for number in range(5000)]}
    liar.manifests["team/iris", tag_of(signed.manifest)] = json.dumps(listed).encode()
    assert pull(f"{liar.host}/team/iris:2.1", other_store).signatures == 0
    assert liar.count("GET", "manifests/sha256:0{50}") == 5


def test_attestations_of_others_crowd_out_no_signature_of_the_model(
    liar, signed, own_store, other_store, key, monkeypatch
):
    build = base64.b64encode(b'{"predicateType": "https://slsa.dev/provenance/v1"}').decode()
    for number in range(3):
        data = json.dumps({"dsseEnvelope": {"payload": build}, "number": number}).encode()
        own_store.referrers.attach(signed, referrers.SIGNATURE, data)
    (own,) = (one.manifest for one in own_store.referrers.of(signed) if one.content.size > 200)
    push(signed.tag, f"{liar.host}/team/iris", own_store)
    place = "team/iris", tag_of(signed.manifest)
    listed = json.loads(liar.manifests[place])
    listed["manifests"].sort(key=lambda entry: entry["digest"] == own)
    liar.manifests[place] = json.dumps(listed).encode()

    monkeypatch.setattr(referring, "MOST", 2)
    done = pull(f"{liar.host}/team/iris:2.1", other_store)
    assert done.signatures == 3
    assert signing.verify(done.item, other_store, [key[1]]).name == key[1].name
    monkeypatch.setattr(referrers, "MOST", 1)
    assert [one.manifest for one in other_store.referrers.traveling(done.item)] == [own]


def test_a_registry_that_fails_at_the_list_keeps_the_model_away_from_nobody(
    liar, signed, own_store, other_store
):
    push(signed.tag, f"{liar.host}/team/iris", own_store)
    for status in (401, 403):
        liar.twist("GET", "referrers|sha256-", answering(status))
        done = pull(f"{liar.host}/team/iris:2.1", other_store)
        assert (done.item.digest, done.signatures) == (signed.digest, 0)


def test_another_models_signature_is_worth_nothing(
    liar, signed, own_store, other_store, add_model, key
):
    other = add_model("other", version="1", weights=b"other")
    for item, place in ((signed, "team/iris"), (other, "team/other")):
        push(item.tag, f"{liar.host}/{place}", own_store)
    stolen = own_store.referrers.traveling(signed)[0]
    stolen_data = own_store.referrers.read(stolen)
    own_store.referrers.attach(other, referrers.SIGNATURE, stolen_data)
    push(other.tag, f"{liar.host}/team/other", own_store)
    done = pull(f"{liar.host}/team/other:1", other_store)
    with pytest.raises(InvalidSignature):
        signing.verify(done.item, other_store, [key[1]])


def test_what_travels_is_what_signing_makes():
    assert {signing.ARTIFACT} == referrers.TRAVELING


@pytest.mark.parametrize("where", ["a directory", "a bucket"], indirect=True)
def test_signatures_of_two_pushers_at_the_same_moment_are_both_listed(
    where, signed, own_store, other_store, tmp_path, monkeypatch
):
    """The other's list is written when ours has been read, and is not written yet."""
    there = f"{where}:{signed.tag}"
    push(signed.tag, where, own_store)
    pull(there, other_store)
    stores = [own_store, other_store]
    for number, store in enumerate(stores):
        secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        made = ec.generate_private_key(ec.SECP256R1())
        path = tmp_path / f"{number}.pem"
        path.write_bytes(made.private_bytes(serialization.Encoding.PEM, *secret))
        signing.sign(store.find(signed.tag), store, KeySigner.read(path))
    waiting, entries = [other_store], referring._entries

    def meanwhile(listed):
        while waiting:
            push(signed.tag, where, waiting.pop())
        return entries(listed)

    monkeypatch.setattr(referring, "_entries", meanwhile)
    push(signed.tag, where, own_store)
    assert not waiting
    monkeypatch.undo()
    third = Store(tmp_path / "third")
    assert pull(there, third).signatures == 3
