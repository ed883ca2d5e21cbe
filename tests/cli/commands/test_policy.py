"""The policy at the commands: what it does not allow, none of them runs."""

from dataclasses import replace

import pytest

ONLY = "version: 1\nrules:\n  - {name: '*', signed_by: [{key: ann.pub}]}\n"


@pytest.fixture
def guarded(shop, copy, write_key):
    """A shop with a policy: everything must be signed by ann."""
    own = copy(shop)
    write_key(own.home / "ann.pem")
    (own.home / "policy.yaml").write_text(ONLY)
    return own


def sign(shop, tag):
    shop("sign", tag, "--key", shop.home / "ann.pem")


@pytest.mark.parametrize(
    "command",
    [
        ("serve", "twice", "--env=current", "--port=0"),
        ("serve", "model:double", "--port=0"),
        ("serve", ".", "--port=0"),
        ("test", "twice", "--env=current"),
        ("predict", "model:double", "--data", "sample.json"),
        ("build", "--offline"),
        ("containerize", "twice"),
    ],
    ids=" ".join,
)
def test_what_is_not_signed_is_refused(guarded, command):
    refused = guarded(*command, code=5)
    assert f"`{guarded.home}/policy.yaml` does not allow this." in refused.err
    assert "hint: " in refused.err
    assert "bundle sign" in refused.err


def test_a_project_that_may_be_unsigned_has_models_that_may_not(guarded):
    """`build` refused them, and `serve .` ran them."""
    (guarded.home / "policy.yaml").write_text(
        "version: 1\nrules:\n  - {name: 'bundle:twice', signed_by: anyone}\n"
        "  - {name: 'model:*', signed_by: [{key: ann.pub}]}\n"
    )
    refused = guarded("test", ".", "--trust", code=5)
    assert "The model `double:" in refused.err
    sign(guarded, "model:double")
    guarded("test", ".")


def test_what_is_signed_runs(guarded):
    sign(guarded, "model:double")
    assert guarded("predict", "model:double", "--data", "sample.json").out
    assert guarded("build", "--offline", "--json").json["tag"] == guarded.tag
    guarded("test", "twice", "--env=current", code=5)
    sign(guarded, "bundle:twice")
    guarded("test", "twice", "--env=current")
    with guarded.serving("twice", "--env=current") as server:
        assert server.post("/predict", {"instances": [[1.0, 2.0]]})


def test_an_import_is_held_to_the_policy_that_is_here(guarded, tmp_path):
    sign(guarded, "model:double")
    guarded("export", "twice", tmp_path / "unsigned.tar")
    sign(guarded, "bundle:twice")
    guarded("export", "twice", tmp_path / "signed.tar")
    there = replace(guarded, home=tmp_path / "other")
    there("import", tmp_path / "unsigned.tar")
    (there.home / "policy.yaml").write_text(ONLY)
    (there.home / "ann.pub").write_bytes((guarded.home / "ann.pub").read_bytes())
    assert "does not allow this" in there("test", "twice", "--env=current", "--trust", code=5).err
    there("import", tmp_path / "signed.tar")  # its signature comes along
    there("test", "twice", "--env=current", "--trust")


def test_a_policy_may_be_named_and_a_project_brings_none(shop, copy, write_key, tmp_path):
    own = copy(shop)
    (own.project / "policy.yaml").write_text(ONLY)  # nobody asks it
    own("test", "twice", "--env=current")
    write_key(tmp_path / "ann.pem")
    (tmp_path / "ours.yaml").write_text(ONLY)
    named = ("--policy", tmp_path / "ours.yaml")
    assert "ours.yaml` does not allow" in own("serve", "twice", *named, code=5).err
    assert "ours.yaml` does not allow" in own("build", "--offline", *named, code=5).err
    assert "ours.yaml` does not allow" in own("containerize", "twice", *named, code=5).err
    assert "There is no policy" in own("serve", "twice", "--policy", "gone.yaml", code=5).err
    (tmp_path / "ours.yaml").write_text("version: 1\nrules: 3\n")
    assert "ours.yaml:2:8: rules: This is a list" in own("serve", "twice", *named, code=3).err


def test_a_directory_is_refused_whatever_it_contains(guarded, tmp_path):
    import shutil

    sign(guarded, "bundle:twice")
    path = guarded("show", "bundle:twice", "--json").json["path"]
    shutil.copytree(path, tmp_path / "unpacked")
    (tmp_path / "unpacked" / "policy.yaml").write_text("version: 1\nrules: []\n")
    refused = guarded("serve", tmp_path / "unpacked", "--trust", code=5)
    assert "Serve it by its tag" in refused.err
