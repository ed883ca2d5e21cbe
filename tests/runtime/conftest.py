"""Real bundles, written by hand, and real servers on loopback."""

import dataclasses
import threading

import numpy as np
import pytest

from modelbundle.runtime import digest
from modelbundle.runtime.data.samples import Samples
from modelbundle.runtime.frameworks.generic import Generic
from modelbundle.runtime.manifests.bundle_manifest import BundleManifest
from modelbundle.runtime.manifests.file_entry import FileEntry
from modelbundle.runtime.manifests.model_entry import ModelEntry
from modelbundle.runtime.manifests.model_manifest import ModelManifest
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.signature import Field, Side, Signature

from .servers import (  # noqa: F401 - for the tests
    Running,
    Servers,
    free_port,
    is_ready,
    wait_until,
)

MATRIX = Side("array", (Field("input", "float64", (None, 2)),))
VECTOR = Side("array", (Field("output", "float64", (None,)),))


class Sums:
    """Adds up rows; a first number below zero stands for trouble."""

    def predict(self, rows):
        import os
        import time
        from pathlib import Path

        first = rows[:, 0]
        if (first == -1).any():
            raise ValueError("a secret path: /etc/passwd")
        if (first == -2).any():
            time.sleep(0.5)
        if (first == -3).any():
            os.abort()
        if (first == -4).any():
            return rows.sum(axis=1) * float("nan")
        if (first == -6).any():
            gate = Path(os.environ["GATE"])
            gate.with_name(gate.name + ".begun").touch()
            while not gate.exists():
                time.sleep(0.005)
        return rows.sum(axis=1)


def entries(directory):
    return tuple(
        FileEntry(path.relative_to(directory).as_posix(), digest.of_file(path), path.stat().st_size)
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "bundle.json"
    )


def write_model(directory, model, *, inputs=MATRIX, outputs=VECTOR, sample=(), batchable=True):
    """A model directory as `bundle save` leaves it."""
    (directory / "samples").mkdir(parents=True)
    framework = Generic()
    saved = framework.save(model, directory, {})
    samples = {}
    if sample:
        answers = tuple(float(np.sum(row)) for row in sample)
        path = directory / "samples" / "predict.json"
        path.write_bytes(Samples("predict", tuple(sample), answers).encode())
        samples = {"predict": "samples/predict.json"}
    manifest = ModelManifest(
        framework="generic",
        loader="modelbundle.runtime.frameworks.generic:Generic",
        format=saved.format,
        python="3.11.7",
        packages={},
        methods={"predict": Signature(inputs, outputs, batchable)},
        files=entries(directory),
        executes_code=True,
        globals={"model.pkl": ("builtins.print",)},
        samples=samples,
    )
    (directory / "model.json").write_bytes(manifest.encode())
    return manifest


def write_bundle(
    directory, *, models=("sums",), service=None, routes=None, serve=None, lazy=(), **more
):
    """A bundle directory around the models that stand in `directory/models`."""
    listed = []
    for alias in models:
        path = directory / "models" / alias / "model.json"
        identity = digest.of_file(path)
        entry = ModelEntry(alias, alias, identity[7:19], identity, "generic", True)
        idle = lazy[alias] if isinstance(lazy, dict) and alias in lazy else 0.0
        listed.append(dataclasses.replace(entry, is_lazy=alias in lazy, unload_after=idle))
    if routes is None:
        routes = [Route("/predict", "predict", model=models[0])]
    manifest = BundleManifest(
        name="demo",
        version=None,
        description="Adds up <b>rows</b>.",
        labels={},
        models=tuple(listed),
        service=service,
        routes=tuple(routes),
        files=entries(directory),
        python="3.11",
        lock=None,
        hermetic=False,
        accelerator={"kind": "auto"},
        serve=serve or {},
        security={"pickle": "allow"},
        image={},
        packer="test",
    )
    (directory / "bundle.json").write_bytes(dataclasses.replace(manifest, **more).encode())
    return directory


@pytest.fixture
def servers(tmp_path_factory):
    """Start servers of bundles: `servers.start(bundle, "--workers=2")`."""
    started = Servers(tmp_path_factory.mktemp("servers"))
    yield started
    started.stop()


def make_sums(directory, **serve):
    """A bundle of one model that adds up rows of two numbers."""
    write_model(directory / "models" / "sums", Sums(), sample=[[1.0, 2.0], [3.0, 4.0]])
    return write_bundle(directory, serve=serve)


@pytest.fixture
def sums(tmp_path):
    """A bundle of one model that adds up rows; `sums(port=1)` with settings."""
    return lambda **serve: make_sums(tmp_path, **serve)


class Broken:
    """Cannot be unpickled."""

    def __reduce__(self):
        return (int, ("not a number",))


class Slow(Sums):
    """Is loaded once the gate of its server is open."""

    def __reduce__(self):
        return (_slowly, (type(self).__mro__[1],))


def _slowly(cls):
    import os
    import time
    from pathlib import Path

    while not Path(os.environ["GATE"]).exists():
        time.sleep(0.01)
    return cls()


@pytest.fixture
def broken():
    """A model that cannot be loaded."""
    return Broken()


@pytest.fixture
def slow():
    """A model that is loaded once there is a `gate` of its server."""
    return Slow()


@pytest.fixture
def make_bundle(tmp_path):
    """A bundle of one model, called `sums`."""

    def make(model, **serve):
        write_model(tmp_path / "models" / "sums", model)
        return write_bundle(tmp_path, serve=serve)

    return make


@pytest.fixture(scope="module")
def make_server(tmp_path_factory):
    """Start servers of `sums` for all tests of a module: `make_server(port=1)`."""
    started = Servers(tmp_path_factory.mktemp("servers"))

    def make(**serve):
        return started.start(make_sums(tmp_path_factory.mktemp("sums"), **serve))

    yield make
    started.stop()


@pytest.fixture(scope="module")
def server(make_server):
    """One server of `sums` for all tests of a module."""
    return make_server()


@pytest.fixture
def in_threads():
    """Call a function with each of many arguments at once."""

    def run(function, arguments):
        results = [None] * len(arguments)

        def work(position, argument):
            results[position] = function(argument)

        threads = [threading.Thread(target=work, args=pair) for pair in enumerate(arguments)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run
