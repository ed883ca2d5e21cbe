"""Opening: a file that cannot be loaded names what is missing, and what to do."""

import ctypes
import subprocess
import sys

import pytest

from modelbundle.bundler.errors import InvalidSource
from modelbundle.bundler.saving import saving
from modelbundle.bundler.saving.saving import SaveOptions

WRITE = """
import sys
sys.path.insert(0, {own!r})
import pickle, torch, open_parts
from pathlib import Path
Path({pkl!r}).write_bytes(pickle.dumps(open_parts.Rule()))
torch.save(open_parts.Net(), {pt!r})
"""
PARTS = """
import torch


class Rule:
    def predict(self, rows):
        return rows


class Net(torch.nn.Module):
    pass
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A pickle and a file of torch, of classes that only their author has."""
    directory = tmp_path_factory.mktemp("author")
    (directory / "open_parts.py").write_text(PARTS)
    pkl, pt = directory / "rule.pkl", directory / "net.pt"
    text = WRITE.format(own=str(directory), pkl=str(pkl), pt=str(pt))
    subprocess.run([sys.executable, "-c", text], check=True)
    return {"generic": pkl, "torch": pt}


@pytest.mark.parametrize("kind", ["generic", "torch"])
def test_code_of_the_author_is_no_package_to_install(files, kind):
    with pytest.raises(InvalidSource, match="not here: No module named 'open_parts'") as caught:
        saving.save_file("m", files[kind], SaveOptions(trust=True))
    assert "If `open_parts` is yours" in caught.value.hint
    assert "pip" not in caught.value.hint


def test_the_library_of_a_file_is(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InvalidSource) as caught:
        saving.save_file("m", files["torch"], SaveOptions(trust=True))
    assert caught.value.hint == "Install it with `pip install torch safetensors`."


def test_a_missing_library_of_the_system_is_no_package_to_install_with_pip(files, monkeypatch):
    """As where LightGBM's wheel finds no `libgomp.so.1`, and `cv2` no `libGL.so.1`."""

    def load(*_):
        try:
            ctypes.CDLL("libnowhere.so.1")
        except OSError as error:
            raise ImportError(str(error), name="torch") from error

    monkeypatch.setattr("modelbundle.runtime.frameworks.torch.Torch.load", load)
    with pytest.raises(InvalidSource) as caught:
        saving.save_file("m", files["torch"], SaveOptions(trust=True))
    assert "package of your system that has `libnowhere.so.1`" in caught.value.hint


def test_what_a_library_says_of_our_copy_names_the_file_alone(tmp_path):
    """ONNX Runtime says first where the file lies, which was a path of the store's."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    sides = [onnx.helper.make_tensor_value_info(name, 1, [None, 2]) for name in "xy"]
    node = onnx.helper.make_node("Boom", ["x"], ["y"], domain="example")
    graph = onnx.helper.make_graph([node], "graph", sides[:1], sides[1:])
    sets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("example", 1)]
    made = onnx.helper.make_model(graph, opset_imports=sets, ir_version=8)
    (tmp_path / "boom.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(InvalidSource, match=r"Load model from model\.onnx failed"):
        saving.save_file("boom", tmp_path / "boom.onnx")
