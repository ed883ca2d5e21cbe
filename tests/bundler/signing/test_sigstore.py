"""Sigstore as far as no network is needed: whose word is asked for, and what is said without it."""

import json
from pathlib import Path

import pytest

from modelbundle.bundler.errors import InvalidKey, InvalidSignature
from modelbundle.bundler.signing import Envelope, KeySigner, KeyVerifier, Statement, known_signers
from modelbundle.bundler.signing.sigstore import SigstoreSigner, SigstoreVerifier
from modelbundle.runtime.errors import BundleError

pytestmark = pytest.mark.filterwarnings("ignore")
PAYLOAD = Statement.of("iris", {"model.json": "sha256:" + "11" * 32}).encode()


@pytest.fixture
def sigstore():
    import sigstore

    return sigstore


def test_an_identity_and_its_issuer_mean_sigstore():
    (found,) = known_signers.named([], "ann@example.com", "https://accounts.example.com")
    assert found.name == "`ann@example.com` of https://accounts.example.com"
    assert known_signers.named([], "ann@example.com", None) == []
    assert known_signers.named([], None, "https://accounts.example.com") == []


def test_kinds_are_not_mixed_up(make_key):
    key = make_key()
    with_key = KeySigner.read(key.private).sign(PAYLOAD)
    ann = SigstoreVerifier("ann@example.com", "https://accounts.example.com", Path("no.json"))
    with pytest.raises(InvalidSignature, match="not made with sigstore"):
        ann.verify(Envelope.parse(with_key), with_key)
    keyless = json.loads(with_key) | {"verificationMaterial": {"certificate": {"rawBytes": "AA=="}}}
    data = json.dumps(keyless).encode()
    assert Envelope.parse(data).kind == "sigstore"
    with pytest.raises(InvalidSignature, match="with a certificate, not with a key"):
        KeyVerifier.read(key.public).verify(Envelope.parse(data), data)


def test_a_trust_configuration_that_is_none(sigstore, tmp_path):
    for name, kind in (("gone.json", BundleError), ("odd.json", InvalidKey)):
        (tmp_path / "odd.json").write_text("{}")
        with pytest.raises(kind, match=name):
            SigstoreSigner(tmp_path / name).sign(PAYLOAD)


def test_without_the_package_the_command_that_installs_it_is_told(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sigstore.dsse", None)
    with pytest.raises(BundleError, match="which is not installed here") as found:
        SigstoreSigner().sign(PAYLOAD)
    assert "modelbundle[sigstore]" in found.value.hint
