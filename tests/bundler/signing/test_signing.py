"""What a signature vouches for, whose it is, and the ways in which it can lie."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from modelbundle.bundler import signing
from modelbundle.bundler.errors import Damaged, InvalidKey, InvalidSignature
from modelbundle.bundler.signing import Envelope, KeySigner, KeyVerifier, Signed, Statement
from modelbundle.bundler.signing.key import content
from modelbundle.bundler.signing.key import signature as signed_with
from modelbundle.bundler.store import Blob
from modelbundle.runtime.errors import BundleError

DAY = timedelta(days=1)
FILES = {
    "model.json": "sha256:" + "11" * 32,
    "model.bin": "sha256:" + "22" * 32,
    "samples/predict.json": "sha256:" + "33" * 32,
}


def forged(key, change, data):
    """The signature file of what `change` makes of a statement, properly signed with `key`."""
    document = json.loads(Envelope.parse(data).payload)
    change(document)
    return KeySigner(key.key).sign(json.dumps(document).encode())


def resources(document):
    return document["predicate"]["resources"]


# --- the ways in which a model may differ from the one that was signed


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda files: files | {"model.bin": "sha256:" + "99" * 32}, "`model.bin` is another"),
        (lambda files: files | {"evil.py": "sha256:" + "99" * 32}, "`evil.py` was added"),
        (lambda files: {k: v for k, v in files.items() if k != "model.bin"}, "`model.bin` is miss"),
        (
            lambda files: {("moved" if k == "model.bin" else k): v for k, v in files.items()},
            "`model.bin` is missing, `moved` was added",
        ),
        (
            lambda files: (
                files | {"model.bin": files["model.json"], "model.json": files["model.bin"]}
            ),
            "`model.bin` is another, `model.json` is another",
        ),
        (lambda files: dict.fromkeys(files, "sha256:" + "77" * 32), "is another"),
    ],
    ids=["changed", "added", "removed", "renamed", "swapped", "another model"],
)
def test_changed_files(there, make_key, change, says, refuse):
    key = make_key()
    data = KeySigner.read(key.private).sign(there.statement.encode())
    verifier = KeyVerifier.read(key.public)
    assert there.check(data, [verifier]) is verifier
    refuse(replace(there, files=change(FILES)), data, verifier, match=says)


# --- the ways in which a signature may differ


def _predicate(document):
    document["predicateType"] = "https://model_signing/signature/v9"


def _subject(document):
    document["subject"][0]["digest"]["sha256"] = "0" * 64


def _two_subjects(document):
    document["subject"] *= 2


def _twice(document):
    resources(document).append(resources(document)[0])


def _type(document):
    document["_type"] = "https://in-toto.io/Statement/v0.1"


def _algorithm(document):
    resources(document)[0]["algorithm"] = "blake3"


def _hashes(document):
    document["predicate"]["serialization"]["hash_type"] = "blake2"


def _shards(document):
    document["predicate"]["serialization"]["method"] = "shards"


def _short(document):
    resources(document)[0]["digest"] = "11"


def _nothing(document):
    document["predicate"] = None


def _no_files(document):
    resources(document).clear()


@pytest.mark.parametrize(
    "change",
    [
        _predicate, _subject, _two_subjects, _twice, _type, _algorithm, _hashes, _shards, _short,
        _nothing, _no_files,
    ],
)  # fmt: skip
def test_a_statement_that_is_none_is_refused_although_its_signature_is_right(
    there, make_key, change, refuse
):
    key = make_key()
    data = KeySigner.read(key.private).sign(there.statement.encode())
    verifier = KeyVerifier.read(key.public)
    there.check(forged(key, lambda document: None, data), [verifier])
    refuse(there, forged(key, change, data), verifier, match="not of a model")


def test_other_keys(there, make_key, refuse):
    ann, bob = make_key("ann"), make_key("bob")
    data = KeySigner.read(ann.private).sign(there.statement.encode())
    refuse(there, data, KeyVerifier.read(bob.public), match="another key")
    hinted = json.loads(data)
    del hinted["verificationMaterial"]["publicKey"]["hint"]  # claims to be nobody's in particular
    hinted["verificationMaterial"]["publicKey"]["rawBytes"] = ""
    refuse(there, json.dumps(hinted).encode(), KeyVerifier.read(bob.public), match="does not match")
    there.check(json.dumps(hinted).encode(), [KeyVerifier.read(ann.public)])
    both = [KeyVerifier.read(bob.public), KeyVerifier.read(ann.public)]
    assert there.check(data, both).name == "the key `ann.pub`"
    refuse(there, data, match="No signer is allowed")


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_curves(there, make_key, curve):
    key = make_key("ann", curve)
    data = KeySigner.read(key.private).sign(there.statement.encode())
    there.check(data, [KeyVerifier.read(key.public)])


def test_the_hash_belongs_to_the_curve(there, make_key, refuse):
    from cryptography.hazmat.primitives import hashes

    key, payload = make_key(), there.statement.encode()
    other = key.key.sign(signing.envelope.pae(payload), ec.ECDSA(hashes.SHA512()))
    hint = signing.key.hint(key.key.public_key())
    data = Envelope.with_key(payload, other, hint).encode()
    refuse(there, data, KeyVerifier.read(key.public), match="does not match")


def test_no_byte_of_a_signature_can_be_missing_or_changed(there, make_key, refuse):
    key = make_key()
    whole = Envelope.parse(KeySigner.read(key.private).sign(there.statement.encode()))
    verifier = KeyVerifier.read(key.public)
    for length in range(len(whole.signature)):
        data = replace(whole, signature=whole.signature[:length]).encode()
        refuse(there, data, verifier, match="does not match")
    for place in range(len(whole.payload)):
        changed = bytearray(whole.payload)
        changed[place] ^= 1
        refuse(there, replace(whole, payload=bytes(changed)).encode(), verifier, match="not match")


def test_a_file_that_is_cut_off_is_no_signature(there, make_key, refuse):
    key = make_key()
    data = KeySigner.read(key.private).sign(there.statement.encode()).rstrip()
    for length in range(0, len(data), 7):
        refuse(
            there, data[:length], KeyVerifier.read(key.public), match="not a signature of a model"
        )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda one: one["dsseEnvelope"].update(signatures=[]), "no signature in it, or several"),
        (lambda one: one["dsseEnvelope"].update(signatures=[{}, {}]), "in it, or several"),
        (lambda one: one["dsseEnvelope"].update(signatures=5), "is of another type"),
        (lambda one: one["dsseEnvelope"].update(signatures=[{"sig": 5}]), "is of another type"),
        (lambda one: one["dsseEnvelope"].update(signatures=[{"sig": "a"}]), "base64 is damaged"),
        (lambda one: one.update(verificationMaterial=None), "is of another type"),
        (lambda one: one.pop("verificationMaterial"), "it lacks 'verificationMaterial'"),
    ],
)
def test_what_is_wrong_in_a_signature_is_told_in_words(there, make_key, refuse, change, says):
    key = make_key()
    document = json.loads(KeySigner.read(key.private).sign(there.statement.encode()))
    change(document)
    refuse(there, json.dumps(document).encode(), KeyVerifier.read(key.public), match=says)


def test_a_device_without_an_end_is_neither_a_key_nor_a_signature():
    """It was read until there was no memory left."""
    with pytest.raises(BundleError, match="`/dev/zero` has more than 67,108,864 bytes"):
        content(Path("/dev/zero"))


def test_an_envelope_that_can_be_read_in_two_ways_is_refused(there, make_key, refuse):
    key = make_key()
    data = KeySigner.read(key.private).sign(there.statement.encode())
    verifier = KeyVerifier.read(key.public)
    document = json.loads(data)
    (signed,) = document["dsseEnvelope"]["signatures"]
    other = base64.b64encode(signed_with(make_key("bob").key, there.statement.encode())).decode()
    two = document | {
        "dsseEnvelope": document["dsseEnvelope"] | {"signatures": [signed, {"sig": other}]}
    }
    refuse(there, json.dumps(two).encode(), verifier, match="not a signature of a model")
    again = data.replace(b'{"dsseEnvelope"', b'{"dsseEnvelope":{},"dsseEnvelope"', 1)
    refuse(there, again, verifier, match="appears twice")
    text = document | {"dsseEnvelope": document["dsseEnvelope"] | {"payloadType": "text/plain"}}
    refuse(there, json.dumps(text).encode(), verifier, match="text/plain")
    old = document | {"mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1"}
    refuse(there, json.dumps(old).encode(), verifier, match="its type is")
    mixed = dict(document["verificationMaterial"], certificate={"rawBytes": "AA=="})
    both = document | {"verificationMaterial": mixed}
    refuse(there, json.dumps(both).encode(), verifier, match="neither a key")


def test_the_same_key_signs_the_same_way_every_time(there, make_key):
    signer = KeySigner.read(make_key().private)
    assert signer.sign(there.statement.encode()) == signer.sign(there.statement.encode())


def test_files_that_model_signing_leaves_out_are_vouched_for_by_the_manifest(
    there, make_key, refuse
):
    key = make_key()
    git = {".gitattributes": "sha256:" + "44" * 32}
    listed = replace(there, files=FILES | git, covered={**there.covered, **git})
    data = KeySigner.read(key.private).sign(listed.statement.encode())
    verifier = KeyVerifier.read(key.public)
    listed.check(data, [verifier])
    refuse(replace(listed, covered=there.covered), data, verifier, match="`.gitattributes` was add")
    lie = {".gitattributes": "sha256:" + "55" * 32}
    refuse(replace(listed, files=FILES | lie), data, verifier, match="`.gitattributes` was added")
    deep = replace(listed, files=FILES | {"a/.gitignore": git[".gitattributes"]})
    refuse(deep, data, verifier, match="`a/.gitignore` was added")


def test_keys_that_sign_no_models(tmp_path, make_key):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    made = ed25519.Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    pkcs8 = serialization.PrivateFormat.PKCS8
    (tmp_path / "ed.pem").write_bytes(made.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    odd = make_key("odd", ec.SECP256K1())
    for path in (tmp_path / "ed.pem", odd.private):
        with pytest.raises(InvalidKey, match="not an elliptic-curve key on P-256"):
            KeySigner.read(path)
    (tmp_path / "text.pem").write_text("no key")
    with pytest.raises(InvalidKey, match="holds no such key") as found:
        KeyVerifier.read(tmp_path / "text.pem")
    assert "openssl" in found.value.hint
    with pytest.raises(InvalidKey):
        KeyVerifier.read(make_key("ann").private)  # a secret where the public half belongs
    for reads, half in ((KeySigner, "private"), (KeyVerifier, "public")):
        two = [getattr(make_key(name), half).read_bytes() for name in ("ann", "bob")]
        (tmp_path / "two.pem").write_bytes(b"".join(two))
        with pytest.raises(InvalidKey, match="holds several keys"):
            reads.read(tmp_path / "two.pem")


def test_an_encrypted_key(there, tmp_path, make_key, monkeypatch):
    from cryptography.hazmat.primitives import serialization

    key = make_key()
    locked = serialization.BestAvailableEncryption(b"open sesame")
    pkcs8 = serialization.PrivateFormat.PKCS8
    secret = key.key.private_bytes(serialization.Encoding.PEM, pkcs8, locked)
    (tmp_path / "locked.pem").write_bytes(secret)
    with pytest.raises(InvalidKey, match="is encrypted"):
        KeySigner.read(tmp_path / "locked.pem")
    monkeypatch.setenv("BUNDLE_KEY_PASSWORD", "wrong")
    with pytest.raises(InvalidKey):
        KeySigner.read(tmp_path / "locked.pem")
    monkeypatch.setenv("BUNDLE_KEY_PASSWORD", "open sesame")
    data = KeySigner.read(tmp_path / "locked.pem").sign(there.statement.encode())
    there.check(data, [KeyVerifier.read(key.public)])


# --- items of the store


def test_an_item_is_signed_without_reading_its_bytes(own_store, add_model, make_key):
    item, key = add_model("iris", weights=b"a" * 100_000), make_key()
    weights = next(e for e in own_store.files(item) if e.path == "model.bin")
    path = own_store.blob(weights.digest)
    path.chmod(0o600)
    path.unlink()  # what is not there cannot be read
    data = signing.sign(item, own_store, KeySigner.read(key.private))
    statement = Statement.parse(Envelope.parse(data).payload)
    assert statement.subject == "iris"
    assert statement.files["model.bin"] == weights.digest
    assert statement.files["model.json"] == item.digest
    assert (
        signing.verify(item, own_store, [KeyVerifier.read(key.public)]).name == "the key `ann.pub`"
    )


def test_signatures_are_kept_beside_the_item(own_store, add_model, make_key):
    item, ann, bob = add_model("iris"), make_key("ann"), make_key("bob")
    with pytest.raises(InvalidSignature, match=r"`iris:\w+` has no signature"):
        signing.verify(item, own_store, [KeyVerifier.read(ann.public)])
    first = signing.sign(item, own_store, KeySigner.read(ann.private))
    signing.sign(item, own_store, KeySigner.read(ann.private))
    with pytest.raises(
        InvalidSignature, match=r"not signed by the key `bob\.pub`\. The signature was made"
    ):
        signing.verify(item, own_store, [KeyVerifier.read(bob.public)])
    second = signing.sign(item, own_store, KeySigner.read(bob.private))
    assert sorted(signing.signatures(item, own_store)) == sorted([first, second])
    for key in (ann, bob):
        signing.verify(item, own_store, [KeyVerifier.read(key.public)])


def test_a_signature_from_elsewhere_is_attached_where_it_belongs(own_store, add_model, make_key):
    iris, rose = add_model("iris"), add_model("rose", weights=b"other")
    key = make_key()
    data = KeySigner.read(key.private).sign(Signed.of(iris, own_store).statement.encode())
    with pytest.raises(InvalidSignature, match="about other files"):
        signing.attach(rose, own_store, data)
    with pytest.raises(InvalidSignature, match="not a signature of a model"):
        signing.attach(iris, own_store, b"hello")
    nobodys = replace(Envelope.parse(data), material={}).encode()
    with pytest.raises(InvalidSignature, match="neither a key nor"):
        signing.attach(iris, own_store, nobodys)
    assert signing.signatures(rose, own_store) == signing.signatures(iris, own_store) == []
    signing.attach(iris, own_store, data)
    signing.verify(iris, own_store, [KeyVerifier.read(key.public)])
    with pytest.raises(InvalidSignature, match="about other files"):
        signing.verify(rose, own_store, [KeyVerifier.read(key.public)], [data])


def test_a_damaged_signature_hides_no_other(own_store, add_model, make_key):
    item, ann, bob = add_model("iris"), make_key("ann"), make_key("bob")
    made = [signing.sign(item, own_store, KeySigner.read(key.private)) for key in (ann, bob)]
    known = [KeyVerifier.read(bob.public)]
    for data in made:
        assert signing.verify(item, own_store, known) is known[0]
        path = own_store.blob(Blob.of_bytes(data).digest)
        path.chmod(0o600)
        path.write_bytes(b"damaged")
    with pytest.raises(Damaged):
        signing.verify(item, own_store, known)


def test_a_name_in_a_statement_forges_no_line(there, make_key, refuse):
    key = make_key()
    files = FILES | {"a\nsound: b\x1b[2J": "sha256:" + "44" * 32}
    data = KeySigner.read(key.private).sign(replace(there, files=files).statement.encode())
    refuse(there, data, KeyVerifier.read(key.public), match=r"`a\\nsound: b\\x1b\[2J` is missing")
