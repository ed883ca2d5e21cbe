"""Every family stands in docs/metrics.md, and nothing else."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from modelbundle.runtime.telemetry.metrics import Metrics

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
OF_HISTOGRAMS = ("_bucket", "_count", "_sum")


def shown():
    """Each family, and its labels but `le`."""
    metrics = Metrics(["/predict"], ["iris.predict"], ["iris"])
    queue = metrics.queue("iris.predict")
    metrics.topology("A", 1, 1)
    metrics.ended("/predict", 200, 0.1)
    metrics.lagged(0.1)
    metrics.rewarded("iris", 1.0)
    queue.finished(1, 0.1, 0.1, executor=0)
    queue.costs(1.0, 1.0, 1.0)
    labels = {"role": "front", "model": "", "worker": "0", "replica": ""}
    text = metrics.text([(labels, 1, 1)]).decode()
    found = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        found[name] = sorted(set(family.samples[0].labels) - {"le"})
    return found


def test_the_page_lists_all_families_with_their_labels():
    table = PAGE.read_text().partition("## Families")[2].partition("\n## ")[0]
    listed = {}
    for names, labels in re.findall(r"^\| (`bundle_[^|]*) \|([^|]*)\|", table, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", names):
            listed[name] = sorted(re.findall(r"\w+", labels))
    assert listed == shown()


def test_the_page_asks_only_for_what_there_is():
    asked = set(re.findall(r"bundle_\w+", PAGE.read_text())) - {"bundle_version"}
    names = {name.removesuffix(end) for name in asked for end in OF_HISTOGRAMS if end in name}
    names |= {name for name in asked if not name.endswith(OF_HISTOGRAMS)}
    assert names == set(shown())
