"""KServe over protocol v2, as its documentation writes a custom model."""

import sys

from kserve import InferOutput, InferResponse, Model, ModelServer
from kserve.utils.utils import get_predict_input


class Sums(Model):
    """Adds up rows."""

    def __init__(self):
        super().__init__("sums")
        self.load()

    def load(self):
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002
        rows = get_predict_input(payload)
        rows = getattr(rows, "to_numpy", lambda: rows)()
        total = rows.sum(axis=1)
        output = InferOutput("output", [len(total)], "FP32")
        output.set_data_from_numpy(total, binary_data=payload.request_outputs is not None)
        return InferResponse(payload.id, "sums", [output], use_binary_outputs=True)


if __name__ == "__main__":
    port = int(sys.argv[1])
    ModelServer(http_port=port, grpc_port=port + 1, workers=1, access_log_format=None).start(
        [Sums()]
    )
