"""TensorFlow Serving's calls, asked with our own messages."""

import numpy as np
import pytest

from modelbundle.runtime.grpc.messages.pool import pool
from modelbundle.runtime.grpc.tensors.tensor_proto import DATA_TYPES

PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"


def asked(rows=((1, 2),), *, name="sums", tensor="input", **more):
    said = pool()["tensorflow.serving.PredictRequest"](**more)
    said.model_spec.name = name
    made = said.inputs[tensor]
    made.dtype = DATA_TYPES["DT_DOUBLE"]
    for size in np.shape(rows):
        made.tensor_shape.dim.add(size=size)
    made.double_val.extend(np.ravel(rows))
    return said


def test_predict_answers_with_what_was_asked_for(client):
    """By the default signature, by name, all outputs or those of the filter."""
    response = client.call(PREDICT, asked([[1, 2], [3, 4]]))
    assert list(response.outputs["output"].double_val) == [3.0, 7.0]
    assert response.model_spec.name == "sums"
    assert response.model_spec.signature_name == "serving_default"
    assert response.model_spec.version.value >= 1
    said = asked(output_filter=["output"])
    said.model_spec.signature_name = "predict"
    said.model_spec.version.value = response.model_spec.version.value
    assert list(client.call(PREDICT, said).outputs["output"].double_val) == [3.0]


@pytest.mark.parametrize(
    ("said", "code", "word"),
    [
        (asked(name="nothing"), "NOT_FOUND", "nothing"),
        (asked(tensor="other\x00\x1b"), "OK", ""),
        (asked([[1, 2, 3]]), "INVALID_ARGUMENT", "input"),
        (asked(output_filter=["nothing"]), "INVALID_ARGUMENT", "nothing"),
        (asked([[-1, 2]]), "INTERNAL", "failed"),
        (pool()["tensorflow.serving.PredictRequest"](), "NOT_FOUND", ""),
        (b"\xff", "INVALID_ARGUMENT", ""),
    ],
)
def test_what_is_wrong_is_said(client, said, code, word):
    """A single input may have any name."""
    if code == "OK":
        assert client.call(PREDICT, said).outputs
        return
    found, words = client.refused(PREDICT, said)
    assert found == code
    assert word in words


def test_a_signature_that_there_is_not(client):
    """INVALID_ARGUMENT, and what there is."""
    said = asked()
    said.model_spec.signature_name = "other"
    code, words = client.refused(PREDICT, said)
    assert code == "INVALID_ARGUMENT"
    assert "`predict`" in words


def test_a_version_or_a_label_that_there_is_not(client):
    """NOT_FOUND, and INVALID_ARGUMENT."""
    said = asked()
    said.model_spec.version.value = 12345
    assert client.refused(PREDICT, said)[0] == "NOT_FOUND"
    said = asked()
    said.model_spec.version_label = "prod"
    assert client.refused(PREDICT, said)[0] == "INVALID_ARGUMENT"


def test_what_the_model_takes(client):
    """As a SignatureDefMap; there is no other metadata."""
    said = pool()["tensorflow.serving.GetModelMetadataRequest"](metadata_field=["signature_def"])
    said.model_spec.name = "sums"
    told = pool()["tensorflow.serving.SignatureDefMap"]()
    assert client.call(METADATA, said).metadata["signature_def"].Unpack(told)
    signature = told.signature_def["serving_default"]
    assert signature.inputs["input"].dtype == DATA_TYPES["DT_DOUBLE"]
    assert [each.size for each in signature.inputs["input"].tensor_shape.dim] == [-1, 2]
    said.metadata_field.append("other")
    assert client.refused(METADATA, said)[0] == "INVALID_ARGUMENT"


def test_how_the_model_is(client):
    """AVAILABLE is 30."""
    said = pool()["tensorflow.serving.GetModelStatusRequest"]()
    said.model_spec.name = "sums"
    (told,) = client.call(STATUS, said).model_version_status
    assert (told.state, told.status.error_code) == (30, 0)
