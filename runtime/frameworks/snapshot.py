"""Snapshot: the files of a Hugging Face model, and which models are refused."""

import json
from typing import Any

HOME = "snapshot"
"""The folder in the model that is the snapshot."""
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
BESIDE = frozenset(
    """
    generation_config.json preprocessor_config.json processor_config.json tokenizer.json
    tokenizer_config.json special_tokens_map.json added_tokens.json vocab.json vocab.txt merges.txt
    """.split()  # noqa: SIM905  a table
)
"""The files beside config and weights that are data."""


def is_data(name: str) -> bool:
    """Whether it is a file that is imported: the library looks for others, such as adapters."""
    is_weights = "/" not in name and name.endswith((".safetensors", ".safetensors.index.json"))
    return name == CONFIG or name in BESIDE or is_weights


def refusal(config: bytes) -> str | None:
    """Why a model with this config.json is not loaded, or None; what it says is looked through.

    `auto_map` names Python files beside the weights. An attention with a `/` in its name, and
    some quantizations, have the library fetch and run code from the hub.
    """
    try:
        waiting: list[Any] = [json.loads(config)]
    except (ValueError, RecursionError):
        return "its config.json is no JSON"
    if not isinstance(waiting[0], dict):
        return "its config.json is not an object"
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            if why := _strange(node):
                return why
    return None


def _strange(node: dict[str, Any]) -> str | None:
    if "auto_map" in node:
        return "its architecture is code of its own, which asks for `trust_remote_code`"
    if node.get("quantization_config") is not None:
        return "it is quantized, which takes libraries and devices beyond transformers"
    if any("attn" in key and _is_remote(value) for key, value in node.items()):
        return "its attention is code from elsewhere"
    if _is_remote(node.get("backbone")):
        return "its backbone is a model from elsewhere, with a config of its own"
    return None


def _is_remote(value: object) -> bool:
    values = value.values() if isinstance(value, dict) else [value]
    return any(isinstance(one, str) and "/" in one for one in values)
