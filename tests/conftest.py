"""What every test may ask for."""

import contextlib
import ctypes
import gc
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .warm_process import close_all

INDEX = os.environ.get("UV_DEFAULT_INDEX", "https://pypi.org/simple")
ROOT = Path(__file__).resolve().parent.parent
LONGEST = (  # by their names: a file may move
    "test_examples.py",
    "test_saving.py",
    "test_image.py",
    "test_service_process.py",
    "test_dialect_pages.py",
    "test_bench.py",
    "test_serve_registration.py",
    "test_served.py",
    "test_crash.py",
    "test_restart.py",
    "test_save.py",
    "test_vendoring.py",
    "test_front_server.py",
    "test_load_coordinator.py",
    "test_app.py",
    "test_predict.py",
    "test_engineless.py",
    "test_packaging.py",
    "test_build.py",
    "test_serving.py",
    "test_registrar.py",
    "test_management.py",
    "test_building.py",
    "test_bento.py",
    "test_private_index.py",
    "test_libraries.py",
    "test_supervisor.py",
)
LONGEST_JUDGES = ("test_before.py", "test_openapi_held.py", "test_kserve_rest.py", "test_grpc.py")

# Threads of OpenMP that spin while they wait take their cores from the other workers.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# A client of gRPC that is alive ends the process that forks where descriptors are few.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

# A shell ignores these for what it runs in the background, and all processes inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for _signal in (signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(_signal) is signal.SIG_IGN:
        signal.signal(_signal, signal.SIG_DFL)


def lend_openmp():
    """Give LightGBM, whose wheel brings no OpenMP, that of torch where the system has none."""
    places = [*Path("/usr/lib").glob("*/libgomp.so.1"), *Path("/usr/lib64").glob("libgomp.so.1")]
    torch = importlib.util.find_spec("torch")
    if places or torch is None or torch.origin is None:
        return
    folder = Path(sys.prefix) / "openmp"  # with nothing else, for it comes before all others
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / "libgomp.so.1").symlink_to(Path(torch.origin).parent / "lib" / "libgomp.so.1")
    os.environ["LD_LIBRARY_PATH"] = str(folder)  # of the processes that are started
    ctypes.CDLL(str(folder / "libgomp.so.1"))


lend_openmp()

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


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect tests without garbage collection, which would go through all of them ever again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_xdist_auto_num_workers():
    """Three for each core: tests wait for processes and disks more than they work."""
    return min(8, 3 * len(os.sched_getaffinity(0)))


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, and end with short ones.

    In between come those whose clients are being installed when the tests begin.
    """
    items.sort(key=lambda item: _turn(item.path))


def _turn(path):
    if path.name in LONGEST:
        return LONGEST.index(path.name) - len(LONGEST)
    if "judges" in path.parts or path.name in LONGEST_JUDGES:
        return 1 + (*LONGEST_JUDGES, path.name).index(path.name)
    return 2 + len(LONGEST_JUDGES) if "runtime" in path.relative_to(ROOT).parts else 0


def pytest_make_parametrize_id(config, val, argname):
    """Name long bytes by their argument: there may be a time in them, or an address."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None


@pytest.fixture(scope="module")
def engine():
    """The container engine at DOCKER_HOST, or a reason to skip."""
    from modelbundle.bundler.errors import EngineUnavailable
    from modelbundle.bundler.image.engines.engine import connect

    if "DOCKER_HOST" not in os.environ:
        pytest.skip("no container engine: DOCKER_HOST is not set")
    try:
        with connect() as found:
            yield found
    except EngineUnavailable as error:
        pytest.skip(f"no container engine: {error}")


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """Give each test a store of its own, so that none touches the person's."""
    path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("BUNDLE_HOME", str(path))
    monkeypatch.delenv("BUNDLE_TRUST", raising=False)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def warm_processes_end():
    """End the processes that commands and servers are forked from."""
    yield
    close_all()


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
