"""The model that every peer serves: the forest of examples/sklearn_digits, loaded from a file."""

import os

import joblib
import numpy as np

MODEL = joblib.load(os.environ["BENCH_MODEL"])


def predict(rows: np.ndarray) -> np.ndarray:
    """(n, 64) -> (n,) digits."""
    return MODEL.predict(rows)
