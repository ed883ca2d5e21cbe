"""KServe's client in its V1 protocol, against a model of each layout."""

from ..zoo import zoo_server

KSERVE = "kserve==0.21.0"


def test_kserves_client_is_content(judge, tmp_path_factory):
    """Health, predictions, explanations, and the words of its errors."""
    asked = judge(KSERVE, is_large=True)
    with zoo_server(tmp_path_factory, "v1") as running:
        assert asked.ask("kserve_v1.py", running.url) == [{"part": "kserve v1"}]
