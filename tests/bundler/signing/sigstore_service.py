"""A sigstore of our own on loopback: an authority, a log of certificates, a log of signatures.

As little of each as the package `sigstore` asks for and checks, from what its formats say: RFC 6962
for signed certificate timestamps and Merkle trees, C2SP's signed notes for checkpoints.
"""

import base64
import hashlib
import json
import struct
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DER = serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
SCTS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
SHA256_ECDSA = b"\x04\x03"
START = "2020-01-01T00:00:00Z"


def text(data):
    return base64.b64encode(data).decode()


class Key:
    """A key of a service, and its id."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.spki = self.private.public_key().public_bytes(DER, SPKI)
        self.id = hashlib.sha256(self.spki).digest()

    def sign(self, data):
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))

    def told(self, url):
        """As a trusted root has it."""
        known = {"rawBytes": text(self.spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
        return {
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": known | {"validFor": {"start": START}},
            "logId": {"keyId": text(self.id)},
        }


class Authority:
    """Gives a certificate of ten minutes to whoever has a token, and writes it down in a log."""

    def __init__(self):
        self.key, self.log, self.asked = Key(), Key(), []
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Own sigstore")])
        now, public = datetime.now(UTC), self.key.private.public_key()
        self.certificate = (
            x509.CertificateBuilder(name, name, public, x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self.key.private, hashes.SHA256())
        )

    def answer(self, asked, token):
        """What `/api/v2/signingCert` says."""
        request = x509.load_pem_x509_csr(base64.b64decode(asked["certificateSigningRequest"]))
        assert request.is_signature_valid
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        self.asked.append(claims["sub"])
        builder = self._certificate(request.public_key(), claims["sub"], claims["iss"])
        before = builder.sign(self.key.private, hashes.SHA256())
        scts = x509.UnrecognizedExtension(SCTS, self._seen(before.tbs_certificate_bytes))
        made = builder.add_extension(scts, critical=False).sign(self.key.private, hashes.SHA256())
        pem = serialization.Encoding.PEM
        chain = [one.public_bytes(pem).decode() for one in (made, self.certificate)]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def _certificate(self, public, identity, issuer):
        now, is_mail = datetime.now(UTC), "@" in identity and "://" not in identity
        name = (x509.RFC822Name if is_mail else x509.UniformResourceIdentifier)(identity)
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.private.public_key())
        use = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        return (
            x509.CertificateBuilder(self.certificate.subject, x509.Name([]), public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(seconds=5))
            .not_valid_after(now + timedelta(minutes=10))
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(use, critical=False)
            .add_extension(own, critical=False)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(x509.UnrecognizedExtension(ISSUER, issuer.encode()), critical=False)
        )

    def _seen(self, precertificate):
        """A list of one signed certificate timestamp, as an extension holds it."""
        moment = int(time.time() * 1000)
        entry = self.key.id + struct.pack("!I", len(precertificate))[1:] + precertificate
        signed = struct.pack("!BBQH", 0, 0, moment, 1) + entry + b"\0\0"
        signature = self.log.sign(signed)
        one = struct.pack("!B32sQH", 0, self.log.id, moment, 0) + SHA256_ECDSA
        one += struct.pack("!H", len(signature)) + signature
        listed = struct.pack("!HH", len(one) + 2, len(one)) + one
        return b"\x04" + (b"\x81" if len(listed) > 127 else b"") + bytes([len(listed)]) + listed


class Log:
    """Takes signatures in, and proves for each that it has it (the first version of its API)."""

    def __init__(self):
        self.key, self.bodies = Key(), []

    def answer(self, asked):
        """What `/api/v1/log/entries` says."""
        proposed = asked["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        payload = base64.b64decode(envelope["payload"])
        (verifier,) = proposed["verifiers"]
        listed = [{"signature": one["sig"], "verifier": verifier} for one in envelope["signatures"]]
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": _hash(proposed["envelope"].encode()),
                "payloadHash": _hash(payload),
                "signatures": listed,
            },
        }
        self.bodies.append(json.dumps(body).encode())
        return {"entry": self._entry(len(self.bodies) - 1)}

    def _entry(self, number):
        about = {
            "body": text(self.bodies[number]),
            "integratedTime": int(time.time()),
            "logID": self.key.id.hex(),
            "logIndex": number,
        }
        promise = self.key.sign(json.dumps(about, sort_keys=True, separators=(",", ":")).encode())
        leaves = [hashlib.sha256(b"\0" + body).digest() for body in self.bodies]
        root, size = _root(leaves), len(leaves)
        note = f"own log\n{size}\n{text(root)}\n"
        signature = text(self.key.id[:4] + self.key.sign(note.encode()))
        proof = {
            "checkpoint": f"{note}\n\N{EM DASH} log {signature}\n",
            "hashes": [one.hex() for one in _proof(number, leaves)],
            "logIndex": number,
            "rootHash": root.hex(),
            "treeSize": size,
        }
        verification = {"inclusionProof": proof, "signedEntryTimestamp": text(promise)}
        return about | {"verification": verification}


def _usage(*, signs_certificates):
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    own = {"key_cert_sign": signs_certificates, "crl_sign": signs_certificates}
    return x509.KeyUsage(digital_signature=not signs_certificates, **own, **others)


def _hash(data):
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _half(size):
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    half = _half(len(leaves))
    return hashlib.sha256(b"\1" + _root(leaves[:half]) + _root(leaves[half:])).digest()


def _proof(number, leaves):
    if len(leaves) == 1:
        return []
    half = _half(len(leaves))
    if number < half:
        return [*_proof(number, leaves[:half]), _root(leaves[half:])]
    return [*_proof(number - half, leaves[half:]), _root(leaves[:half])]


class Sigstore:
    """Both, and the file that says whom to believe."""

    def __init__(self, url):
        self.url, self.authority, self.log = url, Authority(), Log()

    def trust(self):
        """A client's trust configuration, as JSON."""
        service = {"url": self.url, "majorApiVersion": 1, "operator": "own"}
        service |= {"validFor": {"start": START}}
        known = {"rawBytes": text(self.authority.certificate.public_bytes(DER))}
        authority = {
            "subject": {"organization": "own", "commonName": "Own sigstore"},
            "uri": self.url,
            "certChain": {"certificates": [known]},
            "validFor": {"start": START},
        }
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self.log.key.told(self.url)],
            "certificateAuthorities": [authority],
            "ctlogs": [self.authority.log.told(self.url)],
            "timestampAuthorities": [],
        }
        signing = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service],
            "oidcUrls": [service],
            "rekorTlogUrls": [service],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [],
            "tsaConfig": {"selector": "ANY"},
        }
        kind = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
        return json.dumps({"mediaType": kind, "trustedRoot": root, "signingConfig": signing})

    def token(self, identity, issuer="https://login.example.com"):
        """What a provider of identities would give; nobody here asks it."""
        now = int(time.time())
        claims = {"iss": issuer, "sub": identity, "aud": "sigstore", "iat": now, "exp": now + 600}
        parts = [{"alg": "none", "typ": "JWT"}, claims]
        told = [base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts]
        return b".".join([*(one.rstrip(b"=") for one in told), b""]).decode()


@contextmanager
def running():
    """The service, on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            """Where people would log in; nobody here does."""
            assert self.path == "/.well-known/openid-configuration"
            self.say({"authorization_endpoint": service.url, "token_endpoint": service.url})

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/api/v2/signingCert":
                token = self.headers["Authorization"].removeprefix("Bearer ")
                said = service.authority.answer(asked, token)
            else:
                assert self.path == "/api/v1/log/entries"
                said = service.log.answer(asked)
            self.say(said, 201)

        def say(self, said, status=200):
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = Sigstore(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
