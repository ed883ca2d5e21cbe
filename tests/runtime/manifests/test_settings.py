"""Every knob of the server and its default."""

import pytest

from modelbundle.runtime.errors import InvalidBundle
from modelbundle.runtime.manifests.settings import QueueSettings, ServeSettings


def test_nothing_said_means_the_defaults():
    assert ServeSettings.from_json({}) == ServeSettings()


def test_what_is_written_is_read():
    settings = ServeSettings.from_json({"port": 9000, "batch": {"max_batch_size": 3}})
    assert settings.batch.latency_budget == ServeSettings().batch.latency_budget
    assert ServeSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize("data", [{"prot": 1}, {"batch": {"size": 1}}, {"limits": {"x": 1}}])
def test_an_unknown_setting_is_refused_by_name(data):
    with pytest.raises(InvalidBundle, match=r"unknown setting `(prot|size|x)`"):
        ServeSettings.from_json(data)


def test_only_what_was_asked_for_changes():
    assert ServeSettings(port=1).merged(port=None, workers=2) == ServeSettings(port=1, workers=2)


@pytest.mark.parametrize(
    ("fairness", "header"), [("off", None), ("address", None), ("header:X-Api-Key", "x-api-key")]
)
def test_the_header_that_tells_clients_apart(fairness, header):
    assert QueueSettings(fairness=fairness).fairness_header == header


def test_origins_are_a_list():
    settings = ServeSettings.from_json({"cors": ["https://app.example.com"]})
    assert settings.cors == ("https://app.example.com",)
    assert ServeSettings.from_json(settings.to_json()) == settings
    with pytest.raises(InvalidBundle, match="cors"):
        ServeSettings.from_json({"cors": [1]})


def test_dialects_are_known_ones():
    """A list in JSON; an unknown one is named."""
    settings = ServeSettings.from_json({"dialects": ["native", "v2"]})
    assert settings.dialects == ("native", "v2")
    assert ServeSettings.from_json(settings.to_json()) == settings
    with pytest.raises(InvalidBundle, match="unknown `v3`; there are `native`, `v2`"):
        ServeSettings.from_json({"dialects": ["v3"]})


@pytest.mark.parametrize(
    "data",
    [
        {"port": "columns"}, {"port": True}, {"port": 8080.0}, {"workers": "many"}, {"timeout": "30s"},
        {"host": 5}, {"log": []}, {"access_log": 1}, {"formats": "csv"}, {"formats": [1]},
        {"batch": []}, {"batch": {"max_batch_size": "64"}}, {"grpc": {"port": "x"}},
        {"management": {"port": "on"}}, {"queue": {"fairness": {}}}, {"dialects": "v2"},
        {"dialects": [[]]}, {"limits": "none"},
    ],
)  # fmt: skip
def test_a_setting_of_another_type_is_refused_by_name(data):
    with pytest.raises(InvalidBundle, match=f"`serve.{next(iter(data))}"):
        ServeSettings.from_json(data)


def test_settings_of_every_type_are_read():
    data = ServeSettings(workers=2, warmup=8, formats=("csv",), timeout=3).to_json()
    assert ServeSettings.from_json(data).to_json() == data
    assert ServeSettings.from_json({"management": {"port": 8082}}).management.port == 8082
