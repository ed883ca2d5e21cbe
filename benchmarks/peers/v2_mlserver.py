"""MLServer, as its documentation writes a custom runtime, with its adaptive batching."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Sums(MLModel):
    """Adds up rows."""

    async def load(self) -> bool:
        """Nothing is to be loaded."""
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One batch."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        output = NumpyCodec.encode_output("output", rows.sum(axis=1))
        return InferenceResponse(model_name=self.name, outputs=[output])
