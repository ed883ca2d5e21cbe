"""Routes: the names of dialect rules in metrics; imports no dialect.

A process that only starts others counts for them, and has no use for what answers.
"""

from collections.abc import Mapping, Sequence

ROUTES: Mapping[str, tuple[str, ...]] = {
    "v2": (
        "/v2",
        "/v2/docs/dataplane.json",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/logging",
        "/v2/models",
        "/v2/models/stats",
        "/v2/models/{model}",
        "/v2/models/{model}/config",
        "/v2/models/{model}/docs/dataplane.json",
        "/v2/models/{model}/generate",
        "/v2/models/{model}/generate_stream",
        "/v2/models/{model}/infer",
        "/v2/models/{model}/infer_stream",
        "/v2/models/{model}/ready",
        "/v2/models/{model}/stats",
        "/v2/repository/index",
        "/v2/repository/models/{model}/load",
        "/v2/repository/models/{model}/unload",
        "/v2/sharedmemory",
        "/v2/trace/setting",
    ),
    "v1": (
        "/monitoring/prometheus/metrics",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/models/{model}/metadata",
        "/v1/models/{model}:classify",
        "/v1/models/{model}:explain",
        "/v1/models/{model}:predict",
        "/v1/models/{model}:regress",
    ),
    "torchserve": (
        "/explanations/{model}",
        "/ping",
        "/predictions/{model}",
        "/wfpredict/{workflow}",
        "/api-description",
        "OPTIONS /",
    ),
    "seldon": (
        "/api/v1.0/doc.json",
        "/api/v1.0/feedback",
        "/api/v1.0/health/status",
        "/api/v1.0/metadata",
        "/api/v1.0/metadata/{model}",
        "/api/v1.0/predictions",
        "/aggregate",
        "/health/ping",
        "/route",
        "/transform",
    ),
    "sagemaker": (
        "/endpoints/{endpoint}/invocations",
        "/endpoints/{endpoint}/invocations-response-stream",
        "/invocations",
        "/models",
        "/models/{model}",
        "/models/{model}/invoke",
        "/ping",
    ),
    "bentoml": ("/bentoml/{api}", "/schema.json"),
    "vertex": ("AIP_HEALTH_ROUTE", "AIP_PREDICT_ROUTE"),
}
"""The names of all rules of a dialect."""


def route_names(names: Sequence[str]) -> list[str]:
    """The names of all rules of these dialects, each once."""
    return list(dict.fromkeys(route for name in names for route in ROUTES.get(name, ())))
