"""What every test may ask for."""

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

INDEX = os.environ.get("UV_DEFAULT_INDEX", "https://pypi.org/simple")
ROOT = Path(__file__).resolve().parent.parent
LONGEST = (
    "bundler/store/test_crash.py",
    "cli/commands/server/test_bench.py",
    "cli/test_app.py",
    "bundler/image/test_image.py",
    "bundler/building/test_building.py",
    "bundler/saving/foreign/test_served.py",
    "bundler/saving/test_saving.py",
    "bundler/saving/foreign/test_bento.py",
    "bundler/image/test_private_index.py",
    "runtime/process/test_service_process.py",
    "runtime/process/supervising/test_terms.py",
    "runtime/process/workers/test_front_server.py",
    "runtime/dialects/test_libraries.py",
    "runtime/process/test_serving.py",
    "runtime/process/supervising/test_supervisor.py",
    "runtime/process/test_management.py",
    "runtime/process/supervising/test_registrar.py",
    "cli/commands/test_build.py",
)

# A busy machine is no failure of what is tested; in CI a failure must be the commit's own.
settings.register_profile(
    "modelbundle",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("modelbundle")


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


def pytest_xdist_auto_num_workers():
    """Two for each core: tests wait for processes and disks more than they work."""
    return min(8, 2 * len(os.sched_getaffinity(0)))


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, end with those whose clients are being installed."""
    items.sort(key=lambda item: _turn(item.nodeid.partition("::")[0].removeprefix("tests/")))


def _turn(file):
    return LONGEST.index(file) - len(LONGEST) if file in LONGEST else "/judges/" in file


def pytest_make_parametrize_id(config, val, argname):
    """Name long bytes by their argument: there may be a time in them, or an address."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Give each test a store of its own, so that none touches the person's."""
    path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BUNDLE_HOME", str(path))
    monkeypatch.delenv("BUNDLE_TRUST", raising=False)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def index():
    """Skip a test that resolves packages where no index answers."""
    try:
        with urllib.request.urlopen(f"{INDEX}/idna/", timeout=5) as answer:
            answer.read(1)
    except (urllib.error.URLError, OSError) as error:
        pytest.skip(f"the package index {INDEX} does not answer: {error}")
    return INDEX


@pytest.fixture(scope="session")
def checkout():
    """The root of the repository."""
    return ROOT
