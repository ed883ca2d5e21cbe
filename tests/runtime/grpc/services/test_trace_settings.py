"""Traces, logs and shared memory: what is told, and what clients cannot change."""

import pytest

from modelbundle.runtime.grpc.messages.pool import pool


def test_traces_and_logs_are_told(client):
    """As Triton's clients read them: values are lists of text, or of their own kind."""
    traced = client.call("TraceSetting").settings
    assert list(traced["trace_level"].value) == ["OFF"]
    assert list(traced["trace_rate"].value) == ["0"]
    logged = client.call("LogSettings").settings
    assert logged["log_info"].bool_param is True
    assert logged["log_verbose_level"].WhichOneof("parameter_choice") == "uint32_param"
    assert logged["log_format"].string_param == "default"


@pytest.mark.parametrize("kind", ["System", "Cuda"])
def test_there_is_no_shared_memory(client, kind):
    """None is listed, all of it can be forgotten, and none is registered."""
    assert not client.call(f"{kind}SharedMemoryStatus").regions
    client.call(f"{kind}SharedMemoryUnregister")
    assert client.refused(f"{kind}SharedMemoryRegister")[0] == "UNIMPLEMENTED"


def test_nothing_is_changed(client):
    """Nor is anything told of a model that there is not."""
    trace, logs = pool()["inference.TraceSettingRequest"], pool()["inference.LogSettingsRequest"]
    said = trace(model_name="sums")
    assert client.call("TraceSetting", said).settings
    said.settings["trace_file"].SetInParent()  # takes a change back
    assert client.call("TraceSetting", said).settings
    said.settings["trace_level"].value.append("OFF")
    assert client.call("TraceSetting", said).settings
    said.settings["trace_level"].value.append("TIMESTAMPS")
    assert client.refused("TraceSetting", said)[0] == "UNIMPLEMENTED"
    assert client.refused("TraceSetting", trace(model_name="nothing"))[0] == "NOT_FOUND"
    said = logs()
    said.settings["log_format"].SetInParent()
    said.settings["log_info"].bool_param = True
    assert client.call("LogSettings", said).settings
    said.settings["log_info"].bool_param = False
    assert client.refused("LogSettings", said)[0] == "UNIMPLEMENTED"
