"""Classification: the largest values of an output, each with its index.

Source: Triton, docs/protocol/extension_classification.md.
"""

import numpy as np

from ....errors import InvalidInput
from ...tensors.tensor import Tensor


def classified(tensor: Tensor, classes: int) -> Tensor:
    """BYTES of "<value>:<index>" for each row, the largest first; at most `classes` of them.

    If the classes are known, ":<label>" follows.

    Raises:
        InvalidInput: for an output without numbers.
    """
    data = tensor.data
    if isinstance(data, list):
        raise InvalidInput(
            "class result not available for output due to unsupported type "
            f"'{tensor.datatype}': output '{tensor.shown}' has no numbers."
        )
    rows = data.reshape(len(data), -1)
    most = min(classes, rows.shape[1])
    ranked = np.argsort(-rows.astype(np.float64), axis=1, kind="stable")[:, :most]
    values = np.take_along_axis(rows, ranked, axis=1).astype(np.float64)
    ends = _ends(tensor, rows.shape[1])
    labelled = [
        b"%f:%b" % (value, ends[place])
        for row in zip(values.tolist(), ranked.tolist(), strict=True)
        for value, place in zip(*row, strict=True)
    ]
    return Tensor(tensor.name, "BYTES", [len(rows), most], labelled)


def _ends(tensor: Tensor, count: int) -> list[bytes]:
    """The suffix of each index."""
    if len(tensor.labels) != count:
        return [b"%d" % place for place in range(count)]
    return [f"{place}:{label}".encode() for place, label in enumerate(tensor.labels)]
