"""Keys and certificates of P-256, made for each run."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from modelbundle.bundler.errors import InvalidSignature
from modelbundle.bundler.signing import Signed

PEM = serialization.Encoding.PEM
DAY = timedelta(days=1)
PURPOSES = {
    "code": [ExtendedKeyUsageOID.CODE_SIGNING],
    "web": [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
    "any": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE],
}


class Key:
    """A private key and its two files."""

    def __init__(self, directory, name, curve=None):
        self.key = ec.generate_private_key(curve or ec.SECP256R1())
        self.private, self.public = directory / f"{name}.pem", directory / f"{name}.pub"
        pkcs8 = serialization.PrivateFormat.PKCS8
        secret = self.key.private_bytes(PEM, pkcs8, serialization.NoEncryption())
        self.private.write_bytes(secret)
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        self.public.write_bytes(self.key.public_key().public_bytes(PEM, spki))


class Authority:
    """A key with a certificate, signed by itself or by another authority."""

    def __init__(self, directory, name, parent=None, **given):
        self.directory, self.name, self.parent = directory, name, parent
        self.owner = Key(directory, name, given.pop("curve", None))
        self.certificate = issue(name, self.owner.key, parent or self, ca=True, **given)
        self.file = directory / f"{name}.crt"
        self.file.write_bytes(self.certificate.public_bytes(PEM))

    def chain(self, name="ann", **given):
        """A key for signing, and a file of its certificate and those above it."""
        owner = Key(self.directory, name, given.pop("curve", None))
        leaf = issue(name, owner.key, self, **given)
        above, one = [], self
        while one is not None:
            above.append(one.certificate)
            one = one.parent
        file = self.directory / f"{name}.chain"
        file.write_bytes(b"".join(each.public_bytes(PEM) for each in (leaf, *above)))
        return owner.private, file


def issue(
    name, key, issuer, *, ca=False, start=-DAY, end=DAY, length=None, usage="sign", san=None,
    lacks=(),
):  # fmt: skip
    now = datetime.now(UTC)
    signs = usage in {"sign", "web", "any"} and not ca
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer.name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + start)
        .not_valid_after(now + end)
    )
    if "constraints" not in lacks:
        builder = builder.add_extension(x509.BasicConstraints(ca, length), critical=True)
    if "usage" not in lacks:
        vouches = ca and "certifying" not in lacks
        builder = builder.add_extension(_usage(signs=signs, ca=vouches), critical=True)
    if san:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.RFC822Name(san)]), critical=False
        )
    if usage in PURPOSES:
        purposes = x509.ExtendedKeyUsage(PURPOSES[usage])
        builder = builder.add_extension(purposes, critical=False)
    if usage == "odd":
        odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
        builder = builder.add_extension(odd, critical=True)
    if usage == "narrow":
        names = x509.NameConstraints([x509.RFC822Name("example.com")], None)
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer.owner.key, hashes.SHA256())


def _usage(*, signs, ca):
    named = dict.fromkeys(
        (
            "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    return x509.KeyUsage(digital_signature=signs, key_cert_sign=ca, **named)


def _named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


FILES = {
    "model.json": "sha256:" + "11" * 32,
    "model.bin": "sha256:" + "22" * 32,
    "samples/predict.json": "sha256:" + "33" * 32,
}


@pytest.fixture
def there():
    """A model, by the digests of its files."""
    return Signed("iris", FILES, {k: v for k, v in FILES.items() if k != "model.json"})


@pytest.fixture
def refuse():
    """Make sure that a signature is refused, with exit code 5."""

    def refused(there, data, *verifiers, match):
        with pytest.raises(InvalidSignature, match=match) as found:
            there.check(data, verifiers)
        assert found.value.exit_code == 5

    return refused


@pytest.fixture
def make_key(tmp_path):
    return lambda name="ann", curve=None: Key(tmp_path, name, curve)


@pytest.fixture
def authority(tmp_path):
    return lambda name="root", parent=None, **given: Authority(tmp_path, name, parent, **given)
