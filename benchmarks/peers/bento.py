"""BentoML with its adaptive batching on, as its documentation writes it."""

import bentoml
import numpy as np


@bentoml.service(workers=1)
class Digits:
    """The same forest."""

    def __init__(self) -> None:
        from model import predict

        self.call = predict

    @bentoml.api(batchable=True, max_batch_size=64, route="/predict")
    def predict(self, instances: np.ndarray) -> np.ndarray:
        """Name the digits."""
        return self.call(instances)
