"""TensorFlow Serving's own stubs, with TensorFlow: `tensorflow_serving_api.py HOST:PORT`.

Asks a server of `zoo` for all that `PredictionService` and `ModelService` have; a line of JSON each.
"""

import json
import sys

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

ROWS = [[1.0, 2.0], [3.0, 4.0]]
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def tell(*said):
    print(json.dumps(said))


def example(**features):
    made = tf.train.Example()
    for name, values in features.items():
        kind = {float: "float_list", int: "int64_list", bytes: "bytes_list"}[type(values[0])]
        getattr(made.features.feature[name], kind).value.extend(values)
    return made


def filled(asked, model, rows=ROWS, signature=""):
    asked.model_spec.name = model
    asked.model_spec.signature_name = signature
    asked.input.example_list.examples.extend(example(input=row) for row in rows)
    return asked


def predicted(service):
    """Numbers and text, by TensorFlow's own functions both ways."""
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "scores"
    asked.model_spec.signature_name = "predict_proba"
    asked.inputs["input"].CopyFrom(tf.make_tensor_proto(ROWS, dtype=tf.float32))
    answer = service.Predict(asked, timeout=30)
    tell("numbers", tf.make_ndarray(answer.outputs["scores"]).round(3).tolist())
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "pair"
    asked.inputs["a"].CopyFrom(tf.make_tensor_proto(ROWS, dtype=tf.float32))
    asked.inputs["n"].CopyFrom(tf.make_tensor_proto([10, 20], dtype=tf.int64))
    answer = service.Predict(asked, timeout=30)
    total, note = (tf.make_ndarray(answer.outputs[name]) for name in ("total", "note_bytes"))
    tell("two", total.tolist(), [each.decode() for each in note.ravel().tolist()])
    asked = predict_pb2.PredictRequest()
    asked.model_spec.name = "weigh"
    asked.inputs["blob"].CopyFrom(tf.make_tensor_proto([b"\xff\xd8", b"abc"]))
    tell("bytes", tf.make_ndarray(service.Predict(asked, timeout=30).outputs["size"]).tolist())


def examined(service):
    """Classify, Regress, both at once, with a context."""
    asked = filled(classification_pb2.ClassificationRequest(), "scores")
    answer = service.Classify(asked, timeout=30)
    found = [
        [[each.label, round(each.score, 3)] for each in row.classes]
        for row in answer.result.classifications
    ]
    tell("classes", found, answer.model_spec.name, answer.model_spec.signature_name)
    asked = filled(regression_pb2.RegressionRequest(), "scores", signature="predict")
    answer = service.Regress(asked, timeout=30)
    tell("values", [each.value for each in answer.result.regressions])
    asked = inference_pb2.MultiInferenceRequest()
    for method, signature in ((REGRESS, "predict"), (CLASSIFY, "predict_proba")):
        asked.tasks.add(method_name=method).model_spec.CopyFrom(spec("scores", signature))
    asked.input.example_list_with_context.examples.extend([tf.train.Example()] * 2)
    asked.input.example_list_with_context.context.CopyFrom(example(input=[1.0, 2.0]))
    results = service.MultiInference(asked, timeout=30).results
    tell(
        "both",
        [each.WhichOneof("result") for each in results],
        [each.value for each in results[0].regression_result.regressions],
        results[1].model_spec.signature_name,
    )


def spec(name, signature=""):
    return predict_pb2.PredictRequest(
        model_spec={"name": name, "signature_name": signature}
    ).model_spec


def described(service, models):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(
        model_spec=spec("scores"), metadata_field=["signature_def"]
    )
    answer = service.GetModelMetadata(asked, timeout=30)
    told = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(told)
    tell("signatures", sorted(told.signature_def), answer.metadata["signature_def"].type_url)
    asked = get_model_status_pb2.GetModelStatusRequest(model_spec=spec("scores"))
    (status,) = models.GetModelStatus(asked, timeout=30).model_version_status
    tell("status", status.state, status.version, status.status.error_code)


def refused(service):
    """The codes of what is wrong."""
    codes = []
    for asked, call in (
        (filled(classification_pb2.ClassificationRequest(), "nothing"), service.Classify),
        (filled(classification_pb2.ClassificationRequest(), "sums"), service.Classify),
        (filled(classification_pb2.ClassificationRequest(), "scores", []), service.Classify),
        (
            classification_pb2.ClassificationRequest(model_spec=spec("scores")),
            service.Classify,
        ),
        (filled(regression_pb2.RegressionRequest(), "sums", [[1.0]]), service.Regress),
        (filled(regression_pb2.RegressionRequest(), "sums", [[b"a", b"b"]]), service.Regress),
        (filled(regression_pb2.RegressionRequest(), "sums", signature="x"), service.Regress),
        (inference_pb2.MultiInferenceRequest(), service.MultiInference),
    ):
        try:
            call(asked, timeout=30)
            codes.append("OK")
        except grpc.RpcError as error:
            codes.append(error.code().name)
    tell("refused", codes)


with grpc.insecure_channel(sys.argv[1]) as channel:
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    predicted(stub)
    examined(stub)
    described(stub, model_service_pb2_grpc.ModelServiceStub(channel))
    refused(stub)
