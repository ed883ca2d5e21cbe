"""The generated server.py: short, formatted, and never code out of somebody's value."""

import ast
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from modelbundle.bundler.building.contents.server_source import literal, render
from modelbundle.runtime.manifests.route import Route
from modelbundle.runtime.manifests.settings import DIALECTS, BatchSettings, ServeSettings

ROUTES = [
    Route("/predict", "predict", model="iris"),
    Route("/iris/predict_proba", "predict_proba", model="iris", max_batch_size=8),
    Route("/a", "a", model="iris", batchable=False),
    Route("/score", "score", service="score", latency_budget=0.0, streaming=True),
    Route("/again", "again", service="score", batchable=False, idempotent=True),
]


def test_ruff_has_nothing_to_format(tmp_path):
    path = tmp_path / "server.py"
    path.write_text(render("flowers", ROUTES, ServeSettings(dialects=DIALECTS)))
    ruff = str(Path(sys.executable).parent / "ruff")
    done = subprocess.run(
        [ruff, "format", "--isolated", "--diff", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_routes_and_batch_settings_are_spelled_out():
    text = render("flowers", ROUTES, ServeSettings(batch=BatchSettings(32, 0.02)))
    assert '"/predict", method="predict", model="iris"' in text.replace("\n            ", " ")
    assert "max_batch_size=32" in text
    assert "max_batch_size=8" in text
    assert "latency_budget=0.0," in text
    assert "batchable=False" in text
    assert text.count("idempotent=True") == 1


def test_dialects_are_spelled_out():
    """Each with a word on which paths are its."""
    text = render("flowers", ROUTES, ServeSettings(dialects=("native", "v2")))
    assert '"native",  # the routes above\n' in text
    assert '"v2",  # Open Inference Protocol: /v2/models/{model}/infer, ...\n' in text
    assert '"v1"' not in text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_stays_a_value(value):
    """Whatever stands in a name or a path, Python reads it back as the same text."""
    assert ast.literal_eval(literal(value)) == value
    tree = ast.parse(render("x", [Route(value, value, model=value)], ServeSettings()))
    calls = [
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert sorted(calls) == ["Path", "Route", "Server", "run_path"]
