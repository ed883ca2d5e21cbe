"""The page of every key, docs/bundlefile.md: `python -m modelbundle.bundler.project.reference`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .schema import schema

PATH = Path(__file__).parents[2] / "docs" / "bundlefile.md"
BEGIN, END = "<!-- keys: begin -->\n", "<!-- keys: end -->\n"


def keys() -> str:
    """The tables of all keys, from the schema."""
    whole = schema()
    return "\n".join(_section(whole, whole, "", "##"))


def page(text: str) -> str:
    """`text` with the tables between its two marks brought up to date."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{keys()}\n{END}{after}"


def _section(whole: dict[str, Any], part: dict[str, Any], path: str, mark: str) -> Iterator[str]:
    yield f"{mark} {f'`{path}`' if path else 'Top level'}"
    yield ""
    if path:
        yield part["description"]
        yield ""
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    inner = []
    for name, key in part["properties"].items():
        section, nested = _resolve(whole, key)
        needed = name in part.get("required", ())
        cells = (f"`{name}`", _kind(whole, key), _default(key, needed), _meaning(key, section))
        yield f"| {' | '.join(cells)} |"
        if section:
            inner.append((f"{path}.{name}{nested}".removeprefix("."), section))
    yield ""
    for where, section in inner:
        yield from _section(whole, section, where, "###" if "." in where else "##")


def _resolve(whole: dict[str, Any], key: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The section below a key, and the rest of its path."""
    for nested, part in (
        ("", key),
        ("[]", key.get("items", {})),
        (".<name>", next(iter(key.get("patternProperties", {}).values()), {})),
    ):
        if "$ref" in part:
            section = whole["$defs"][part["$ref"].rpartition("/")[2]]
            full = next((s for s in section.get("anyOf", ()) if "properties" in s), section)
            return full, nested
    return None, ""


def _kind(whole: dict[str, Any], key: dict[str, Any]) -> str:
    """What a value is, in a few words."""
    if "$ref" in key:
        section = whole["$defs"][key["$ref"].rpartition("/")[2]]
        return "text or mapping" if "anyOf" in section else "mapping"
    words = key.get("enum", [key["const"]] if "const" in key else [])
    if words:
        return ", ".join(dict.fromkeys(f"`{_plain(word)}`" for word in words))
    options = key.get("anyOf") or key.get("oneOf")
    if options:
        return " or ".join(_kind(whole, option) for option in options)
    return _typed(whole, key)


def _typed(whole: dict[str, Any], key: dict[str, Any]) -> str:
    if key["type"] == "array":
        return f"list of {_kind(whole, key['items'])}"
    if key["type"] == "object":
        inner = next(iter(key["patternProperties"].values()))
        return f"mapping of name to {_kind(whole, inner)}"
    return {"string": _text(key), "integer": "number", "boolean": "`true`, `false`"}[key["type"]]


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(key: dict[str, Any]) -> str:
    pattern = key.get("pattern", "")
    return "duration" if "(?:us|ms" in pattern else "size" if "(?:B|kB" in pattern else "text"


def _default(key: dict[str, Any], needed: bool) -> str:
    if needed:
        return "**required**"
    value = key.get("default")
    return f"`{_plain(value)}`" if value or value == 0 else ""


def _meaning(key: dict[str, Any], section: dict[str, Any] | None) -> str:
    text = key.get("description") or (section or {}).get("description", "")
    examples = [
        value if isinstance(value, str) else json.dumps(value) for value in key.get("examples", ())
    ]
    listed = ", ".join(f"`{example}`" for example in examples)
    return (f"{text} E.g. {listed}." if listed else text).replace("|", "\\|")


def main() -> None:
    """Bring docs/bundlefile.md up to date."""
    PATH.write_text(page(PATH.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
