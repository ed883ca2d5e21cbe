"""The registry: built-in adapters first, then those that other packages bring."""

import textwrap

import torch

import modelbundle
from modelbundle.bundler.store import Store
from modelbundle.runtime.frameworks import registry

ADAPTER = """
    from pathlib import Path
    from modelbundle.runtime.frameworks.framework import Saved

    class Tally:
        def __init__(self, step): self.step = step

    class TallyFramework:
        name = "tally"
        distributions = ("tally",)
        is_typed = False
        extra = ""
        formats = {"text": "step.txt"}
        executing = frozenset()
        def matches(self, model): return type(model).__module__ == "tally"
        def reads(self, path): return None
        def save(self, model, directory, options):
            (Path(directory) / "step.txt").write_text(str(model.step))
            return Saved("text", ("step.txt",), executes_code=False)
        def load(self, directory, format, options, device, pickles):
            return Tally(int((Path(directory) / "step.txt").read_text()))
        def prepare(self, model): return model
        def methods(self, model): return ("predict",)
        def signatures(self, model): return {}
        def call(self, model, method, batch): return batch + model.step
"""


def test_a_package_brings_an_adapter_by_its_entry_point(tmp_path, monkeypatch):
    (tmp_path / "tally.py").write_text(textwrap.dedent(ADAPTER))
    info = tmp_path / "tally-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tally\nVersion: 1.0\n")
    (info / "RECORD").write_text("tally.py,,\n")
    (info / "entry_points.txt").write_text(
        "[modelbundle.frameworks]\ntally = tally:TallyFramework\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import numpy as np
    import tally

    item = modelbundle.save("tally-of-two", tally.Tally(2), sample=np.array([[1], [2]]))

    assert item.framework == "tally"
    assert Store.default().config(item).count(b"tally:TallyFramework") == 1
    assert modelbundle.load("tally-of-two", trust=True).step == 2


def test_a_module_that_takes_texts_is_called_by_its_own_method_not_with_tensors():
    """As those of Sentence Transformers, whose `forward` takes what their tokenizer makes."""
    body = {"__module__": "sentence_transformers.model", "encode": lambda _, texts: len(texts)}
    model = type("SentenceTransformer", (torch.nn.Module,), body)()
    framework = registry.for_model(model)
    assert framework is not None
    assert framework.name == "generic"
    assert framework.methods(model) == ("encode",)
    assert framework.call(model, "encode", ["a", "b"]) == 2
