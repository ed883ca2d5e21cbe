"""`bundle push`: into a directory always, to a registry where there is one."""

import json
import os
import urllib.request
import uuid

import pytest


@pytest.fixture
def repository():
    """A repository of the real registry that nobody else uses."""
    host = os.environ.get("TEST_REGISTRY")
    if not host:
        pytest.skip("no registry: TEST_REGISTRY is not set")
    try:
        with urllib.request.urlopen(f"http://{host}/v2/", timeout=5):
            return f"{host}/test-{uuid.uuid4().hex[:12]}/double"
    except OSError as error:
        pytest.skip(f"no registry: {host} does not answer: {error}")


def test_a_model_goes_into_a_directory(bundle, double, tmp_path):
    done = bundle("push", double, tmp_path / "shared")
    assert f"Pushed `{double}` to `{tmp_path}/shared:{double}`" in done.out
    assert f"next: bundle pull {tmp_path}/shared:{double}" in done.err
    assert (tmp_path / "shared" / "oci-layout").is_file()


def test_the_result_for_a_program(bundle, double, tmp_path):
    found = bundle("push", double, "./shared", "--json").json
    assert list(found)[:2] == ["tag", "digest"]
    assert found["tag"] == double
    assert len(found["digest"]) == 64
    assert found["references"] == [f"./shared:{double}", "./shared:double:latest"]
    assert found["manifest"].startswith("sha256:")
    assert (found["sent"], found["mounted"], found["present"]) == (found["size"], 0, 0)


def test_what_is_no_reference_is_wrong_usage(bundle, double):
    refused = bundle("push", double, "team/iris", code=2)
    assert "does not begin with a registry's host" in refused.err
    assert "hint:" in refused.err


def test_nobody_there_is_one_line(bundle, double):
    refused = bundle("push", double, "127.0.0.1:1/x", "--json", code=1)
    assert "cannot be reached: connection refused" in refused.json["error"]


def test_what_is_not_in_the_store_is_told(bundle, tmp_path):
    assert "No model or bundle is tagged" in bundle("push", "nothing", tmp_path / "x", code=1).err
    assert not (tmp_path / "x").exists()


def test_a_version_there_is_replaced_by_force_alone(bundle, double, plain, tmp_path):
    pushed = bundle("push", double, f"./shared:{double}", "--plain-http")
    assert pushed.err.endswith(f"next: bundle pull ./shared:{double} --plain-http\n")
    index = tmp_path / "shared" / "index.json"
    document = json.loads(index.read_bytes())
    document["manifests"][0]["digest"] = "sha256:" + "0" * 64
    index.write_text(json.dumps(document))
    assert "--force" in bundle("push", double, "./shared", code=5).err
    bundle("push", double, "./shared", "--force")


def test_a_registry_has_what_the_store_has(bundle, double, repository):
    found = bundle("push", double, repository, "--json").json
    host, _, name = repository.partition("/")
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    request = urllib.request.Request(f"http://{host}/v2/{name}/manifests/latest", headers=accept)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["Docker-Content-Digest"] == found["manifest"]
        assert json.load(answer)["config"]["digest"] == f"sha256:{found['digest']}"


def test_a_bundle_is_pushed_pulled_and_served_elsewhere(shop, repository, tmp_path):
    """Its trust is not: whoever serves it there vouches for it there."""
    pushed = shop("push", shop.tag, repository, "--json").json
    other = {"BUNDLE_HOME": str(tmp_path / "other")}
    from ...conftest import run, serving

    pulled = run("pull", repository, "--json", cwd=tmp_path, **other).json
    assert (pulled["tag"], pulled["digest"]) == (shop.tag, pushed["digest"])
    assert pulled["manifest"] == pushed["manifest"]
    assert (
        run("verify", cwd=tmp_path, **other).out == "Every model and bundle is as it was stored.\n"
    )
    refused = run("serve", shop.tag, cwd=tmp_path, code=5, **other)
    assert "its own copy of the runtime" in refused.err
    assert "--trust" in refused.err
    with serving(shop.tag, "--trust", "--env=current", cwd=tmp_path, **other) as server:
        assert server.post("/predict", {"instances": [[1.0, 2.0]]}) == {"predictions": [[2.0, 4.0]]}
