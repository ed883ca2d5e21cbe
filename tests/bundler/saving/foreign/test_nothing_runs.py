"""An audit hook watches while strangers' models are taken in: nothing of them is run, by any way."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save

WATCH = """
import json, os, sys
import numpy, sklearn, xgboost, torch  # what an adapter imports is no model's doing
from modelbundle.bundler.errors import InvalidSource
from modelbundle.bundler.saving import saving
from modelbundle.runtime.errors import BundleError

home, sources = sys.argv[1], sys.argv[2:]
seen = []

def hook(event, details):
    if event in ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen",
                 "socket.connect", "socket.getaddrinfo", "os.fork"):
        seen.append([event, repr(details)[:100]])
    elif event == "exec" and home in str(getattr(details[0], "co_filename", "")):
        seen.append([event, details[0].co_filename])
    elif event == "import" and details[1] and home in str(details[1]):
        seen.append([event, details[0]])

sys.addaudithook(hook)
ends = []
for source in sources:
    try:
        ends.append(saving.save_source("m", source).framework)
    except BundleError as error:
        ends.append(type(error).__name__)
assert not [path for path in sys.path if home in path]
print(json.dumps([ends, seen]))
"""
SINGS = "import os\nos.mkdir('the canary sang')\n"


class Call:
    def __reduce__(self):
        return os.mkdir, ("the canary sang",)


@pytest.fixture
def sources(tmp_path, forms, net):
    """Everything that has a place for code, with a canary in that place."""
    bad, torch_files = pickle.dumps(Call()), net[2]
    config = json.dumps({"architectures": ["BertModel"], "auto_map": {"AutoModel": "modeling.M"}})
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    (snapshot / "config.json").write_text(config)
    (snapshot / "modeling.py").write_text(SINGS)
    (snapshot / "model.safetensors").write_bytes(save({"w": np.zeros(2)}))
    code = {"code/own.py": SINGS, "code/__init__.py": SINGS, "code/sitecustomize.py": SINGS}
    about = forms.bento_yaml("picklable_model", "cloudpickle", {})
    return {
        forms.mlflow(
            tmp_path / "sk", {"sklearn": {"pickled_model": "m.pkl", "code": "code"}},
            {"m.pkl": bad, **code},
        ): "generic",
        forms.mlflow(
            tmp_path / "pt", {"pytorch": {"model_data": "data", "code": "code"}},
            {"data/model.pth": torch_files["whole"], **code, "code/carried_net.py": SINGS},
        ): "torch",
        forms.mlflow(
            tmp_path / "pf", {"python_function": {"loader_module": "own", "code": "code"}},
            {"python_model.pkl": bad, **code},
        ): "mlflow",
        forms.mar(
            tmp_path / "e.mar",
            {"w.pt": torch_files["state"], "carried_net.py": (SINGS + forms.NET).encode()},
            serializedFile="w.pt", modelFile="carried_net.py", handler="base_handler",
        ): "torch",
        forms.mar(
            tmp_path / "h.mar", {"s.pt": torch_files["script"], "own.py": SINGS.encode()},
            serializedFile="s.pt", handler="own.py",
        ): "InvalidSource",
        forms.tar(tmp_path / "b", {"model.yaml": about, "saved_model.pkl": bad}, "w:xz"): "generic",
        forms.tar(
            tmp_path / "s.tar.gz", {"m.pkl": bad, "code/inference.py": SINGS.encode()}
        ): "InvalidSource",
        snapshot: "InvalidSource",
    }  # fmt: skip


def test_nothing_of_a_strangers_model_runs(tmp_path, sources):
    for name in ("bad.pkl", "bad.joblib"):
        (tmp_path / name).write_bytes(pickle.dumps(Call()))
        sources[tmp_path / name] = "generic"
    done = subprocess.run(
        [sys.executable, "-c", WATCH, tmp_path, *sources],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ends, seen = json.loads(done.stdout)
    assert ends == list(sources.values())
    assert seen == []
    assert not (tmp_path / "the canary sang").exists()
