"""An index that asks who one is: packages of it get into an image, and who one is does not."""

import json
import subprocess
import sys

import pytest

from .conftest import write_base

SECRET = "hush-hush-7f3a"


@pytest.fixture
def run(home, tmp_path, monkeypatch):
    """Run `bundle` with nothing in uv's cache."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("BUNDLE_HOME", str(home))

    def command(*words):
        done = subprocess.run(
            [sys.executable, "-m", "modelbundle.cli.main", *map(str, words)],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert SECRET not in done.stdout + done.stderr
        return done

    return command


@pytest.fixture
def own(tiny_index, serve_index, make_wheel):
    """An index with one package, which only who knows the password gets."""
    served = serve_index("own", credentials=f"ann:{SECRET}")
    files = [("acme_features.py", "x = 1\n")]
    make_wheel(served.root / "acme-features", "acme-features", "1.0", files=files)
    return served


def test_its_packages_travel_and_its_password_does_not(
    run, own, own_store, add_model, tmp_path, monkeypatch
):
    add_model("iris")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "bundlefile.yaml").write_text(
        "name: shop\nmodels: [iris]\npython:\n  version: '3.11'\n"
        "  requirements: [acme-features]\n"
        f"  indexes: [{{name: ours, url: '{own.url}', packages: [acme-features]}}]\n"
    )
    refused = run("build", tmp_path / "project")
    assert refused.returncode != 0
    monkeypatch.setenv("UV_INDEX_OURS_USERNAME", "ann")
    monkeypatch.setenv("UV_INDEX_OURS_PASSWORD", SECRET)
    monkeypatch.setenv("BUNDLE_INDEX_OURS_HOST", own.url.removeprefix("http://"))
    built = run("build", tmp_path / "project", "--json")
    assert built.returncode == 0, built.stderr
    base = write_base(tmp_path / "base")
    made = run("containerize", "shop", "--base", base, "--output", "oci:out", "--json")
    assert made.returncode == 0, made.stderr
    names = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert json.loads(made.stdout)["image"]["layers"]
    places = [path for path in names if tmp_path / "cache" not in path.parents]
    blobs = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"acme_features.py" in blobs
    for path in (*places, *own_store.root.rglob("*")):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
