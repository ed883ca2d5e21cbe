"""A bundle of two models that come and go, and how they are asked to."""

from pathlib import Path

from modelbundle.runtime.manifests.route import Route

from ...conftest import Sums, write_bundle, write_model
from .test_supervisor import children

SIZE = 48_000_000  # bytes of a heavy model
LOAD = "/v2/repository/models/{}/load"
UNLOAD = "/v2/repository/models/{}/unload"


class Heavy(Sums):
    """Weighs something."""

    def __init__(self):
        self.weight = b"a" * SIZE


class SlowTwin(Sums):
    """Takes a while to be loaded."""

    def __setstate__(self, state):
        import time

        time.sleep(1)

    def __getstate__(self):
        return {"some": "state"}


def make(directory, models, lazy=(), **serve):
    """A bundle of some models, each answering at `/<alias>/predict`; the first at `/predict`."""
    for alias, model in models.items():
        write_model(directory / "models" / alias, model, sample=[[1.0, 2.0]])
    first = next(iter(models))
    routes = [Route("/predict", "predict", model=first)]
    routes += [Route(f"/{alias}/predict", "predict", model=alias) for alias in models]
    return write_bundle(directory, models=tuple(models), routes=routes, serve=serve, lazy=lazy)


def ask(server, alias, row=(1, 2)):
    return server.post([list(row)], path=f"/{alias}/predict")


def load(server, name):
    with server.client() as client:
        return client.post(LOAD.format(name))


def unload(server, name):
    with server.client() as client:
        return client.post(UNLOAD.format(name))


def states(server):
    with server.client() as client:
        listed = client.post("/v2/repository/index").json()
    return {each["name"]: (each["state"], each.get("reason", "")) for each in listed}


def memory(server):
    """Bytes of all processes of a server, each shared page counted in parts."""
    found = 0
    for pid in (server.process.pid, *children(server.process.pid)):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found += int(line.split()[1]) << 10
    return found
