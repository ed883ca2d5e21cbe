"""From a picture of any size to a digit."""

import numpy as np
from PIL import Image

import modelbundle as mb


@mb.service
class Digits:
    """Reads one handwritten digit."""

    def __init__(self) -> None:
        self.net = mb.model("digit_net")

    @mb.api
    async def read(self, image: Image.Image) -> dict:
        """Name the digit in a picture (light strokes on a dark ground) and how sure that is."""
        scores = (await self.net(pixels(image)))[0]  # shares a batch with other requests
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        return {"digit": int(chances.argmax()), "probability": round(float(chances.max()), 4)}


def pixels(image: Image.Image) -> np.ndarray:
    """Shrink to what the network was trained on: (1, 1, 8, 8) float32 in 0..1."""
    small = image.convert("L").resize((8, 8))
    return (np.asarray(small, dtype=np.float32) / 255)[None, None]
