"""A server that was started to be measured."""

from dataclasses import replace

from ....runtime.plan import Plan
from ...serving.serving import Launch
from .bench_request import BenchRequest, BenchRequests
from .process_tree import ProcessTree
from .running_server import choose, nothing_to_ask
from .subject import Knobs, Subject


def subject(
    name: str,
    launch: Launch,
    route: str | None,
    body: BenchRequest | None,
    workers: str | None = None,
) -> Subject:
    """The subject that `launch` will start, as described by its bundle; `at` adds the address.

    workers   the option of the command line, such as "--workers=2"

    Raises:
        BundleError: when there is no such route, or no samples for requests.
    """
    plan = Plan.read(launch.directory)
    samples = plan.samples()
    path = choose({one.path: samples.get(one.path) for one in plan.routes}, route)
    found = samples.get(path)
    if body is None and found is None:
        raise nothing_to_ask(name, path)
    chosen = next(one for one in plan.routes if one.path == path)
    return Subject(
        name,
        "",
        path,
        BenchRequests(given=body) if body else BenchRequests(found),
        knobs=Knobs.of(plan.manifest.serve, chosen, (workers or "").rpartition("=")[2]),
        tag=launch.tag,
        digest=launch.digest,
    )


def at(found: Subject, url: str, pid: int) -> Subject:
    """The subject, now that it runs."""
    return replace(found, url=url, tree=ProcessTree(pid))
