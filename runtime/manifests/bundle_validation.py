"""Bundle validation: checks the types of the values in a bundle.json.

The file may be hostile: a text in place of a list would crash its readers. Unknown keys are
allowed, as newer versions may add some.
"""

from collections.abc import Mapping
from typing import Any, get_type_hints

from .json_types import check as check_types

_Texts = tuple[str, ...]
_Object = Mapping[str, Any]
_Hints = Mapping[str, Any]

_ACCELERATOR: _Hints = dict.fromkeys(
    ("kind", "cuda", "cudnn", "min_driver", "base", "flavor"), str | None
) | {"archs": _Texts, "why": _Texts, "archs_on": Mapping[str, _Texts]}
_IMAGE: _Hints = {
    "base": str | None,
    "env": Mapping[str, str] | None,
    "labels": Mapping[str, str] | None,
    "platforms": _Texts | None,
    "ports": tuple[int, ...] | None,
    "system": _Object | None,
    "user": str | int | None,
    "workdir": str | None,
}
_SYSTEM: _Hints = {"packages": _Texts, "run": tuple[_Object, ...]}
_SECURITY: _Hints = {"pickle": str, "allow_globals": _Texts}


def check(data: _Object, kind: type[Any], listed: Mapping[str, type[Any]]) -> None:
    """Hold every value of a bundle.json against its type, by the dataclasses that it becomes.

    `kind` is that of the whole, `listed` those of the entries of its lists.

    Raises:
        ValueError: naming the first that has another; KeyError and TypeError likewise.
    """
    check_types(data, get_type_hints(kind))
    for name, each in listed.items():
        hints = get_type_hints(each)
        for entry in data[name]:
            check_types(entry, hints, name)
    _check_sections(data)


def _check_sections(data: _Object) -> None:
    image = data["image"]
    check_types(data["accelerator"], _ACCELERATOR, "accelerator")
    check_types(data["security"], _SECURITY, "security")
    check_types(image, _IMAGE, "image")
    check_types(image.get("system") or {}, _SYSTEM, "image.system")
    for run in (image.get("system") or {}).get("run", ()):
        check_types({"command": None} | run, {"command": str}, "image.system.run")
    if not all(0 < port < 1 << 16 for port in image.get("ports") or ()):
        raise ValueError("`image.ports` has another type")
