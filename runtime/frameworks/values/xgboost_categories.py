"""XGBoost categories: those that a booster has learned, and workarounds for its bugs.

Up to 3.2 XGBoost hands its core the texts of a column end to end in UTF-8, with offsets that count
characters where bytes are meant. Beyond ASCII each text after the first is then cut in the wrong
place, and the end of all is lost. The core compares what was cut, so it takes the same texts in the
same order, and nothing else; a table that has them all, as that of training, says which they were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import orjson

_ASCII = 0x7F
_FIXED = (3, 3)  # of XGBoost, the first version that counts bytes


@dataclass(frozen=True, slots=True)
class CutTexts:
    """Texts as the core has them after they were cut: offsets in characters, some of the bytes."""

    offsets: tuple[int, ...]
    data: bytes

    def are(self, texts: Sequence[Any]) -> bool:
        """Whether these were made of `texts`, in this order."""
        if not all(isinstance(each, str) for each in texts):
            return False
        ends = tuple(accumulate(map(len, texts), initial=0))
        return ends == self.offsets and "".join(texts).encode()[: len(self.data)] == self.data


Categories = tuple[Any, ...] | CutTexts
Learned = Mapping[str, Categories]
"""The categories of each column that has some."""


def learned(booster: Any) -> dict[str, Categories]:
    """As the booster itself tells of them, which since 3.1 it does; nothing else has them."""
    model = orjson.loads(bytes(booster.save_raw("json")))
    trees = model["learner"]["gradient_booster"]
    encoded = trees.get("gbtree", trees).get("model", {}).get("cats", {}).get("enc", [])
    columns = zip(booster.feature_names or (), encoded, strict=False)
    counts = tuple(model["version"]) < _FIXED
    return {name: _values(each, is_cut=counts) for name, each in columns if each.get("values")}


def _values(encoded: Mapping[str, Any], *, is_cut: bool) -> Categories:
    """Texts are bytes one after the other, and where each begins; numbers are themselves."""
    offsets, values = encoded.get("offsets"), encoded["values"]
    if offsets is None:
        return tuple(values)
    data = bytes(each & 0xFF for each in values)
    if is_cut and max(data) > _ASCII:
        return CutTexts(tuple(offsets), data)
    return tuple(data[start:stop].decode(errors="replace") for start, stop in pairwise(offsets))
