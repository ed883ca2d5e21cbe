"""Sequence: stateful requests of other servers' clients, which are refused.

No model here keeps a state between requests. An answer that ignores the earlier ones would look
like any other, so a client that announces a sequence is refused.
Sources: Triton, docs/protocol/extension_sequence.md; TorchServe, "Stateful Inference"; AWS,
"Stateful sessions with Amazon SageMaker models".
"""

from collections.abc import Mapping
from typing import Any

from ..errors import InvalidInput, NotSupported

_STEPS = ("sequence_start", "sequence_end")


def check(parameters: Mapping[str, Any]) -> None:
    """Refuse the parameters of a sequence; an id of 0 or "" is what clients send without one.

    Raises:
        InvalidInput: for values that mean nothing.
        NotSupported: for a part of a sequence.
    """
    if "sequence_id" not in parameters and parameters.keys().isdisjoint(_STEPS):
        return
    name = parameters.get("sequence_id", 0)
    if type(name) not in {int, str}:
        raise InvalidInput("parameters: expected `sequence_id` to be a whole number or a string.")
    steps = [parameters.get(each, False) for each in _STEPS]
    if not all(type(each) is bool for each in steps):
        raise InvalidInput("parameters: expected `sequence_start` and `_end` to be true or false.")
    if name or any(steps):
        raise _refusal("`sequence_id`, `sequence_start` and `sequence_end`")


def check_header(headers: Mapping[bytes, bytes], *names: bytes) -> None:
    """Refuse a request that belongs to a sequence by one of these headers.

    Raises:
        NotSupported: for one that is there, and not empty.
    """
    for name in names:
        if headers.get(name):
            raise _refusal(f"the header `{name.decode()}`")


def _refusal(marks: str) -> NotSupported:
    return NotSupported(
        "No model of this server keeps a state from one request to the next: "
        f"send all that belongs together as one request, without {marks}."
    )
