"""YamlSource: strict YAML as plain values, with the line and column of each.

YAML 1.2 core rules and a small part of the language: no anchors, aliases, merge keys, tags,
directives, duplicate keys or further documents. A scalar that readers of YAML 1.1 and 1.2 take for
different things is refused, so that nobody's value is changed in silence. Reading costs time in
proportion to the text, which is capped: a hostile file is refused in milliseconds.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import BundlefileError, Problem
from .yaml_scalar import HIDDEN, Scalar, Unclear, resolve, shown

Where = tuple[str | int, ...]
"""The way to a value: keys of mappings and indexes of lists."""

MAX_BYTES = 256 << 10
MAX_DEPTH = 20
MAX_VALUES = 10_000
MAX_PROBLEMS = 50  # a hundred more lines help nobody


class Place(NamedTuple):
    """Where something stands; both count from 1, and are 0 for the file as a whole."""

    line: int
    column: int


NOWHERE = Place(0, 0)


@dataclass(slots=True)
class YamlSource:
    """One document, its places, and what is wrong with it as YAML.

    `texts` holds plain scalars as they were written (`3.10`, where `value` has 3.1). `broken` are
    the ways to values that could not be read: what else is said of them would only confuse.
    """

    file: str
    value: Any = None
    keys: dict[Where, Place] = field(default_factory=dict)
    values: dict[Where, Place] = field(default_factory=dict)
    texts: dict[Where, str] = field(default_factory=dict)
    broken: set[Where] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def place(self, where: Where, *, key: bool = False) -> Place:
        """The place of the value (or key) at `where`, or of the nearest thing around it."""
        if key and where in self.keys:
            return self.keys[where]
        while where and where not in self.values:
            where = where[:-1]
        return self.values.get(where, Place(1, 1))

    def report(
        self, where: Where, message: str, hint: str | None = None, place: Place | None = None
    ) -> None:
        """Remember a problem at `where`."""
        line, column = place or self.place(where)
        self.problems.append(Problem(self.file, line, column, dotted(where), message, hint))

    def is_broken(self, where: Where) -> bool:
        """Whether `where` is, or lies in, something that could not be read."""
        return any(where[:length] in self.broken for length in range(len(where) + 1))

    def check(self) -> None:
        """Say everything that is wrong, in the order of the file.

        Raises:
            BundlefileError: if there are any problems.
        """
        if not self.problems:
            return
        ordered = sorted(set(self.problems), key=lambda p: (p.line, p.column, p.where, p.message))
        if len(ordered) > MAX_PROBLEMS:
            rest = len(ordered) - MAX_PROBLEMS
            last = ordered[MAX_PROBLEMS]
            more = Problem(self.file, last.line, last.column, "", f"And {rest} more problems.")
            ordered = [*ordered[:MAX_PROBLEMS], more]
        raise BundlefileError(ordered)


def dotted(where: Where) -> str:
    """`serve.batch.max_batch_size` or `models[1].ref`, on one line whatever the keys hold."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return shown(text.removeprefix("."), 120)


def read(path: Path) -> YamlSource:
    """Read the one YAML document in `path`; what is wrong inside is told by `check()`.

    Raises:
        BundlefileError: when it is no text, too large, or not YAML at all.
    """
    source = YamlSource(shown(str(path), 300))
    text = _decode(_read_bytes(path, source), source)
    source.check()
    _Reader(source).read(text)
    return source


def _read_bytes(path: Path, source: YamlSource) -> bytes:
    try:
        if not path.is_file():
            message = "It is not a file." if path.exists() else "There is no such file."
            if path.is_dir():
                message = "It is a directory, not a bundlefile."
            source.report((), message, "Write one with `bundle init`.", NOWHERE)
            return b""
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        source.report((), f"The file cannot be read: {getattr(error, 'strerror', error)}.")
        return b""
    if len(data) > MAX_BYTES:
        source.report((), f"The file is larger than {MAX_BYTES >> 10} KiB.")
    return data.removeprefix(b"\xef\xbb\xbf")


def _decode(data: bytes, source: YamlSource) -> str:
    if source.problems:
        return ""
    try:
        text = data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        place = Place(before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        source.report((), "The file is not UTF-8 text.", "Save it as UTF-8.", place)
        return ""
    for match in list(HIDDEN.finditer(text))[:MAX_PROBLEMS]:
        start = text.rfind("\n", 0, match.start())
        place = Place(text.count("\n", 0, match.start()) + 1, match.start() - start)
        code = ord(match.group())
        source.report((), f"The character U+{code:04X} may not stand in a bundlefile.", None, place)
    return text


class _GiveUp(Exception):
    """Reading on would only cost time."""


class _Reader:
    """Turns the events of the YAML parser into values and places."""

    def __init__(self, source: YamlSource) -> None:
        self.source = source
        self.count = 0
        self.events: Any = iter(())

    def read(self, text: str) -> None:
        import yaml

        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self.events = yaml.parse(text, Loader=loader)
        try:
            self._documents()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._report_syntax(str(error.problem), mark, text)
        except yaml.YAMLError as error:
            self.source.report((), f"This is not YAML: {shown(str(error), 120)}.")
        except _GiveUp:
            pass

    def _report_syntax(self, what: str, mark: Any, text: str) -> None:
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        lines = text.split("\n")
        hint = None
        if line <= len(lines) and "\t" in lines[line - 1][:column]:
            hint = "Indent with spaces; YAML does not take tabs."
        self.source.report((), f"This is not YAML: {what}.", hint, Place(line, column))

    def _documents(self) -> None:
        import yaml

        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if event.version or event.tags:
                    self._say((), event, "Directives (`%YAML`, `%TAG`) are not used here.")
                if documents > 1:
                    self._say((), event, "A bundlefile is one document; `---` starts another.")
                    return
                self.source.value = self._value((), next(self.events))

    def _say(self, where: Where, event: Any, message: str, hint: str | None = None) -> None:
        self.source.report(where, message, hint, _place(event))

    def _value(self, where: Where, event: Any) -> Any:
        import yaml

        self.source.values[where] = _place(event)
        self.count += 1
        if self.count > MAX_VALUES:
            self._say(where, event, f"The file holds more than {MAX_VALUES} values.")
            raise _GiveUp
        if len(where) > MAX_DEPTH:
            self._say(where[:3], event, f"Values are nested deeper than {MAX_DEPTH} levels.")
            raise _GiveUp
        self._refuse_references(where, event)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(where)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(where)
        return None if isinstance(event, yaml.AliasEvent) else self._scalar(where, event)

    def _refuse_references(self, where: Where, event: Any) -> None:
        import yaml

        if isinstance(event, yaml.AliasEvent):
            message, hint = f"The alias `*{event.anchor}` is not allowed.", "Write the value out."
        elif event.anchor:
            message, hint = f"The anchor `&{event.anchor}` is not allowed.", "Write values out."
        elif event.tag:
            message = f"The tag `{shown(event.tag)}` is not allowed."
            hint = "Take it away; quotes make a value text."
        else:
            return
        self.source.broken.add(where)
        self._say(where, event, message, hint)

    def _sequence(self, where: Where) -> list[Any]:
        import yaml

        items: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self._value((*where, len(items)), event))
        return items

    def _mapping(self, where: Where) -> dict[str, Any]:
        import yaml

        items: dict[str, Any] = {}
        unread: list[str] = []
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(where, event, items)
            if key is None:
                # Read what stands behind it, for the sake of its own problems and of the next key.
                spare = f"(key {len(unread)})"
                unread.append(spare)
                self.source.broken.add((*where, spare))
                self._value((*where, spare), next(self.events))
                continue
            self.source.keys[(*where, key)] = _place(event)
            items[key] = self._value((*where, key), next(self.events))
        return items

    def _key(self, where: Where, event: Any, items: dict[str, Any]) -> str | None:
        import yaml

        if not isinstance(event, yaml.ScalarEvent):
            self._say(where, event, "A key must be text.", "Take `{`, `[`, `?` or `*` away.")
            raise _GiveUp
        before = len(self.source.problems)
        self._refuse_references((*where, "(key)"), event)
        key: str = event.value
        if event.implicit[0] and key == "<<":
            self._say(where, event, "The merge key `<<` is not allowed.", "Write the keys out.")
        elif event.implicit[0] and not isinstance(self._plain((*where, key), event), str):
            quoted = f'Write it in quotes: "{shown(key)}".'
            self._say((*where, key), event, f"The key `{shown(key)}` is not text.", quoted)
        elif key in items:
            first = self.source.keys[(*where, key)].line
            message = f"The key `{shown(key)}` appears twice; first in line {first}."
            self._say((*where, key), event, message, "Keep one of them.")
        self._refuse_hidden((*where, "(key)"), event)
        return key if len(self.source.problems) == before else None

    def _scalar(self, where: Where, event: Any) -> Any:
        self._refuse_hidden(where, event)
        if event.implicit[0]:
            self.source.texts[where] = event.value
            return self._plain(where, event)
        return event.value

    def _refuse_hidden(self, where: Where, event: Any) -> None:
        found = HIDDEN.search(event.value)
        if found:
            self.source.broken.add(where)
            code = ord(found.group())
            self._say(where, event, f"The character U+{code:04X} may not stand in a bundlefile.")

    def _plain(self, where: Where, event: Any) -> Scalar:
        try:
            return resolve(event.value)
        except Unclear as why:
            text = shown(event.value)
            self.source.broken.add(where)
            hint = f'Write it in quotes if it is text ("{text}"), else in plain decimal digits.'
            self._say(where, event, f"`{text}` {why}.", hint)
            return event.value  # type: ignore[no-any-return]


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)
