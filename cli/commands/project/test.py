"""`bundle test`: replays the recorded samples in the bundle's own environment."""

import shlex
from typing import TYPE_CHECKING

from ...options.options import Env, Json, Offline, Quiet, Target, Trust
from ...options.server import Gpu
from ...terminal.console import Console
from ...terminal.failed import Failed

if TYPE_CHECKING:
    from ....bundler.checking import Replayed, Report
    from ....bundler.serving.serving import Launch


def test(
    target: Target,
    env: Env = "auto",
    gpu: Gpu = None,
    trust: Trust = False,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Replay the recorded samples and compare the answers.

    Examples:

      bundle test fraud

      bundle test model:iris

      bundle test fraud --gpu
    """
    from ....bundler.checking import replay
    from ....bundler.serving.serving import LaunchOptions, prepare
    from ....bundler.store import Store

    console = Console(json=json, quiet=quiet)
    options = LaunchOptions(env, trust=trust, offline=offline, on_gpu=gpu is not None)
    with prepare(target, Store.default(), options, console) as launch:
        console.step(launch.environment.why)
        device = _device(gpu)
        report = replay(
            launch.directory, launch.environment, device=device, is_trusted=launch.is_trusted
        )
    _say(target, launch, report, console)


def _device(gpu: str | None) -> str:
    """The first of those that are asked for."""
    if gpu is None:
        return "cpu"
    return "cuda" if gpu == "all" else f"cuda:{gpu.partition(',')[0]}"


def _say(target: str, launch: "Launch", report: "Report", console: Console) -> None:
    data = {
        "tag": launch.tag,
        "digest": launch.digest,
        "ok": report.ok,
        "environment": str(report.environment.python),
        "methods": [_data(one) for one in report.replayed],
    }
    if not report.replayed:
        console.result(
            data,
            f"`{target}` has no recorded samples: its models were saved without `--sample`, or "
            "their answers to it change from call to call.",
        )
        return
    lines = [line for one in report.replayed for line in _lines(one)]
    if not report.ok:
        console.text("\n".join(lines))
        raise Failed(
            "The answers differ from the recorded ones.",
            data,
            hint="Compare the versions with `bundle show`, or save the model again.",
        )
    console.result(data, "\n".join(lines), next_command=f"bundle serve {shlex.quote(target)}")


def _data(one: "Replayed") -> dict[str, object]:
    return {
        "model": one.alias,
        "method": one.method,
        "rows": one.rows,
        "ok": one.ok,
        "differences": list(one.differences),
    } | (
        {"tuning": one.tuning, "largest": one.largest, "allowed": one.allowed} if one.tuning else {}
    )


def _lines(one: "Replayed") -> list[str]:
    state = "ok" if one.ok else "DIFFERS"
    tuned = _tuned(one)
    line = f"{one.alias}.{one.method}: {one.rows} rows {state}{tuned}"
    return [line, *one.differences]


def _tuned(one: "Replayed") -> str:
    if one.largest is None or one.allowed is None:
        return ""
    relative, absolute = one.allowed
    return (
        f" ({one.tuning}: differs by at most {one.largest:.2g}; allowed are {100 * relative:g} % "
        f"or {absolute:.2g})"
    )
