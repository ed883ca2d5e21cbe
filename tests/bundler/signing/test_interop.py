"""The package `model_signing` and we: each checks what the other has signed."""

import warnings

import pytest

from modelbundle.bundler import signing
from modelbundle.bundler.errors import InvalidSignature
from modelbundle.bundler.signing import (
    CertificateSigner,
    CertificateVerifier,
    KeySigner,
    KeyVerifier,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its libraries' own deprecations
    from model_signing import hashing
    from model_signing import signing as theirs_to_sign
    from model_signing import verifying as theirs_to_verify

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def item(own_store, add_model):
    return add_model("iris", methods=("predict", "predict_proba"))


def test_they_verify_what_we_signed(own_store, item, make_key, tmp_path):
    key, file = make_key(), tmp_path / "iris.sig"
    file.write_bytes(signing.sign(item, own_store, KeySigner.read(key.private)))
    verifier = theirs_to_verify.Config().use_elliptic_key_verifier(public_key=key.public)
    directory = own_store.directory(item)
    verifier.verify(directory, file)
    (directory / "planted.txt").write_text("unsigned")
    with pytest.raises(ValueError, match=r"planted\.txt"):
        verifier.verify(directory, file)


def test_we_verify_what_they_signed(own_store, item, add_model, make_key, tmp_path):
    key, file = make_key(), tmp_path / "iris.sig"
    signer = theirs_to_sign.Config().use_elliptic_key_signer(private_key=key.private)
    signer.sign(own_store.directory(item), file)
    verifier = KeyVerifier.read(key.public)
    assert signing.verify(item, own_store, [verifier], [file.read_bytes()]) is verifier
    signing.attach(item, own_store, file.read_bytes())
    signing.verify(item, own_store, [verifier])
    other = add_model("rose", weights=b"other")
    with pytest.raises(InvalidSignature, match="about other files"):
        signing.verify(other, own_store, [verifier], [file.read_bytes()])


def test_certificates_both_ways(own_store, item, authority, tmp_path):
    root = authority("root")
    middle = authority("middle", root)
    key, chain = middle.chain()
    ours, file = tmp_path / "ours.sig", tmp_path / "theirs.sig"
    ours.write_bytes(signing.sign(item, own_store, CertificateSigner.read(key, chain)))
    verifier = theirs_to_verify.Config().use_certificate_verifier(certificate_chain=[root.file])
    verifier.verify(own_store.directory(item), ours)
    signer = theirs_to_sign.Config().use_certificate_signer(
        private_key=key, signing_certificate=chain, certificate_chain=[middle.file]
    )
    signer.sign(own_store.directory(item), file)
    ann = CertificateVerifier.read(root.file)
    assert signing.verify(item, own_store, [ann], [file.read_bytes()]) is ann


def test_what_they_leave_out_we_do_too(own_store, make_key, tmp_path):
    """A model may come with `.gitattributes`, as those of hubs do."""
    from modelbundle.runtime import canonical
    from modelbundle.runtime.manifests.file_entry import FileEntry
    from modelbundle.runtime.manifests.model_manifest import ModelManifest

    entries = []
    for path, data in {"model.bin": b"weights", ".gitattributes": b"*.bin filter=lfs"}.items():
        blob = own_store.ingest_bytes(data)
        entries.append(FileEntry(path, blob.digest, blob.size))
    manifest = ModelManifest(
        "onnx", "a:B", "onnx", "3.11", {}, {}, tuple(entries), executes_code=False
    )
    assert canonical.dumps(manifest.to_json()) == manifest.encode()
    item = own_store.commit("model", "hub", manifest.encode(), entries)
    key, file = make_key(), tmp_path / "hub.sig"
    directory = own_store.directory(item)
    file.write_bytes(signing.sign(item, own_store, KeySigner.read(key.private)))
    theirs_to_verify.Config().use_elliptic_key_verifier(public_key=key.public).verify(
        directory, file
    )
    theirs_to_sign.Config().use_elliptic_key_signer(private_key=key.private).sign(directory, file)
    signing.verify(item, own_store, [KeyVerifier.read(key.public)], [file.read_bytes()])


@pytest.mark.parametrize("algorithm", ["blake2", "blake3"])
def test_hashes_that_the_store_does_not_have_are_refused(
    own_store, item, make_key, tmp_path, algorithm
):
    key, file = make_key(), tmp_path / "iris.sig"
    config = hashing.Config().use_file_serialization(hashing_algorithm=algorithm)
    signer = theirs_to_sign.Config().use_elliptic_key_signer(private_key=key.private)
    signer.set_hashing_config(config).sign(own_store.directory(item), file)
    with pytest.raises(InvalidSignature, match="its hash is 'blake"):
        signing.verify(item, own_store, [KeyVerifier.read(key.public)], [file.read_bytes()])
