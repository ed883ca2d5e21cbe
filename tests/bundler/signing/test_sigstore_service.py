"""Signing and checking with sigstore from end to end, against a service of our own on loopback."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelbundle.bundler import signing
from modelbundle.bundler.errors import InvalidSignature, Refused
from modelbundle.bundler.signing import Envelope
from modelbundle.bundler.signing.policy import Policy
from modelbundle.bundler.signing.sigstore import TOKEN, SigstoreSigner, SigstoreVerifier
from modelbundle.runtime.errors import BundleError

from .sigstore_service import Sigstore, running

pytestmark = pytest.mark.filterwarnings("ignore")
ANN, ISSUER = "ann@example.com", "https://login.example.com"
WORKFLOW = "https://ci.example.com/acme/models/release.yml@refs/heads/main"


@pytest.fixture(scope="module")
def service():
    with running() as started:
        yield started


@pytest.fixture
def trust(service, tmp_path):
    """Whom to believe: a file of the user's."""
    path = tmp_path / "trust.json"
    path.write_text(service.trust())
    return path


@pytest.fixture
def item(own_store, add_model):
    return add_model("iris")


@pytest.fixture
def sign(service, trust, item, own_store, monkeypatch):
    """Sign a model as somebody; the signature."""

    def write(who=ANN, issuer=ISSUER, **given):
        monkeypatch.setenv(TOKEN, service.token(who, issuer))
        return signing.sign(given.get("item", item), own_store, SigstoreSigner(trust))

    return write


def test_whoever_has_a_token_signs_and_everybody_can_check_it(
    sign, item, own_store, trust, service
):
    for number, who in enumerate((ANN, WORKFLOW, ANN), 1):
        known = SigstoreVerifier(who, ISSUER, trust)
        made = sign(who)
        assert Envelope.parse(made).kind == "sigstore"
        assert signing.verify(item, own_store, [known], [made]) is known
        assert service.authority.asked[-1] == who
        assert len(service.log.bodies) >= number


@pytest.mark.parametrize(
    ("who", "issuer"),
    [("eve@example.com", ISSUER), (ANN, "https://login.evil.example"), (WORKFLOW, ISSUER)],
)
def test_somebody_elses_word_is_not_hers(sign, item, own_store, trust, who, issuer):
    made = sign(who, issuer)
    with pytest.raises(InvalidSignature):
        signing.verify(item, own_store, [SigstoreVerifier(ANN, ISSUER, trust)], [made])


def test_another_sigstore_is_not_believed(sign, item, own_store, tmp_path, service):
    made, other = sign(), tmp_path / "other.json"
    other.write_text(Sigstore(service.url).trust())
    with pytest.raises(InvalidSignature):
        signing.verify(item, own_store, [SigstoreVerifier(ANN, ISSUER, other)], [made])


def test_it_is_about_these_files(sign, add_model, own_store, trust):
    made, rose = sign(), add_model("rose", weights=b"other")
    with pytest.raises(InvalidSignature, match="about other files"):
        signing.verify(rose, own_store, [SigstoreVerifier(ANN, ISSUER, trust)], [made])


def _entry(document):
    (entry,) = document["verificationMaterial"]["tlogEntries"]
    return entry


def _flipped(data):
    raw = bytearray(base64.b64decode(data))
    raw[len(raw) // 2] ^= 1
    return base64.b64encode(raw).decode()


def _late(document):
    _entry(document)["integratedTime"] = str(int(_entry(document)["integratedTime"]) + 3600)


def _promise(document):
    promise = _entry(document)["inclusionPromise"]
    promise["signedEntryTimestamp"] = _flipped(promise["signedEntryTimestamp"])


def _root(document):
    proof = _entry(document)["inclusionProof"]
    proof["rootHash"] = _flipped(proof["rootHash"])


def _body(document):
    _entry(document)["canonicalizedBody"] = _flipped(_entry(document)["canonicalizedBody"])


def _certificate(document):
    certificate = document["verificationMaterial"]["certificate"]
    certificate["rawBytes"] = _flipped(certificate["rawBytes"])


def _payload(document):
    payload = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    payload["subject"][0]["digest"]["sha256"] = "11" * 32
    told = base64.b64encode(json.dumps(payload).encode()).decode()
    document["dsseEnvelope"]["payload"] = told


def _unlogged(document):
    document["verificationMaterial"]["tlogEntries"] = []


def _unproved(document):
    del _entry(document)["inclusionProof"]


@pytest.mark.parametrize(
    "change", [_late, _promise, _root, _body, _certificate, _payload, _unlogged, _unproved]
)
def test_what_was_changed_is_refused(sign, item, own_store, trust, change):
    document = json.loads(sign())
    change(document)
    data = json.dumps(document).encode()
    with pytest.raises(BundleError):
        signing.verify(item, own_store, [SigstoreVerifier(ANN, ISSUER, trust)], [data])


def test_an_expired_token_signs_nothing(service, trust, item, own_store, monkeypatch):
    head, claims, tail = service.token(ANN).split(".")
    known = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"exp": 1}
    old = base64.urlsafe_b64encode(json.dumps(known).encode()).rstrip(b"=").decode()
    monkeypatch.setenv(TOKEN, f"{head}.{old}.{tail}")
    with pytest.raises(BundleError, match="could not sign"):
        signing.sign(item, own_store, SigstoreSigner(trust))


def test_a_service_that_is_gone_is_told(trust, item, own_store, monkeypatch, service):
    with running() as ended:
        trust.write_text(ended.trust())
    monkeypatch.setenv(TOKEN, service.token(ANN))
    with pytest.raises(BundleError, match="could not sign") as caught:
        signing.sign(item, own_store, SigstoreSigner(trust))
    assert "--key KEY.pem" in caught.value.hint


def test_a_policy_asks_for_an_identity(sign, item, own_store, trust):
    rules = trust.with_name("policy.yaml")
    rules.write_text(
        "version: 1\nrules:\n  - name: '*'\n    signed_by:\n"
        f"      - {{issuer: '{ISSUER}', identity: '{ANN}', trust_config: trust.json}}\n"
    )
    policy = Policy.read(rules)
    with pytest.raises(Refused):
        policy.check(item, own_store)
    signing.attach(item, own_store, sign("eve@example.com"))
    with pytest.raises(Refused):
        policy.check(item, own_store)
    signing.attach(item, own_store, sign())
    policy.check(item, own_store)


def test_the_commands(service, trust, item, own_store, tmp_path):
    given = {**os.environ, "BUNDLE_HOME": str(own_store.root), TOKEN: service.token(ANN)}
    bundle = str(Path(sys.executable).parent / "bundle")

    def run(*arguments, code=0):
        command = [bundle, *arguments, "--trust-config", str(trust)]
        done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    run("sign", f"model:{item.tag}", "--sigstore", "-o", str(tmp_path / "iris.sig"))
    told = run("verify", f"model:{item.tag}", "--identity", ANN, "--issuer", ISSUER)
    assert ANN in told
    run("verify", f"model:{item.tag}", "--identity", "eve@x.example", "--issuer", ISSUER, code=5)


def test_model_signing_checks_ours_and_we_check_theirs(
    service, sign, item, own_store, trust, tmp_path
):
    import model_signing

    ours, theirs = tmp_path / "ours.sig", tmp_path / "theirs.sig"
    ours.write_bytes(sign())
    directory, told = own_store.directory(item), {"trust_config": trust}
    known = {"identity": ANN, "oidc_issuer": ISSUER} | told
    checking = model_signing.verifying.Config().use_sigstore_verifier(**known)
    checking.verify(directory, ours)
    config = model_signing.signing.Config()
    config.use_sigstore_signer(identity_token=service.token(ANN), **told).sign(directory, theirs)
    verifier = SigstoreVerifier(ANN, ISSUER, trust)
    assert signing.verify(item, own_store, [verifier], [theirs.read_bytes()]) is verifier
