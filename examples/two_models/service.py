"""A guard in front of a classifier: two models, one answer."""

import asyncio
from typing import Annotated

import numpy as np

import modelbundle as mb

CULTIVARS = ("barolo", "grignolino", "barbera")
Wines = Annotated[np.ndarray, mb.Array("float64", (None, 13))]


@mb.service
class Wine:
    """Names the cultivar, and says when a wine is unlike any it has seen."""

    def __init__(self) -> None:
        self.classifier = mb.model("classifier")
        self.guard = mb.model("guard")

    @mb.api
    async def judge(self, wines: Wines) -> list[dict]:
        """Judge wines of 13 measurements each; both models run side by side."""
        chances, familiar = await asyncio.gather(
            self.classifier.predict_proba(wines), self.guard.predict(wines)
        )
        return [
            {
                "cultivar": CULTIVARS[row.argmax()],
                "probability": float(row.max()),
                "familiar": ok > 0,
            }
            for row, ok in zip(chances, familiar.tolist(), strict=True)
        ]
