"""ForeignYaml: reads untrusted YAML as plain data; tags create no objects.

Unlike a bundlefile's, it may hold what other tools write: aliases (which share a value and are not
copied), dates as text, 1.1's booleans. Work and memory follow the size of the text.
"""

from typing import Any

_BYTES = 4 << 20
_VALUES = 100_000
_DEPTH = 32
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


def loads(data: bytes) -> Any:
    """The one document in `data`: dicts, lists, texts, numbers, booleans, None.

    Raises:
        ValueError: saying what is wrong.
    """
    import yaml

    if len(data) > _BYTES:
        raise ValueError(f"it has more than {_BYTES:,} bytes")
    try:
        events = yaml.parse(data.decode(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return _Reader(events).document()
    except yaml.YAMLError as error:
        reason = getattr(error, "problem", None) or type(error).__name__
        raise ValueError(f"it is not YAML: {reason}") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error


class _Reader:
    def __init__(self, events: Any) -> None:
        self._events = events
        self._left = _VALUES
        self._anchors: dict[str, Any] = {}

    def document(self) -> Any:
        import yaml

        value, documents = None, 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise ValueError("it has several documents")
                value = self._value(next(self._events), 0)
        return value

    def _value(self, event: Any, depth: int) -> Any:
        import yaml

        self._left -= 1
        if self._left < 0 or depth > _DEPTH:
            raise ValueError("it is too large or nested too deeply")
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise ValueError("an alias names what is not there")
            return self._anchors[event.anchor]
        if event.tag is not None and event.tag != "!":
            raise ValueError(f"it holds the tag {event.tag[:80]!r}")
        if isinstance(event, yaml.ScalarEvent):
            value: Any = _scalar(event)
        else:
            value = self._inner(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _inner(self, event: Any, depth: int) -> Any:
        import yaml

        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                items.append(self._value(inner, depth + 1))
            return items
        found: dict[str, Any] = {}
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            key = self._value(inner, depth + 1)
            if not isinstance(inner, yaml.ScalarEvent) or inner.value in found:
                raise ValueError("a key appears twice, or is not text")
            del key
            found[inner.value] = self._value(next(self._events), depth + 1)
        return found


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return int(text) if text.lstrip("-").isdigit() and len(text) < 20 else float(text)  # noqa: PLR2004
    except ValueError:
        return text
