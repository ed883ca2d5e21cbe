"""From another tool to a server: each kind is taken in, built into a bundle, served and asked."""

import json
import pickle
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from modelbundle.bundler.saving import saving
from modelbundle.bundler.saving.saving import SaveOptions

BUNDLE = Path(sys.executable).parent / "bundle"


def run(*arguments, cwd):
    done = subprocess.run(
        [BUNDLE, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def sources(tmp_path, forms, sklearn_model, boosted, net):
    """Name -> what another tool wrote, rows for it, and the library's own answers."""
    import pandas as pd

    rows = forms.ROWS[:5]
    records = pd.DataFrame(rows, columns=forms.NAMES).to_dict("records")
    classes = sklearn_model.predict(pd.DataFrame(records)).tolist()
    tensors, answers, files = net
    logged = forms.mlflow(
        tmp_path / "logged",
        {"sklearn": {"pickled_model": "model.pkl"}},
        {"model.pkl": pickle.dumps(sklearn_model)},
        requirements="scikit-learn==1.9.1\nmlflow==3.17.2\n",
    )
    about = forms.bento_yaml("xgboost", "xgboost", {}, model_class="XGBClassifier")
    bento = {"model.yaml": about, "saved_model.ubj": boosted[1]}
    script = {"serializedFile": "s.pt", "handler": "base_handler"}
    eager = {"serializedFile": "w.pt", "modelFile": "carried_net.py", "handler": "base_handler"}
    return {
        "logged": (logged, records, classes),
        "boosted": (
            forms.tar(tmp_path / "m.bentomodel", bento, "w:xz"),
            rows.tolist(),
            boosted[0].predict(rows).tolist(),
        ),
        "script": (
            forms.mar(tmp_path / "s.mar", {"s.pt": files["script"]}, **script),
            tensors,
            answers,
        ),
        "eager": (
            forms.mar(
                tmp_path / "e.mar",
                {"w.pt": files["state"], "carried_net.py": forms.NET.encode()},
                **eager,
            ),
            tensors,
            answers,
        ),
    }


def test_each_answers_as_its_own_library_does(index, tmp_path, sources):
    sample = tmp_path / "sample.npy"
    np.save(sample, np.asarray(sources["script"][1], "float32")[:2])
    for name, (source, _, _) in sources.items():
        asked = sample if name in {"script", "eager"} else None
        saving.save_source(name, str(source), SaveOptions(trust=True, sample_file=asked))
    project = tmp_path / "project"
    project.mkdir()
    names = json.dumps(list(sources))
    (project / "bundlefile.yaml").write_text(
        f"name: all\nmodels: {names}\ninclude: []\npython: {{version: '3.11'}}\naccelerator: cpu\n"
    )
    run("build", cwd=project)
    run("test", "all", "--env", "current", cwd=project)
    with serving(project, "all") as url:
        for name, (_, rows, wanted) in sources.items():
            assert np.allclose(predicted(f"{url}/{name}/predict", rows), wanted, rtol=1e-5), name


@contextmanager
def serving(cwd, tag):
    """A server that is ready; its address."""
    line = [BUNDLE, "serve", tag, "--port=0", "--json", "--env", "current"]
    with (
        (cwd / "talk").open("w") as talk,
        subprocess.Popen(line, cwd=cwd, stdout=subprocess.PIPE, stderr=talk, text=True) as process,
    ):
        try:
            ready = process.stdout.readline()
            assert ready, (cwd / "talk").read_text()
            yield json.loads(ready)["url"]
        finally:
            process.terminate()


def predicted(url, rows):
    body = json.dumps({"instances": rows}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())["predictions"]
