"""The texts of a bundlefile: names, tags, paths, addresses; each with the rule it keeps."""

import ipaddress
import keyword
import re
import warnings
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import StrictStr

from ....runtime.errors import BundleError
from ...tag import LIMIT, NAME, VERSION, Tag
from .rule import Rule
from .wrong import nearest, quoted, wrong

OWN_ROUTES = ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs")
SYSTEM_FOLDERS = (
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys",
    "/tmp", "/usr", "/var",  # noqa: S108 - refused, not written to
)  # fmt: skip
_OLDEST_PYTHON = 11  # of the 3.x that the runtime works with
_PROJECT_FILES = r"pyproject\.toml|uv\.lock|pylock(?:\..+)?\.toml"
_LINE = r"\S(?:[^\n\t]*\S)?"
_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER})*"
_PACKAGE = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_IMAGE_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REQUIREMENT = re.compile(  # with `*+` instead of `*`: no text is tried in a second way
    rf"{_PACKAGE}\s*+(?:\[[A-Za-z0-9,._\s-]*+\]\s*+)?"
    r"(?:@\s*+(?P<url>\S++)"
    r"|\(?(?:(?:===|[<>=!~]=|[<>])\s*+[A-Za-z0-9.*+!_-]++\s*+(?:,\s*+)?)*+\)?)"
    r"\s*+(?:;.+)?"
)
_EMPTY = "must not be empty, or begin or end with a space."


def _short(text: str) -> None:
    if len(text) > LIMIT:
        raise wrong(f"{quoted(text)} is longer than {LIMIT} characters.")


def _not_latest(text: str) -> None:
    if text == "latest":
        raise wrong("`latest` is the alias of the last build, not a version.", "Take another word.")


def _no_keyword(text: str) -> None:
    for word in re.split(r"[.:]", text):
        if keyword.iskeyword(word):
            raise wrong(f"{quoted(text)} holds `{word}`, a word of Python's own.")


def _saved_model(text: str) -> None:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        raise wrong(
            f"{quoted(text)}: a build fetches no models from elsewhere.",
            "Download it, save it with `bundle save NAME FILE`, and write its name here.",
        )
    if "/" in text or "\\" in text or text.startswith((".", "~")):
        raise wrong(
            f"{quoted(text)} is a path; a bundle is built from saved models only.",
            "Save it first with `bundle save NAME FILE`, and write its name here.",
        )
    try:
        tag = Tag.parse(text, "model")
    except BundleError as error:
        raise wrong(f"{quoted(text)} is not the tag of a model: {error}", error.hint) from error
    if tag.kind == "bundle":
        raise wrong(f"{quoted(text)} names a bundle.", "Name a model; see `bundle models list`.")


def inside(text: str) -> None:
    """Refuse a path that is absolute, or that leaves the project."""
    path = PurePosixPath(text)
    if path.is_absolute() or re.match(r"~|[A-Za-z]:|\\\\", text):
        raise wrong(f"{quoted(text)} is not a path inside the project.", "Write a relative path.")
    if ".." in re.split(r"[/\\]", text):
        raise wrong(f"{quoted(text)} leaves the project.", "Move the file into the project.")


def _pattern(text: str) -> None:
    if text.startswith("#"):
        raise wrong(f"{quoted(text)} is a comment in git-ignore rules.", "Write `\\#` for a `#`.")
    bare = text.removeprefix("!")
    if not bare.strip("/"):
        raise wrong(f"{quoted(text)} names nothing.")
    inside(bare.removeprefix("/"))
    if "\\" in bare or "[" in bare:  # anything else is a pattern, and needs no import
        _compiled(text)


def _compiled(text: str) -> None:
    from pathspec import GitIgnoreSpec

    try:
        with warnings.catch_warnings(action="ignore"):
            GitIgnoreSpec.from_lines([text])
    except (ValueError, re.error) as error:
        hint = "A `\\` stands before the character that it quotes; `[a-z]` is from low to high."
        raise wrong(f"{quoted(text)} is not a git-ignore pattern.", hint) from error


_TOKEN = re.compile(r"(?:token|key|secret|sig|signature|password|credential)=", re.IGNORECASE)
"""Names in the query of an address whose values are secrets."""


def _requirement(text: str) -> None:
    if text.startswith("-"):
        raise wrong(
            f"{quoted(text)} is an option of pip, not a requirement.",
            "Use `python.indexes`, or `requirements: requirements.txt` for a whole file.",
        )
    match = _REQUIREMENT.fullmatch(text)
    if not match:
        raise wrong(f"{quoted(text)} is not a requirement.", "Write it as `scikit-learn>=1.4`.")
    url = match["url"]
    if url and not url.startswith("https://"):
        raise wrong(
            f"{quoted(text)} is not a wheel at an `https://` address, so it cannot be locked.",
            "Build a wheel of it, and put its folder into `python.find_links`.",
        )
    if url:
        _index(url)


def _requirement_file(text: str) -> None:
    name = PurePosixPath(text).name
    if not name.endswith((".txt", ".in")) and not re.fullmatch(_PROJECT_FILES, name):
        raise wrong(
            f"{quoted(text)} is neither a list nor a file of requirements.",
            "Write a list, or name a requirements.txt, pyproject.toml, pylock.toml or uv.lock.",
        )


def _index(text: str) -> None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise wrong(f"{quoted(text)} is not an address: {error}.") from error
    if parts.username is not None or parts.password is not None:
        raise wrong(
            f"The address at `{host}` holds a user name or a password.",
            "Give them through a keyring or `~/.netrc`.",
        )
    if _TOKEN.search(parts.query):
        raise wrong(
            f"The address at `{host}` holds a token.",
            "The lock and the bundle would have it; give it through a keyring or `~/.netrc`.",
        )
    if not host or parts.scheme not in {"http", "https"}:
        raise wrong(f"{quoted(text)} is not an address.", "Write `https://host/simple`.")
    if parts.scheme == "http" and host not in {"localhost", "127.0.0.1", "::1"}:
        raise wrong(f"{quoted(text)} is not encrypted.", "Use `https://`.")


def _moment(text: str) -> None:
    hint = "Write `2026-08-01` or `2026-08-01T12:00:00Z`."
    try:
        known = datetime.fromisoformat(text).tzinfo if "T" in text else date.fromisoformat(text)
    except ValueError as error:
        raise wrong(f"{quoted(text)} is not a date: {error}.", hint) from error
    if not known:
        raise wrong(f"{quoted(text)} does not say its time zone.", hint)


def _python(text: str) -> None:
    if int(text.split(".")[1]) < _OLDEST_PYTHON:
        raise wrong(f"Python {text} is too old: serving needs 3.{_OLDEST_PYTHON} or newer.")


def _workdir(text: str) -> None:
    if {".", ".."} & set(text.split("/")):
        raise wrong(
            f"{quoted(text)} has a `.` or `..` in it.", "Write the path without `.` and `..`."
        )
    if f"{text}/".startswith(tuple(f"{folder}/" for folder in SYSTEM_FOLDERS)):
        raise wrong(f"{quoted(text)} belongs to the system.", "Use a folder such as `/opt/bundle`.")


def _host(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError as error:
        if ":" in text or text.replace(".", "").isdigit():
            raise wrong(f"{quoted(text)} is not an IP address.") from error


def _route(text: str) -> None:
    if {".", ".."} & set(text.split("/")):
        raise wrong(
            f"{quoted(text)} has a `.` or `..` in it.", "Write the path without `.` and `..`."
        )
    if text in OWN_ROUTES:
        raise wrong(f"{quoted(text)} is a route of the server itself.", "Take another path.")


ACCELERATOR = re.compile(r"auto|cpu|cuda(?:==[0-9]{1,2}\.[0-9]{1,2})?")


def _accelerator(text: str) -> None:
    if not ACCELERATOR.fullmatch(text):
        hint = "Write `auto`, `cpu`, `cuda` or `cuda==13.0`."
        near = "Did you mean `cuda`?" if text == "gpu" else nearest(text, _DEVICES)
        raise wrong(f"{quoted(text)} is not an accelerator.", near or hint)


_DEVICES = ("auto", "cpu", "cuda")
_NAME_HINT = (
    "Use lower-case letters and digits, with single `.`, `_` or `-` between them, at most "
    f"{LIMIT} characters."
)

Name = Annotated[StrictStr, Rule(NAME.pattern, "is not a valid name.", _NAME_HINT, (_short,))]
Version = Annotated[
    StrictStr,
    Rule(
        VERSION.pattern,
        "is not a valid version.",
        "Use letters, digits, `.`, `_`, `+` and `-`.",
        (_short, _not_latest),
    ),
]
Ref = Annotated[StrictStr, Rule(_LINE, _EMPTY, None, (_saved_model,))]
Alias = Annotated[
    StrictStr,
    Rule(
        r"[A-Za-z_][A-Za-z0-9_-]*",
        "cannot be a model's name in code.",
        "Use letters, digits, `_` and `-`, beginning with a letter.",
        (_short, _no_keyword),
    ),
]
ServiceName = Annotated[
    StrictStr,
    Rule(
        rf"{_DOTTED}:{_IDENTIFIER}",
        "does not name a class.",
        "Write `module:Class`, e.g. `service:Fraud` for the class `Fraud` in `service.py`.",
        (_no_keyword,),
    ),
]
Global = Annotated[
    StrictStr,
    Rule(
        rf"{_DOTTED}(?:\.\*)?",
        "is not a dotted name.",
        "Write it as `package.module.Name`, or as `package.*` for all that a package brings.",
    ),
]
ApiName = Annotated[
    StrictStr,
    Rule(
        rf"(?:[A-Za-z0-9_][A-Za-z0-9._-]*\.)?{_IDENTIFIER}",
        "is not the name of an API.",
        "Write `method`, or `model.method` where several models have it.",
    ),
]
Glob = Annotated[StrictStr, Rule(_LINE, _EMPTY, None, (_pattern,))]
InsidePath = Annotated[StrictStr, Rule(_LINE, _EMPTY, None, (inside,))]
Requirement = Annotated[StrictStr, Rule(_LINE, _EMPTY, None, (_requirement,))]
RequirementFile = Annotated[
    StrictStr,
    Rule(
        _LINE,
        "is neither a list nor a file of requirements.",
        "Write a list, or name a requirements.txt, pyproject.toml, pylock.toml or uv.lock.",
        (inside, _requirement_file),
    ),
]
Package = Annotated[StrictStr, Rule(_PACKAGE, "is not the name of a Python package.")]
Url = Annotated[
    StrictStr, Rule(r"[!-~]+", "is not an address.", "Write `https://host/simple`.", (_index,))
]
IndexName = Annotated[
    StrictStr,
    Rule(
        r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?",
        "is not a name.",
        "Write letters, digits, `_` and `-`.",
    ),
]
Moment = Annotated[
    StrictStr,
    Rule(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2}))?",
        "is not a date.",
        "Write `2026-08-01` or `2026-08-01T12:00:00Z`.",
        (_moment,),
    ),
]
PythonVersion = Annotated[
    StrictStr,
    Rule(
        r"3\.[0-9]{1,2}(?:\.[0-9]{1,2})?",
        "is not a version of Python 3.",
        'Write "3.12" or "3.12.4".',
        (_python,),
    ),
]
Accelerator = Annotated[
    StrictStr,
    Rule(_LINE, _EMPTY, None, (_accelerator,), {"pattern": r"^(?:auto|cpu|cuda(?:==\d+\.\d+)?)$"}),
]
Driver = Annotated[
    StrictStr,
    Rule(
        r"[0-9]{3}(?:\.[0-9]+){0,2}",
        "is not the version of a driver.",
        'Write "580" or "580.65.06".',
    ),
]
Arch = Annotated[
    StrictStr,
    Rule(
        r"[0-9]{1,2}\.[0-9](?:\+PTX)?",
        "is not a compute capability.",
        'Write "8.0" or "9.0", in quotes.',
    ),
]
ImageName = Annotated[
    StrictStr,
    Rule(
        rf"(?:[a-zA-Z0-9.-]+(?::[0-9]{{1,5}})?/)?{_IMAGE_PART}(?:/{_IMAGE_PART})*"
        r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
        "is not an image.",
        "Write `name:tag` or `registry/name@sha256:…`.",
    ),
]
Workdir = Annotated[
    StrictStr,
    Rule(
        r"(?:/[A-Za-z0-9._-]+)+",
        "is not an absolute path.",
        "Write letters, digits, `.`, `_`, `-` and `/`, e.g. `/opt/bundle`.",
        (_workdir,),
    ),
]
EnvName = Annotated[
    StrictStr, Rule(_IDENTIFIER, "is not the name of a variable.", "Use letters, digits and `_`.")
]
LabelName = Annotated[
    StrictStr,
    Rule(
        r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?",
        "is not the name of a label.",
        "Use letters, digits, `.`, `_`, `-` and `/`.",
        (_short,),
    ),
]
Line = Annotated[StrictStr, Rule(r"[^\n\t]*", "must be on one line.")]
Command = Annotated[StrictStr, Rule(_LINE, _EMPTY, "Join commands with `&&`.")]
SystemPackage = Annotated[
    StrictStr,
    Rule(
        r"[a-z0-9][a-z0-9+.-]+(?:=[A-Za-z0-9.+:~-]+)?",
        "is not the name of a Debian package.",
        "Write it as `libgomp1` or `libgomp1=14.2.0-19`.",
    ),
]
Host = Annotated[
    StrictStr,
    Rule(
        r"[A-Za-z0-9:](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9:])?",
        "is neither an IP address nor a host name.",
        "Write `0.0.0.0` to listen everywhere.",
        (_host,),
    ),
]
Origin = Annotated[
    StrictStr,
    Rule(
        r"\*|[a-z][a-z0-9+.-]*://[^\sA-Z/?#@]+",
        "is not the origin of a page.",
        "Write it as browsers do, in lower case: `https://app.example.com`; or `*` for all.",
    ),
]
Fairness = Annotated[
    StrictStr,
    Rule(
        r"off|address|header:[A-Za-z0-9!#$%&'*+.^_|~-]+",
        "does not say who is one client.",
        "Write `off`, `address`, or `header:X-Api-Key` with the name of your header.",
    ),
]
RoutePath = Annotated[
    StrictStr,
    Rule(
        r"(?:/[A-Za-z0-9._~-]+)+",
        "is not the path of a route.",
        "Write it as `/predict`.",
        (_route,),
    ),
]
