"""Hugging Face snapshots: config and safetensors; code, pickles and links out of it are refused."""

import json
import pickle

import numpy as np
import pytest
from safetensors.numpy import save

from modelbundle.bundler.errors import InvalidSource
from modelbundle.bundler.saving.foreign import recognizing
from modelbundle.runtime.errors import InvalidModel, MissingFramework
from modelbundle.runtime.frameworks.transformers import Transformers
from modelbundle.runtime.pickles.policy import Policy

CONFIG = {"architectures": ["BertModel"], "model_type": "bert", "transformers_version": "5.0.0"}


@pytest.fixture
def snapshot(tmp_path):
    """Write a snapshot; its weights are of no model."""

    def write(config=None, files=None, name="snapshot"):
        home = tmp_path / name
        home.mkdir(parents=True)
        weights = save({"w": np.zeros(3, "float32")})
        contents = {
            "config.json": json.dumps(CONFIG | (config or {})).encode(),
            "model.safetensors": weights,
            "tokenizer.json": b"{}",
            "README.md": b"hello",
        } | (files or {})
        for file, data in contents.items():
            if data is not None:
                (home / file).write_bytes(data)
        return home

    return write


def test_what_is_kept_is_data(snapshot):
    home = snapshot(files={"modeling.py": b"raise SystemExit", "pytorch_model.bin": b"x"})
    source = recognizing.of_directory(home)
    assert set(source.files) == {
        "snapshot/config.json",
        "snapshot/model.safetensors",
        "snapshot/tokenizer.json",
    }
    assert source.options == {"class": "BertModel"}
    assert not source.executes_code


def test_a_snapshot_in_the_cache_is_made_of_links(tmp_path, snapshot):
    home = snapshot(name="models--o--n/snapshots/abc")
    blobs = home.parent.parent / "blobs"
    blobs.mkdir()
    for name in ("config.json", "model.safetensors"):
        (home / name).rename(blobs / name)
        (home / name).symlink_to(f"../../blobs/{name}")
    assert recognizing.of_directory(home).files["snapshot/config.json"] == home / "config.json"
    (tmp_path / "secret.json").write_text("{}")
    (home / "tokenizer.json").unlink()
    (home / "tokenizer.json").symlink_to(tmp_path / "secret.json")
    assert "snapshot/tokenizer.json" not in recognizing.of_directory(home).files


def test_shards_are_found_by_their_index(snapshot):
    name = "model-00001-of-00001.safetensors"
    files = {
        "model.safetensors": None,
        name: save({"w": np.zeros(2)}),
        "model.safetensors.index.json": json.dumps({"weight_map": {"w": name}}).encode(),
    }
    assert f"snapshot/{name}" in recognizing.of_directory(snapshot(files=files)).files


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"auto_map": {"AutoModel": "modeling.Own"}}, "trust_remote_code"),
        ({"text_config": {"auto_map": {}}}, "trust_remote_code"),
        ({"a": [{"b": {"auto_map": {}}}]}, "trust_remote_code"),
        ({"_attn_implementation": "evil/kernels"}, "code from elsewhere"),
        ({"vision": {"attn_implementation": {"": "evil/kernels@main"}}}, "code from elsewhere"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantized"),
        ({"vision": {"backbone": "evil/model"}}, "a model from elsewhere"),
        ({"architectures": []}, "names no architecture"),
        ({"architectures": ["os.system"]}, "name of no class"),
        ({"architectures": ["Bert\nModel"]}, "name of no class"),
        ({"architectures": [3]}, "name of no class"),
        ({"architectures": "BertModel"}, "names no architecture"),
    ],
)
def test_what_takes_more_than_data_is_refused(snapshot, config, message):
    with pytest.raises(InvalidSource, match=message):
        recognizing.of_directory(snapshot(config))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"model.safetensors": None, "pytorch_model.bin": pickle.dumps(1)}, "no safetensors"),
        ({"model.safetensors": pickle.dumps([0] * 50)}, "not what safetensors look like"),
        (
            {"model.safetensors": None, "model.safetensors.index.json": b'{"weight_map": {"w": "../x"}}'},
            "outside of itself",
        ),
        ({"model.safetensors": None, "model.safetensors.index.json": b"[]"}, "cannot be read"),
        (
            {
                "model.safetensors": None, "w.bin": save({"w": np.zeros(2)}),
                "model.safetensors.index.json": b'{"weight_map": {"w": "w.bin"}}',
            },
            "not what safetensors look like",
        ),
        ({"config.json": b"{"}, "no model of a tool"),
        ({"config.json": b"[]"}, "no model of a tool"),
    ],
)  # fmt: skip
def test_other_weights_are_refused(snapshot, files, message):
    with pytest.raises(InvalidSource, match=message):
        recognizing.of_directory(snapshot(files=files))


def test_a_changed_config_is_refused_where_it_is_loaded(tmp_path):
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot" / "config.json").write_text(json.dumps(CONFIG | {"auto_map": {}}))
    with pytest.raises(Exception, match="trust_remote_code"):
        Transformers().load(tmp_path, "snapshot", {"class": "BertModel"}, "cpu", Policy())


def test_a_file_that_the_library_would_look_for_is_refused_where_it_is_loaded(tmp_path):
    """An adapter names another model, of the hub, whose config nobody has looked through."""
    (tmp_path / "snapshot").mkdir()
    for name in ("config.json", "adapter_config.json"):
        (tmp_path / "snapshot" / name).write_text(json.dumps(CONFIG))
    with pytest.raises(InvalidModel, match=r"`adapter_config\.json` is no file of a snapshot"):
        Transformers().load(tmp_path, "snapshot", {"class": "BertModel"}, "cpu", Policy())


def test_the_library_is_asked_for_by_name(snapshot, take):
    try:
        import transformers  # noqa: F401
    except ImportError:
        with pytest.raises(MissingFramework, match="`transformers`"):
            take(snapshot())


def test_a_classifier_of_texts_answers_as_its_pipeline(tmp_path, take):
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = ["[PAD]", "[UNK]", "good", "bad", "film"]
    vocabulary = {word: position for position, word in enumerate(words)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]")
    config = transformers.BertConfig(
        vocab_size=5, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, id2label={0: "neg", 1: "pos"},
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    texts = ["good film", "bad", "film film good"]
    wanted = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)(texts)
    got = take(tmp_path / "m").answer(texts)
    assert [row["label"] for row in got] == [row["label"] for row in wanted]
    assert np.allclose([row["score"] for row in got], [row["score"] for row in wanted])
