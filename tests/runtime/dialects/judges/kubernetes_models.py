"""Manifests, held against the classes of Kubernetes' and KServe's own Python clients.

    python kubernetes_models.py FILE     # of YAML documents

Prints what each document is, and every field that its class does not have or needs besides.
"""

import json
import re
import sys
from pathlib import Path

import yaml
from kserve import models
from kubernetes import client

CLASSES = {
    "apps/v1 Deployment": client.V1Deployment,
    "v1 Service": client.V1Service,
    "v1 Pod": client.V1Pod,
    "policy/v1 PodDisruptionBudget": client.V1PodDisruptionBudget,
    "autoscaling/v2 HorizontalPodAutoscaler": client.V2HorizontalPodAutoscaler,
    "serving.kserve.io/v1beta1 InferenceService": models.V1beta1InferenceService,
}
PLAIN = {"str": str, "int": int, "float": float, "bool": bool}
EITHER = {"object", "IntOrString", "ResourceQuantity"}  # numbers or texts


def wrong(value, kind, place):
    """Where `value` is not what the client calls `kind`."""
    if inner := re.fullmatch(r"(list\[|dict[\[(]str, )(.+)[\])]", kind, re.IGNORECASE):
        is_list = inner[1].lower() == "list["
        if not isinstance(value, list if is_list else dict):
            yield f"{place} is no {kind}"
            return
        for key, each in enumerate(value) if is_list else value.items():
            yield from wrong(each, inner[2], f"{place}.{key}")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]):
            yield f"{place} is no {kind}"
    elif kind not in EITHER:
        named = getattr(client, kind, None) or getattr(models, kind, None)
        assert named is not None, kind
        yield from wrong_fields(value, named, place)


def wrong_fields(value, named, place):
    """As `wrong`, for a class of the client."""
    if not isinstance(value, dict):
        if named.openapi_types:
            yield f"{place} is no {named.__name__}"
        return
    fields = {named.attribute_map[name]: kind for name, kind in named.openapi_types.items()}
    for name, each in value.items():
        if name not in fields:
            yield f"{place}.{name} is not known"
        else:
            yield from wrong(each, fields[name], f"{place}.{name}")


def main():
    """Print a line a document."""
    for document in yaml.safe_load_all(Path(sys.argv[1]).read_text(encoding="utf-8")):
        name = f"{document['apiVersion']} {document['kind']}"
        found = list(wrong_fields(document, CLASSES[name], document["kind"]))
        print(json.dumps({"part": name, "wrong": found}))


main()
