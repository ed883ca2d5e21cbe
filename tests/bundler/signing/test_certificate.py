"""Certificates: who may vouch for a key, for how long, and for what."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from modelbundle.bundler.errors import InvalidKey
from modelbundle.bundler.signing import (
    CertificateSigner,
    CertificateVerifier,
    Envelope,
    KeySigner,
    KeyVerifier,
    known_signers,
)

from .conftest import PEM, issue

DAY = timedelta(days=1)


def test_a_chain_of_certificates(there, authority, refuse):
    root = authority("root")
    middle = authority("middle", root, length=0)
    key, chain = middle.chain(san="ann@example.com")
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    there.check(data, [CertificateVerifier.read(root.file)])
    there.check(data, [CertificateVerifier.read(middle.file)])  # a root is who we say it is
    there.check(data, [CertificateVerifier.read(chain)])
    there.check(data, [known_signers.from_file(root.file, "ann@example.com")])
    refuse(
        there, data, known_signers.from_file(root.file, "bob@example.com"), match="not that of `bob"
    )
    refuse(there, data, known_signers.from_file(root.file, "ann"), match="not that of `ann`")
    stranger = CertificateVerifier.read(authority("stranger").file)
    refuse(there, data, stranger, match="No trusted authority")


def test_a_namesake_of_the_root_vouches_for_nobody(there, authority, refuse):
    key, chain = authority("root").chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    namesake = authority("root")  # another key, the same name
    refuse(there, data, CertificateVerifier.read(namesake.file), match="No trusted authority")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"start": -2 * DAY, "end": -DAY}, "has expired on"),
        ({"start": DAY, "end": 2 * DAY}, "not valid yet"),
        ({"usage": "none"}, "not for signing"),
        ({"usage": "web"}, "not for signing"),
        ({"usage": "odd"}, "needs extension 1.2.3.4"),
        ({"usage": "narrow"}, "needs extension 2.5.29.30"),
    ],
)
def test_certificates_that_must_not_sign(there, authority, given, says, refuse):
    root = authority("root")
    key, chain = root.chain(**given)
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    refuse(there, data, CertificateVerifier.read(root.file), match=says)
    refuse(there, data, CertificateVerifier.read(chain), match=says)  # even where it is trusted


@pytest.mark.parametrize(
    ("place", "change", "says"),
    [
        (0, "551d0f 551d13", "cannot be read"),  # two basic constraints, no key usage
        (0, "a003020102 a003020104", "cannot be read"),  # a version that there is not
        (1, "2a8648ce3d030107 2a8648ce3d030109", "No trusted authority"),  # nor this curve
        (1, "2a8648ce3d0201 2a8648ce3d0209", "No trusted authority"),  # nor this kind of key
    ],
)
def test_a_certificate_that_cannot_be_read_is_refused(
    there, authority, refuse, place, change, says
):
    old, new = map(bytes.fromhex, change.split())
    root = authority("root")
    key, chain = authority("middle", root).chain()
    signed = Envelope.parse(CertificateSigner.read(key, chain).sign(there.statement.encode()))
    certificates = signed.chain
    assert old in certificates[place]
    certificates[place] = certificates[place].replace(old, new)
    data = Envelope.with_chain(signed.payload, signed.signature, certificates).encode()
    refuse(there, data, CertificateVerifier.read(root.file), match=says)


@pytest.mark.parametrize("usage", ["code", "any"])
def test_a_certificate_for_code_or_for_anything_may_sign(there, authority, usage):
    root = authority("root")
    key, chain = root.chain(usage=usage)
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    there.check(data, [CertificateVerifier.read(root.file)])
    key, chain = authority("middle", root, usage=usage).chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    there.check(data, [CertificateVerifier.read(root.file)])


def test_a_root_that_was_renewed_vouches_beside_the_expired_one(there, authority):
    root = authority("root")
    key, chain = root.chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    old = issue("root", root.owner.key, root, ca=True, start=-2 * DAY, end=-DAY)
    root.file.write_bytes(old.public_bytes(PEM) + root.file.read_bytes())
    there.check(data, [CertificateVerifier.read(root.file)])


def test_authorities_that_must_not_vouch(there, authority, refuse):
    root = authority("root")
    expired = authority("expired", root, start=-2 * DAY, end=-DAY)
    key, chain = expired.chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    refuse(there, data, CertificateVerifier.read(root.file), match="has expired")

    short = authority("short", root, length=0)
    key, chain = authority("below", short).chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    refuse(there, data, CertificateVerifier.read(root.file), match="No trusted authority")

    web = authority("web", root, usage="web")
    key, chain = web.chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    refuse(there, data, CertificateVerifier.read(root.file), match="authority .* not for signing")
    there.check(data, [CertificateVerifier.read(web.file)])  # unless we say who it is


@pytest.mark.parametrize(
    ("lacks", "may"),
    [(["usage"], True), (["constraints"], False), (["certifying"], False)],
    ids=["usage", "constraints", "certifying"],
)
def test_an_authority_is_one_that_says_so(there, authority, refuse, lacks, may):
    """RFC 5280, 4.2.1.9 and 4.2.1.3: a certificate for nothing in particular vouches for nobody."""
    root = authority("root")
    key, chain = authority("middle", root, lacks=lacks).chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    verifier = CertificateVerifier.read(root.file)
    if may:
        there.check(data, [verifier])
    else:
        refuse(there, data, verifier, match="No trusted authority")


@pytest.mark.parametrize("lengths", [(2, 1, 0), (None, 1, 0), (None, None, None), (3, 3, 3)])
def test_authorities_below_authorities_as_far_as_each_may(there, authority, lengths):
    above = root = authority("root", length=lengths[0])
    for number, length in enumerate(lengths[1:]):
        above = authority(f"middle-{number}", above, length=length)
    key, chain = above.chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    there.check(data, [CertificateVerifier.read(root.file)])


@pytest.mark.parametrize("lengths", [(1, 1, 0), (0, None, None), (2, 0, 0)])
def test_no_further_than_each_may(there, authority, refuse, lengths):
    above = root = authority("root", length=lengths[0])
    for number, length in enumerate(lengths[1:]):
        above = authority(f"middle-{number}", above, length=length)
    key, chain = above.chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    refuse(there, data, CertificateVerifier.read(root.file), match="No trusted authority")


def test_a_chain_has_an_end(there, authority, refuse):
    above = root = authority("root")
    for number in range(6):
        above = authority(f"a{number}", above)
    key, chain = above.chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    there.check(data, [CertificateVerifier.read(root.file)])
    key, chain = authority("a6", above).chain()
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    refuse(there, data, CertificateVerifier.read(root.file), match="signature has 9 certificates")


def test_whoever_has_no_other_name_has_a_common_one(there, authority, refuse):
    root = authority("root")
    key, chain = root.chain("ann")
    data = CertificateSigner.read(key, chain).sign(there.statement.encode())
    there.check(data, [known_signers.from_file(root.file, "ann")])
    refuse(there, data, known_signers.from_file(root.file, "bob"), match="not that of `bob")


def test_somebody_with_a_certificate_is_no_authority(there, authority, make_key, tmp_path, refuse):
    root = authority("root")
    key, chain = root.chain("ann")
    ann = type("Ann", (), {"name": "ann", "owner": make_key("unused"), "parent": None})()
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    ann.owner.key = load_pem_private_key(key.read_bytes(), None)
    ann.certificate = load_pem_x509_certificates(chain.read_bytes())[0]
    ann.parent = root
    ann.directory = tmp_path
    evil, lie = type(root).chain(ann, "evil")
    data = CertificateSigner.read(evil, lie).sign(there.statement.encode())
    assert len(Envelope.parse(data).chain) == 3
    assert ann.certificate.public_bytes(Encoding.DER) == Envelope.parse(data).chain[1]
    refuse(there, data, CertificateVerifier.read(root.file), match="No trusted authority")


def test_kinds_are_not_mixed_up(there, authority, make_key, refuse):
    root = authority("root")
    key, chain = root.chain()
    with_chain = CertificateSigner.read(key, chain).sign(there.statement.encode())
    with_key = KeySigner.read(key).sign(there.statement.encode())
    refuse(there, with_chain, KeyVerifier.read(make_key("bob").public), match="with a certificate")
    refuse(there, with_key, CertificateVerifier.read(root.file), match="without a certificate")
    other = make_key("bob")
    with pytest.raises(InvalidKey, match="is not that of"):
        CertificateSigner.read(other.private, chain)
    with pytest.raises(InvalidKey, match="no certificate in PEM"):
        CertificateVerifier.read(other.public)
    chainless = replace(Envelope.parse(with_chain), material={"x509CertificateChain": {"x": 1}})
    refuse(there, chainless.encode(), CertificateVerifier.read(root.file), match="cannot be read")


def test_an_identity_that_nothing_would_be_compared_with_is_refused(authority, make_key):
    key, root = make_key("key"), authority("root")
    with pytest.raises(InvalidKey, match="holds no certificate"):
        known_signers.named([root.file, key.public], "ann@example.com", None)
    with pytest.raises(InvalidKey, match="sigstore's"):
        known_signers.named([root.file], "ann@example.com", "https://issuer.example.com")
    with pytest.raises(InvalidKey, match="sigstore's"):
        known_signers.named([root.file], None, None, key.public)
    assert len(known_signers.named([root.file, key.public], None, None)) == 2
    assert known_signers.named([], "", "") == []


def test_a_signer_is_read_from_a_pipe(there, authority, make_key):
    """`--signer <(curl ...)` was looked at once and read once more."""
    key, root = make_key("key"), authority("root")
    owner, chain = root.chain()
    for signer, known in (
        (KeySigner.read(key.private), key.public),
        (CertificateSigner.read(owner, chain), root.file),
    ):
        read, write = os.pipe()
        os.write(write, known.read_bytes())
        os.close(write)
        verifier = known_signers.from_file(Path(f"/dev/fd/{read}"))
        os.close(read)
        there.check(signer.sign(there.statement.encode()), [verifier])
