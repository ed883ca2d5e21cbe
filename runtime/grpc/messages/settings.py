"""What Triton's clients ask of traces, logs and shared memory (package `inference`)."""

from .kind import BOOL, BYTES, INT64, STRING, UINT32, UINT64, Fields, Kind, message

_P = "inference."
_CHOICE = "parameter_choice"
_TRACED: Fields = {"value": (1, STRING.each)}
_LOGGED: Fields = {
    "bool_param": (1, BOOL, _CHOICE),
    "uint32_param": (2, UINT32, _CHOICE),
    "string_param": (3, STRING, _CHOICE),
}
_SYSTEM: Fields = {
    "name": (1, STRING),
    "key": (2, STRING),
    "offset": (3, UINT64),
    "byte_size": (4, UINT64),
}
_CUDA: Fields = {"name": (1, STRING), "device_id": (2, UINT64), "byte_size": (3, UINT64)}
_GIVEN: Fields = {
    "name": (1, STRING),
    "raw_handle": (2, BYTES),
    "device_id": (3, INT64),
    "byte_size": (4, UINT64),
}


def _set(owner: str) -> Kind:
    return message(f"{_P}{owner}.SettingValue").by(STRING)


def _memory(kind: str, region: Fields, given: Fields) -> dict[str, Fields]:
    """Messages of shared memory of one kind."""
    named: Fields = {"name": (1, STRING)}
    status, found = f"{kind}SharedMemoryStatus", f"{kind}SharedMemoryStatusResponse"
    return {
        f"{status}Request": named,
        found: {"regions": (1, message(f"{_P}{found}.RegionStatus").by(STRING))},
        f"{found}.RegionStatus": region,
        f"{kind}SharedMemoryRegisterRequest": given,
        f"{kind}SharedMemoryRegisterResponse": {},
        f"{kind}SharedMemoryUnregisterRequest": named,
        f"{kind}SharedMemoryUnregisterResponse": {},
    }


_ASKED: dict[str, Fields] = {
    "TraceSettingRequest": {
        "settings": (1, _set("TraceSettingRequest")),
        "model_name": (2, STRING),
    },
    "TraceSettingRequest.SettingValue": _TRACED,
    "TraceSettingResponse": {"settings": (1, _set("TraceSettingResponse"))},
    "TraceSettingResponse.SettingValue": _TRACED,
    "LogSettingsRequest": {"settings": (1, _set("LogSettingsRequest"))},
    "LogSettingsRequest.SettingValue": _LOGGED,
    "LogSettingsResponse": {"settings": (1, _set("LogSettingsResponse"))},
    "LogSettingsResponse.SettingValue": _LOGGED,
}
SETTINGS = _ASKED | _memory("System", _SYSTEM, _SYSTEM) | _memory("Cuda", _CUDA, _GIVEN)

SETTING_CALLS = (
    "TraceSetting",
    "LogSettings",
    *(f"{kind}SharedMemory{verb}" for kind in ("System", "Cuda")
      for verb in ("Status", "Register", "Unregister")),
)  # fmt: skip
