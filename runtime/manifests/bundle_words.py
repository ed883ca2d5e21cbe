"""Bundle words: of which type is what a bundle.json says, wherever somebody acts on it.

Whoever wrote it may be a stranger: a text in place of a list would be an accident of its readers.
Keys that are not named here are left to newer versions.
"""

from collections.abc import Callable, Mapping
from typing import Any

_Rule = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_port(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 16


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _maybe(rule: _Rule) -> _Rule:
    return lambda value: value is None or rule(value)


def _list(rule: _Rule) -> _Rule:
    return lambda value: isinstance(value, (list, tuple)) and all(map(rule, value))


def _map(rule: _Rule) -> _Rule:
    return lambda value: isinstance(value, Mapping) and all(map(rule, value.values()))


_MAYBE_TEXT, _TEXTS = _maybe(_is_text), _list(_is_text)
_RUNS = _list(lambda run: isinstance(run, Mapping) and _is_text(run.get("command")))
_SYSTEM = {"packages": _TEXTS, "run": _RUNS}
_SECTIONS: Mapping[str, Mapping[str, _Rule]] = {
    "accelerator": dict.fromkeys(
        ("kind", "cuda", "cudnn", "min_driver", "base", "flavor"), _MAYBE_TEXT
    )
    | {"archs": _TEXTS, "why": _TEXTS, "archs_on": _map(_TEXTS)},
    "image": {
        "base": _MAYBE_TEXT,
        "env": _maybe(_map(_is_text)),
        "labels": _maybe(_map(_is_text)),
        "platforms": _maybe(_TEXTS),
        "ports": _maybe(_list(_is_port)),
        "system": _maybe(lambda value: _is_object(value) and _keeps(value, _SYSTEM)),
        "user": _maybe(lambda value: isinstance(value, (str, int))),
        "workdir": _MAYBE_TEXT,
    },
    "security": {"pickle": _is_text, "allow_globals": _TEXTS},
}
_WHOLE: Mapping[str, _Rule] = {
    "name": _is_text,
    "version": _MAYBE_TEXT,
    "description": _is_text,
    "labels": _map(_is_text),
    "service": _MAYBE_TEXT,
    "python": _is_text,
    "lock": _MAYBE_TEXT,
    "hermetic": _is_flag,
    "serve": _is_object,
    "packer": _is_text,
} | dict.fromkeys(_SECTIONS, _is_object)
_ROUTE: Mapping[str, _Rule] = {
    "path": _is_text,
    "method": _is_text,
    "model": _MAYBE_TEXT,
    "service": _MAYBE_TEXT,
    "batchable": _is_flag,
    "max_batch_size": _maybe(lambda value: type(value) is int),
    "latency_budget": _maybe(_is_number),
    "streaming": _is_flag,
    "idempotent": _is_flag,
    "doc": _is_text,
    "input": _is_object,
    "output": _is_object,
}
_MODEL: Mapping[str, _Rule] = {
    **dict.fromkeys(("alias", "name", "version", "digest", "framework"), _is_text),
    "executes_code": _is_flag,
    "label": _MAYBE_TEXT,
    "unload_after": _is_number,
}
_FILE: Mapping[str, _Rule] = {
    "path": _is_text,
    "digest": _is_text,
    "size": lambda value: type(value) is int,
    "executable": _is_flag,
}


def check(data: Mapping[str, Any]) -> None:
    """Hold every value of a bundle.json against its type.

    Raises:
        ValueError: naming the first that has another; KeyError and TypeError likewise.
    """
    _check(data, _WHOLE)
    for name, rules in _SECTIONS.items():
        _check(data[name], rules, name)
    for name, rules in (("routes", _ROUTE), ("models", _MODEL), ("files", _FILE)):
        for entry in data[name]:
            _check(entry, rules, name)


def _check(data: Mapping[str, Any], rules: Mapping[str, _Rule], where: str = "") -> None:
    for key, rule in rules.items():
        if key in data and not rule(data[key]):
            raise ValueError(f"`{where}{'.' * bool(where)}{key}` has another type")


def _keeps(data: Mapping[str, Any], rules: Mapping[str, _Rule]) -> bool:
    return all(rule(data[key]) for key, rule in rules.items() if key in data)
