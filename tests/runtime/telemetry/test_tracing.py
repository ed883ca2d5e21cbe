"""Whether requests become spans."""

import logging
import subprocess
import sys

import pytest

from modelbundle.runtime.telemetry.tracing import wanted

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("variables", "exporter"),
    [
        ({}, None),
        (ENDPOINT, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, None),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "True"}, None),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "false"}, "otlp"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "otlp"),
    ],
)
def test_the_variables_say(variables, exporter, caplog):
    assert wanted(variables) == exporter
    assert not caplog.records


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "`zipkin`"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "`grpc`"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, "`http/json`"),
    ],
)
def test_what_is_not_known_is_said_and_not_done(variables, said, caplog):
    with caplog.at_level(logging.WARNING):
        assert wanted(variables) is None
    assert said in caplog.text


def test_nothing_is_imported_unless_it_is_asked_for():
    code = (
        "import sys\n"
        "from modelbundle.runtime.http import app\n"
        "from modelbundle.runtime.telemetry.tracing import from_environment\n"
        "assert from_environment('demo', None) is None\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={})


def test_a_bundle_without_opentelemetry_says_what_to_add():
    code = (
        "import importlib.abc, logging, sys\n"
        "class Nothing(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'opentelemetry': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Nothing())\n"
        "import modelbundle.runtime.telemetry.tracing as tracing\n"
        "tracing.find_spec = lambda name: None\n"
        "assert tracing.from_environment('demo', None) is None\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, env=ENDPOINT, capture_output=True, text=True
    )
    assert "add `opentelemetry-sdk`" in done.stderr
