"""docs/kubernetes.md: its manifests say what the server and its image are."""

import re

import pytest
import yaml

from modelbundle.bundler.image.recipe.image_settings import USER
from modelbundle.runtime.manifests.settings import ServeSettings
from modelbundle.runtime.process.supervising.supervisor import KILL_AFTER

from ..runtime.conftest import Servers, Sums, write_bundle, write_model


def manifests(checkout):
    """Every document on the page."""
    page = (checkout / "docs" / "kubernetes.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    return [document for block in blocks for document in yaml.safe_load_all(block)]


def pod(document):
    """The pod that a manifest describes, or nothing."""
    spec = document["spec"]
    if document["kind"] == "Pod":
        return spec
    return spec.get("template", {}).get("spec") or spec.get("predictor")


def containers(checkout):
    pods = [found for each in manifests(checkout) if (found := pod(each))]
    return [container for each in pods for container in each["containers"]]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("kubernetes")
    write_model(directory / "models" / "sums", Sums())
    started = Servers(directory)
    yield started.start(write_bundle(directory), "--isolation=thread")
    started.stop()


def test_a_probe_asks_what_is_answered(checkout, server):
    asked = 0
    for container in containers(checkout):
        names = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert set(names.values()) == {ServeSettings().port}
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            if name in container:
                get = container[name]["httpGet"]
                assert names.get(get["port"], get["port"]) == ServeSettings().port
                assert server.get(get["path"]).status_code == 200
                asked += 1
    assert asked > 5


def test_a_metric_of_the_page_is_one_of_the_server(checkout, server):
    page = (checkout / "docs" / "kubernetes.md").read_text()
    named = set(re.findall(r"\bbundle_[a-z_]+", page))
    assert len(named) > 2
    told = server.get("/metrics").text
    assert {name for name in named if f"# TYPE {name} " not in told} == set()


def test_a_pod_has_the_time_that_its_server_takes_to_end(checkout):
    graces = 0
    for spec in filter(None, map(pod, manifests(checkout))):
        pauses = [each.get("lifecycle", {}).get("preStop", {}) for each in spec["containers"]]
        before = max(pause.get("sleep", {}).get("seconds", 0) for pause in pauses)
        if grace := spec.get("terminationGracePeriodSeconds"):
            assert grace > before + ServeSettings().drain_timeout + KILL_AFTER
            graces += 1
    assert graces > 1


def test_what_hangs_together_has_one_name(checkout):
    found = {each["kind"]: each for each in manifests(checkout)}
    deployment = found["Deployment"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [deployment["spec"]["selector"], found["PodDisruptionBudget"]["spec"]["selector"]]
    assert [each["matchLabels"] for each in selectors] == [labels, labels]
    assert found["Service"]["spec"]["selector"] == labels
    for scaler in ("HorizontalPodAutoscaler", "ScaledObject"):
        assert found[scaler]["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert pod(deployment)["securityContext"]["runAsUser"] == int(USER)
