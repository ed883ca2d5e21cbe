"""`bundle test`: the recorded answers, asked for again in the bundle's own environment."""

from typing import TYPE_CHECKING

import typer

from .choice import environment_mode
from .console import Console
from .options import Env, Json, Offline, Quiet, Target, Trust

if TYPE_CHECKING:
    from ..bundler.checking import Replayed, Report


def test(
    target: Target,
    env: Env = "auto",
    trust: Trust = False,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Replay the recorded samples and compare the answers.

    Examples:

      bundle test fraud

      bundle test model:iris
    """
    from ..bundler.checking import replay
    from ..bundler.serving import Wish, prepare
    from ..bundler.store import Store

    console = Console(json=json, quiet=quiet)
    wish = Wish(environment_mode(env), trust=trust, offline=offline)
    with prepare(target, Store.default(), wish, console) as launch:
        console.step(launch.environment.why)
        report = replay(launch.directory, launch.environment, is_trusted=launch.is_trusted)
    _say(target, report, console)
    if not report.ok:
        raise typer.Exit(1)


def _say(target: str, report: "Report", console: Console) -> None:
    data = {
        "target": target,
        "ok": report.ok,
        "environment": str(report.environment.python),
        "methods": [_data(one) for one in report.replayed],
    }
    if not report.replayed:
        console.result(
            data, f"`{target}` has no recorded samples; save its models with `--sample`."
        )
        return
    lines = [line for one in report.replayed for line in _lines(one)]
    next_command = f"bundle serve {target}" if report.ok else None
    console.result(data, "\n".join(lines), next_command=next_command)
    if not report.ok:
        console.error("The answers differ from the recorded ones.")


def _data(one: "Replayed") -> dict[str, object]:
    return {
        "model": one.alias,
        "method": one.method,
        "rows": one.rows,
        "ok": one.ok,
        "differences": list(one.differences),
    }


def _lines(one: "Replayed") -> list[str]:
    state = "ok" if one.ok else "DIFFERS"
    return [f"{one.alias}.{one.method}: {one.rows} rows {state}", *one.differences]
