"""Method outputs: a requested output that is called as a method of the model is what that answers.

Clients of MLServer ask its runtimes of scikit-learn and XGBoost for `predict_proba` so, or for it
and `predict` at once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...errors import InvalidInput
from ..catalog import Catalog
from ..dialect_request import DialectRequest
from ..served import Served
from .output import from_output
from .tensor import Tensor


def are_named(served: Served, wanted: Sequence[str]) -> bool:
    """Whether all requested outputs are called as methods, and none as an output of the model."""
    if not wanted or served.signature is None or not all(map(served.methods.__contains__, wanted)):
        return False
    own = {each.name for each in served.signature.outputs.fields}
    return len(set(wanted)) == len(wanted) and own.isdisjoint(wanted)


async def ask(
    catalog: Catalog,
    served: Served,
    request: DialectRequest,
    batch: Any,
    wanted: Sequence[str],
    version: str | None,
) -> list[Tensor]:
    """The answer of each of the methods to the same batch, under its name.

    Raises:
        InvalidInput: for a method with other inputs than `served`, or with several outputs.
        RequestError: as `Served.answer`.
    """
    assert served.signature is not None
    found = [catalog.find(served.alias, version, method=name) for name in wanted]
    tensors = []
    for each in found:
        signature = each.signature
        if signature is None or signature.inputs != served.signature.inputs:
            raise InvalidInput(f"Ask for `{each.method}` alone: it has other inputs.")
        answered = from_output(signature, await each.answer(request, batch))
        if len(answered) != 1:
            raise InvalidInput(
                f"`{each.method}` has {len(answered)} outputs: ask for them as "
                f"`{served.name}.{each.method}`."
            )
        tensors.append(replace(answered[0], name=each.method))
    return tensors
