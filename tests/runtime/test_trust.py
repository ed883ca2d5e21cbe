"""Who vouches for the code in a bundle."""

import dataclasses
import json

import pytest

from modelbundle.runtime import canonical, digest, trust
from modelbundle.runtime.errors import InvalidBundle, NotTrusted
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest, bundle_digest
from modelbundle.runtime.manifests.model_manifest import SECTION


@pytest.fixture
def bundle(sums):
    directory = sums()
    return directory, BundleManifest.read(directory)


def test_code_needs_somebody_who_vouches_for_it(bundle):
    with pytest.raises(NotTrusted, match=r"the model `sums` \(pickle\) asks for builtins\.print"):
        trust.check(*bundle)
    trust.check(*bundle, granted=True)


@pytest.mark.parametrize("form", ["sha256:{0}", "{0}", "aa, {0}", "bb,sha256:{0},cc"])
def test_the_environment_can_vouch_by_digest(bundle, monkeypatch, form):
    hexadecimal = bundle_digest(bundle[0]).removeprefix("sha256:")
    monkeypatch.setenv("BUNDLE_TRUST", form.format(hexadecimal))
    trust.check(*bundle)


def test_the_machine_can_vouch_for_the_bundle_or_for_its_models(bundle, home):
    (home / "trust").mkdir()
    record = home / "trust" / bundle_digest(bundle[0]).removeprefix("sha256:")
    record.touch()
    trust.check(*bundle)
    record.unlink()
    with pytest.raises(NotTrusted):
        trust.check(*bundle)
    (home / "trust" / bundle[1].models[0].digest.removeprefix("sha256:")).touch()
    trust.check(*bundle)


def test_a_trusted_model_does_not_vouch_for_a_service(bundle, home):
    directory, manifest = bundle
    (home / "trust").mkdir()
    (home / "trust" / manifest.models[0].digest.removeprefix("sha256:")).touch()
    with pytest.raises(NotTrusted, match="the service `fraud:Fraud`"):
        trust.check(directory, dataclasses.replace(manifest, service="fraud:Fraud"))


def test_an_empty_variable_vouches_for_nothing(bundle, monkeypatch):
    monkeypatch.setenv("BUNDLE_TRUST", "")
    with pytest.raises(NotTrusted):
        trust.check(*bundle)


def test_whole_files_are_verified(bundle):
    directory, manifest = bundle
    trust.verify(directory, manifest.files)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes instead of"),
        (lambda path: path.write_bytes(b"x" * path.stat().st_size), "differs from its digest"),
        (lambda path: path.unlink(), "cannot be read"),
    ],
)
def test_one_wrong_byte_is_found(bundle, harm, said):
    directory, manifest = bundle
    harm(directory / "models" / "sums" / "model.pkl")
    with pytest.raises(InvalidBundle, match=f"`models/sums/model.pkl` .*{said}"):
        trust.verify(directory, manifest.files)


def rewritten(directory, change, model=None):
    """The bundle with another `bundle.json`, and perhaps another `model.json`, all digests right."""
    path = directory / "models" / "sums" / "model.json"
    if model is not None:
        described = json.loads(path.read_bytes())
        model(described[SECTION])
        path.write_bytes(canonical.dumps(described))
    data = json.loads((directory / "bundle.json").read_bytes())
    for entry in data["files"]:
        content = (directory / entry["path"]).read_bytes()
        entry |= {"digest": digest.of_bytes(content), "size": len(content)}
    change(data)
    (directory / "bundle.json").write_bytes(canonical.dumps(data))
    return directory, BundleManifest.read(directory)


def test_another_model_under_the_digest_of_a_trusted_one_is_refused(bundle, home):
    directory, manifest = bundle
    (home / "trust").mkdir()
    (home / "trust" / manifest.models[0].digest.removeprefix("sha256:")).touch()
    (directory / "models" / "sums" / "model.pkl").write_bytes(b"cposix\nsystem\n(S'id'\ntR.")
    forged = rewritten(directory, lambda _: None)
    with pytest.raises(InvalidBundle, match="`models/sums` is not the model"):
        trust.check(*forged)

    def relist(section):
        content = (directory / "models" / "sums" / "model.pkl").read_bytes()
        entry = next(each for each in section["files"] if each["path"] == "model.pkl")
        entry |= {"digest": digest.of_bytes(content), "size": len(content)}

    forged = rewritten(directory, lambda _: None, relist)
    with pytest.raises(InvalidBundle, match="`models/sums` is not the model"):
        trust.check(*forged)


def test_a_bundle_that_says_its_pickle_runs_nothing_is_refused(bundle):
    def lie(data):
        data["models"][0]["executes_code"] = False

    with pytest.raises(InvalidBundle, match="`models/sums` is not the model"):
        trust.check(*rewritten(bundle[0], lie))


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "a\\b", "", "."])
def test_no_path_of_a_manifest_leads_out_of_it(bundle, path):
    def lead_out(data):
        data["files"].append({"path": path, "digest": digest.of_bytes(b""), "size": 0})

    with pytest.raises(InvalidBundle, match="is not a path inside"):
        rewritten(bundle[0], lead_out)


@pytest.mark.parametrize("alias", ["../sums", "a/b", ".."])
def test_no_alias_leads_out_of_the_models(bundle, alias):
    with pytest.raises(InvalidBundle, match="is not a bundle manifest"):
        rewritten(bundle[0], lambda data: data["models"][0].update(alias=alias))
