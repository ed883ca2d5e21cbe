"""KServe's client in its V1 protocol, against a model of each layout."""

from ..zoo import zoo_server
from .environments import CLOUD_EVENTS, KSERVE


def test_kserves_client_is_content(judge, tmp_path_factory):
    """Health, predictions, explanations, and the words of its errors."""
    asked = judge(KSERVE)
    with zoo_server(tmp_path_factory, "v1") as running:
        assert asked.ask("kserve_v1.py", running.url) == [{"part": "kserve v1"}]


def test_the_sdk_of_cloud_events_is_content(judge, tmp_path_factory):
    """Predictions travel as events, in headers and as one document."""
    asked = judge(CLOUD_EVENTS)
    with zoo_server(tmp_path_factory, "v1") as running:
        assert asked.ask("cloud_events.py", running.url) == [
            {"part": "binary"},
            {"part": "structured"},
        ]
