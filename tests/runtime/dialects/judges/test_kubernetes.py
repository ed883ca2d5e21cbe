"""The manifests of docs/kubernetes.md have the fields that Kubernetes and KServe have."""

import copy

import yaml

from ....docs.test_kubernetes import manifests
from .environments import KSERVE

OTHERS = {"ScaledObject"}  # KEDA has no Python client


def test_the_clients_of_kubernetes_and_kserve_know_every_field(judge, tmp_path, checkout):
    """And miss one that is spelled otherwise."""
    asked = judge(KSERVE)
    told = [each for each in manifests(checkout) if each["kind"] not in OTHERS]
    wrong = copy.deepcopy(told[0])
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    wrong["spec"]["replicas"] = "two"
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all([*told, wrong]))
    *parts, last = asked.ask("kubernetes_models.py", file)
    assert len(parts) == len(told) > 5
    assert [part for part in parts if part["wrong"]] == []
    assert [each.split(".")[-1] for each in last["wrong"]] == [
        "replicas is no int",
        "readynessProbe is not known",
    ]
