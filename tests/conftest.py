"""What every test may ask for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config):
    """Let uv find what pip finds: uv does not read pip's configuration."""
    if "UV_FIND_LINKS" in os.environ:
        return
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.find-links"],
        capture_output=True,
        text=True,
        check=False,
    )
    if links := asked.stdout.strip():
        os.environ["UV_FIND_LINKS"] = links


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Give each test a store of its own, so that none touches the person's."""
    path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BUNDLE_HOME", str(path))
    monkeypatch.delenv("BUNDLE_TRUST", raising=False)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def checkout():
    """The root of the repository."""
    return ROOT
