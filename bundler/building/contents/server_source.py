"""The text of a bundle's `server.py`: the routes and their batch settings, spelled out.

Every value goes through `literal`, so no name, path or setting can become code.
"""

from collections.abc import Sequence

from ....runtime.dialects.dialect import meanings
from ....runtime.manifests.route import Route
from ....runtime.manifests.settings import BatchSettings, ServeSettings

_MODULES = "modelbundle/runtime/bundle_modules.py"
WIDTH = 88  # the default line length of `ruff format` and black

_HEAD = '''\
"""Serve `{name}`: `python server.py`, or point any ASGI server at `server:app`."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [path for path in sys.path if path not in ("", HERE)]

from runpy import run_path

# Only what bundle.json lists is imported from here: no other file, no bytecode.
run_path(os.path.join(HERE, "{modules}"))["prefer"](HERE)

from pathlib import Path

from modelbundle.runtime.server import Route, Server

server = Server(
    Path(HERE),
    routes=[
'''
_MIDDLE = """\
    ],
    dialects=[
"""
_TAIL = """\
    ],
)
app = server.app

if __name__ == "__main__":
    server.main()
"""


def render(name: str, routes: Sequence[Route], settings: ServeSettings) -> str:
    """The source of `server.py` for the bundle `name`; settings fill in the defaults of routes."""
    listed = "".join(_indented(_call(route, settings.batch)) for route in routes)
    dialects = "".join(_indented([_dialect(*each)]) for each in meanings(settings.dialects))
    return _HEAD.format(name=name, modules=_MODULES) + listed + _MIDDLE + dialects + _TAIL


def literal(value: str | float | bool | None) -> str:
    """`value` as Python source, with double quotes if that needs no escapes."""
    text = repr(value)
    if isinstance(value, str) and '"' not in value and text.startswith("'"):
        return f'"{text[1:-1]}"'
    return text


def _dialect(name: str, meaning: str) -> str:
    """One dialect, and which paths are its."""
    return f"{literal(name)},  # {meaning}" if meaning else f"{literal(name)},"


def _call(route: Route, batch: BatchSettings) -> list[str]:
    """The call that makes `route`: one line if it fits, else a line an argument."""
    arguments = [literal(route.path), f"method={literal(route.method)}"]
    where = "model" if route.model is not None else "service"
    arguments.append(f"{where}={literal(getattr(route, where))}")
    if route.batchable:
        rows = route.max_batch_size or batch.max_batch_size
        budget = batch.latency_budget if route.latency_budget is None else route.latency_budget
        arguments += [] if rows is None else [f"max_batch_size={literal(rows)}"]
        arguments.append(f"latency_budget={literal(budget)}")
    else:
        arguments.append("batchable=False")
    arguments += ["streaming=True"] if route.streaming else []
    arguments += ["idempotent=True"] if route.idempotent else []
    line = f"Route({', '.join(arguments)}),"
    if len(line) + 8 <= WIDTH:
        return [line]
    return ["Route(", *(f"    {argument}," for argument in arguments), "),"]


def _indented(lines: Sequence[str]) -> str:
    return "".join(f"        {line}\n" for line in lines)
