"""`bundle sbom`, held to what is really installed."""

import json
import subprocess

INSTALLED = """
import importlib.metadata as metadata, json, re
names = {re.sub("[-_.]+", "-", each.name).lower(): each.version for each in metadata.distributions()}
print(json.dumps(names))
"""


def test_the_components_are_what_is_installed(shop, copy):
    own = copy(shop)
    document = json.loads(own("sbom", "twice").out)
    listed = {one["name"]: one["version"] for one in document["components"] if "purl" in one}
    report = own("test", "twice", "--env=locked", "--json").json
    python = report["environment"]
    answer = subprocess.run([python, "-c", INSTALLED], capture_output=True, text=True, check=True)
    installed = json.loads(answer.stdout)
    assert {
        name: installed[name] for name in installed if name not in {"pip", "setuptools"}
    } == listed


def test_a_file_and_an_object(shop, tmp_path):
    shown = shop("sbom", "bundle:twice", "--json").json
    text = shop("sbom", "bundle:twice").out
    shop("sbom", "bundle:twice", "-o", tmp_path / "twice.json")
    assert shown["sbom"] == json.loads(text) == json.loads((tmp_path / "twice.json").read_text())
    assert shown["file"] is None
    model = json.loads(shop("sbom", "model:double", "--format", "cyclonedx-json").out)
    assert model["metadata"]["component"]["type"] == "machine-learning-model"
    shop("sbom", "model:double", "--format", "spdx", code=2)
    shop("sbom", "nothing", code=1)
