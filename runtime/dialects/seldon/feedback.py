"""Feedback: a client's later judgement of an answer: a reward, and the right answer."""

import logging
import math
from dataclasses import dataclass
from typing import Any, Self

import orjson

from ...data.depth import check_depth
from ...data.rows import free_values
from ...errors import InvalidInput
from ..catalog import Catalog
from ..served import Served

log = logging.getLogger(__name__)

_MOST = 4096  # bytes of a truth that the log repeats
_SHOWN = 128  # characters of an id


@dataclass(frozen=True, slots=True)
class Feedback:
    """A reward for an answer.

    puid    the id of the prediction, as its `meta` had it
    truth   the right answer, None where nobody told it or it is too long
    """

    reward: float
    puid: str
    truth: Any

    @classmethod
    def of(cls, value: Any) -> Self:
        """Read the body of a request.

        Raises:
            InvalidInput: when it has no reward that is a number.
        """
        if type(value) is not dict:
            raise InvalidInput("The body is not an object with `reward`.")
        check_depth(value, "feedback")
        free_values.check_one(value, "feedback")
        reward = value.get("reward", 0.0)
        if type(reward) not in {int, float} or not math.isfinite(float(reward)):
            raise InvalidInput("reward: expected a number.")
        truth = value.get("truth")
        if len(orjson.dumps(truth)) > _MOST:
            truth = None
        return cls(float(reward), _puid(value)[:_SHOWN], truth)

    def note(self, catalog: Catalog, served: Served) -> None:
        """Count it, and write it down."""
        catalog.on_feedback(served.alias, self.reward)
        record = {
            "model": served.name,
            "version": served.version,
            "puid": self.puid,
            "reward": self.reward,
            "truth": self.truth,
        }
        log.info("Feedback on `%s`.", served.name, extra={"feedback": record})


def _puid(value: dict[str, Any]) -> str:
    """The id that the answer had, or else the request."""
    for name in ("response", "request"):
        message = value.get(name)
        meta = message.get("meta") if type(message) is dict else None
        puid = meta.get("puid") if type(meta) is dict else None
        if type(puid) is str and puid:
            return puid
    return ""
