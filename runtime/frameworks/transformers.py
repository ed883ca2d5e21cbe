"""Hugging Face transformers: a snapshot's config and safetensors, by the library's own classes.

No code of a model's own: what asks for `trust_remote_code` is refused, here as when it is saved.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidModel, MissingFramework
from ..manifests.signature import Field, Side, Signature
from .from_directory import FromDirectory
from .pytorch import device as torch_device
from .snapshot import CONFIG, HOME, TOKENIZER, is_data, refusal

_TEXTS = Side("array", (Field("input-0", "str", (None,)),))
_LABELS = Side("tensors", (Field("label", "str", (None,)), Field("score", "float32", (None,))))


class Transformers(FromDirectory):
    """Models called with tensors; those that classify texts, and have a tokenizer, with texts."""

    name = "transformers"
    called = "A Hugging Face snapshot"
    distributions: tuple[str, ...] = ("transformers", "torch", "safetensors", "tokenizers", "numpy")
    is_typed = True
    extra = "transformers torch safetensors"
    formats: Mapping[str, str] = {"snapshot": f"{HOME}/{CONFIG}"}
    executing: frozenset[str] = frozenset()

    def load(
        self,
        directory: Path,
        format: str,  # noqa: ARG002
        options: Mapping[str, Any],
        device: str,
        pickles: Any,  # noqa: ARG002  there are none
    ) -> Any:
        """Build the class that the config names and map its weights."""
        home = directory / HOME
        why = refusal((home / CONFIG).read_bytes())
        if why is not None:
            raise InvalidModel(f"The model cannot be loaded: {why}.")
        if odd := next((path.name for path in home.iterdir() if not is_data(path.name)), None):
            raise InvalidModel(f"The model cannot be loaded: `{odd}` is no file of a snapshot.")
        torch_device.check(device)
        model = _class(options["class"]).from_pretrained(
            home, local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        tokenizer = _tokenizer(home) if (home / TOKENIZER).exists() else None
        return Snapshot(model.to(device).eval(), tokenizer)

    def methods(self, model: "Snapshot") -> tuple[str, ...]:
        """`predict`; where that takes texts, `forward` takes what the tokenizer makes of them."""
        return ("predict", "forward") if model.takes_texts else ("predict",)

    def signatures(self, model: "Snapshot") -> Mapping[str, Signature]:
        """Texts to labels with scores; tensors to whatever the class answers with."""
        tensors = Signature(Side("tensors", tuple(_fields(model.module))))
        if not model.takes_texts:
            return {"predict": tensors}
        return {"predict": Signature(_TEXTS, _LABELS), "forward": tensors}

    def classes(self, model: "Snapshot", method: str) -> Mapping[int, Sequence[Any]]:  # noqa: ARG002
        """The labels of its config: of the first tensor that it answers with, or of the label."""
        if not type(model.module).__name__.endswith("ForSequenceClassification"):
            return {}
        known = model.module.config.id2label
        return {0: [known[place] for place in sorted(known)]}

    def call(self, model: "Snapshot", method: str, batch: Any) -> Any:
        """Call it without gradients; tensors that are no batch of rows are left out."""
        if method == "predict" and model.takes_texts:
            return model.classify([str(text) for text in batch])
        return model.forward(batch)


class Snapshot:
    """A module of the library with its tokenizer."""

    def __init__(self, module: Any, tokenizer: Any) -> None:
        self.module = module
        self._tokenizer = tokenizer
        kind = type(module).__name__
        self.takes_texts = tokenizer is not None and kind.endswith("ForSequenceClassification")

    def forward(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Arrays in, the answer's tensors with one row for each of theirs out."""
        import torch

        tensors = {
            name: torch.as_tensor(array).to(self.module.device) for name, array in batch.items()
        }
        count = len(next(iter(tensors.values())))
        with torch.inference_mode():
            answer = self.module(**tensors, return_dict=True)
        return {
            name: _array(value)
            for name, value in answer.items()
            if isinstance(value, torch.Tensor) and value.ndim and len(value) == count
        }

    def classify(self, texts: list[str]) -> dict[str, Any]:
        """The likeliest label of each text and its probability."""
        import numpy as np
        import torch

        limit = self.module.config.max_position_embeddings
        tokens = self._tokenizer(
            texts, padding=True, truncation=True, max_length=limit, return_tensors="pt"
        )
        with torch.inference_mode():
            logits = self.module(**tokens.to(self.module.device)).logits
        several = logits.shape[-1] > 1
        scores, which = (logits.softmax(-1) if several else logits.sigmoid()).max(-1)
        labels = [self.module.config.id2label[int(position)] for position in which]
        return {"label": np.array(labels, object), "score": _array(scores)}


def _array(tensor: Any) -> Any:
    plain = tensor.detach().cpu()
    return (plain.float() if str(plain.dtype) == "torch.bfloat16" else plain).numpy()


def _fields(module: Any) -> Iterator[Field]:
    """What the class calls its main input, with its mask where that is a text."""
    main = module.main_input_name
    if main == "input_ids":
        yield Field("attention_mask", "int64", (None, None))
        yield Field("input_ids", "int64", (None, None))
    elif main == "pixel_values":
        size = getattr(module.config, "image_size", None)
        side = size if isinstance(size, int) else None
        yield Field(main, "float32", (None, module.config.num_channels, side, side))
    else:
        yield Field(main, "float32", (None, None))


def _class(name: object) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise MissingFramework("transformers", Transformers.extra) from error
    kind = getattr(transformers, name, None) if isinstance(name, str) else None
    if not (isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)):
        raise InvalidModel(
            f"transformers {transformers.__version__} has no model class `{name}`.",
            hint="Install the version that the model was made with.",
        )
    return kind


def _tokenizer(home: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(home, local_files_only=True, trust_remote_code=False)
