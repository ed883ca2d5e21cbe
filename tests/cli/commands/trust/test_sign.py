"""`bundle sign`, and `bundle verify --signer`, as a person types them."""

import json
import shutil
import stat

import pytest

from modelbundle.bundler.signing import ARTIFACT
from modelbundle.bundler.store import Store


@pytest.fixture
def keys(tmp_path, write_key):
    """Files of two key pairs: ann.pem, ann.pub, bob.pem, bob.pub."""
    for name in ("ann", "bob"):
        write_key(tmp_path / f"{name}.pem")
    return tmp_path


def test_sign_and_verify_a_model(bundle, double, keys):
    done = bundle("sign", double, "--key", "ann.pem", "-o", "double.sig", "--json").json
    assert list(done)[:2] == ["tag", "digest"]
    assert done["signature"]["kind"] == "key"
    assert json.loads((keys / "double.sig").read_bytes())["dsseEnvelope"]
    found = bundle("verify", double, "--signer", "ann.pub", "--json").json
    assert found["ok"] is True
    assert found["signer"] == "the key `ann.pub`"
    refused = bundle("verify", double, "--signer", "bob.pub", code=5)
    assert "is not signed by the key `bob.pub`" in refused.err
    both = bundle("verify", double, "--signer", "bob.pub", "--signer", "ann.pub")
    assert "signed by the key `ann.pub`" in both.out
    (shown,) = bundle("show", double, "--json").json["signatures"]
    assert shown["kind"] == "key"
    assert f"key {shown['hint'][:12]}" in bundle("show", double).out


def test_an_unsigned_model_is_refused_and_damage_is_told_first(bundle, double, keys, home):
    assert "has no signature" in bundle("verify", double, "--signer", "ann.pub", code=5).err
    bundle("sign", double, "--key", "ann.pem")
    for blob in (home / "blobs" / "sha256").iterdir():
        if b"Doubler" in blob.read_bytes():
            blob.chmod(stat.S_IRUSR | stat.S_IWUSR)
            blob.write_bytes(blob.read_bytes() + b" ")
    assert "expected sha256:" in bundle("verify", double, "--signer", "ann.pub", code=6).err


def test_a_signature_made_elsewhere(bundle, double, keys):
    bundle("sign", double, "--key", "ann.pem", "-o", "double.sig")
    text = (keys / "train.py").read_text()
    (keys / "train.py").write_text(text.replace("2 * number", "3 * number"))
    bundle("save", "other", "train:model", "--sample", "sample.json")
    refused = bundle("sign", "other", "--attach", "double.sig", code=5)
    assert "about other files" in refused.err
    bundle("verify", "other", "--signer", "ann.pub", "--signature", "double.sig", code=5)
    bundle("verify", double, "--signer", "ann.pub", "--signature", "double.sig")
    assert (
        bundle("sign", double, "--attach", "double.sig", "--json").json["signature"]["file"] is None
    )


def test_the_signatures_of_other_tools_come_along_and_are_shown(bundle, double, keys, home):
    """`cosign attest` leaves such a one beside an item in a registry; `show` ended there."""
    store = Store(home)
    item = store.find(double)
    bundle("sign", double, "--key", "ann.pem", "-o", "double.sig")
    foreign = json.loads((keys / "double.sig").read_bytes())
    foreign["dsseEnvelope"]["payloadType"] = "application/json"
    referrer = store.referrers.attach(item, ARTIFACT, json.dumps(foreign).encode())
    assert "signatures: " in bundle("show", double).out
    bundle("verify", double, "--signer", "ann.pub")
    path = store.blob(referrer.content.digest)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.write_bytes(b"damaged")
    bundle("show", double)


def test_a_directory(shop, tmp_path, keys):
    """An unpacked bundle, its signature beside it, and the ways in which somebody may change it."""
    signature = tmp_path / "twice.sig"
    shop("sign", shop.tag, "--key", keys / "ann.pem", "-o", signature)
    whole = tmp_path / "unpacked"
    shutil.copytree(shop("show", shop.tag, "--json").json["path"], whole)
    signed = ("--signer", keys / "ann.pub", "--signature", signature)
    found = shop("verify", whole, *signed, "--json").json
    assert found["signer"] == "the key `ann.pub`"
    shop("verify", whole, "--signer", keys / "ann.pub", code=2)

    (whole / "src").mkdir(exist_ok=True)
    for path in ("src/__pycache__/evil.cpython-311.pyc", "evil.py", "modelbundle/evil.so"):
        (whole / path).parent.mkdir(exist_ok=True)
        (whole / path).write_bytes(b"evil")
        assert f"`{path}` does not belong" in shop("verify", whole, *signed, code=6).err
        (whole / path).unlink()

    manifest = json.loads((whole / "bundle.json").read_text())
    manifest["description"] = "Another bundle, whole in itself."
    (whole / "bundle.json").chmod(0o600)
    (whole / "bundle.json").write_text(json.dumps(manifest))
    shop("verify", whole)
    assert "`bundle.json` is another" in shop("verify", whole, *signed, code=5).err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--key", "ann.pem", "--sigstore"),
        ("--certificate", "ann.pem"),
        ("--attach", "a.sig", "--key", "ann.pem"),
        ("--key", "ann.pem", "--trust-config", "a.json"),
        ("--key", "ann.pub"),
        ("--key", "sample.json"),
    ],
)
def test_wrong_usage(bundle, double, keys, arguments):
    bundle("sign", double, *arguments, code=2)


def test_files_that_are_not_there(bundle, double, keys):
    assert "No such file" in bundle("sign", double, "--key", "nobody.pem", code=1).err
    assert "No such file" in bundle("sign", double, "--attach", "nobody.sig", code=1).err
    assert "No such file" in bundle("verify", double, "--signer", "nobody.pub", code=1).err
    bundle("sign", "nobody", "--key", "ann.pem", code=1)
    bundle("verify", double, "--identity", "ann@example.com", code=2)
    bundle("verify", double, "--identity", "", "--issuer", "", code=2)
    bundle("verify", double, "--trust-config", "trust.json", code=2)
    bundle("verify", "--signer", "ann.pub", code=2)
