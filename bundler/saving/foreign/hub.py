"""Hub: downloads a Hugging Face repository at one revision, and checks each file.

Source: huggingface.co/docs/hub/api. Only what a snapshot needs is fetched: no code, no pickles.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from ....runtime.frameworks.snapshot import BESIDE, CONFIG, refusal
from ...errors import InvalidSource, RegistryError
from ...progress import Progress
from ...registry.http.answer import Answer
from ...registry.http.limits import Limits
from ...registry.http.wire import Wire
from ...registry.reference import is_loopback
from ...store.blobs.ingest import check_room
from ...untrusted.quotation import quoted
from .folder import Folder, is_inside
from .hugging_face import INDEX, SCHEME, WEIGHTS

_PUBLIC = "https://huggingface.co"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_REVISION = re.compile(r"[\w./-]{1,200}", re.ASCII)
_SHARD = re.compile(r"model-[0-9]{5}-of-[0-9]{5}\.safetensors")
_LISTING = 16 << 20  # bytes
_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the repository: its size in bytes, and its sha256, or its git blob's sha1."""

    name: str
    size: int
    sha256: str | None
    sha1: str | None


@dataclass(frozen=True, slots=True)
class Repository:
    """`name` (org/name) at `revision`: a branch, a tag or a commit."""

    name: str
    revision: str
    endpoint: str
    token: str | None = field(repr=False)

    @classmethod
    def parse(cls, source: str) -> "Repository":
        """Read `hf://org/name[@revision]`.

        Raises:
            InvalidSource: when it is none, or HF_ENDPOINT is neither https nor this machine.
        """
        name, _, revision = source.removeprefix(SCHEME).partition("@")
        revision = revision or "main"
        if not _NAME.fullmatch(name) or not _REVISION.fullmatch(revision) or ".." in source:
            raise InvalidSource(
                f"{quoted(source)} is not a repository of the hub.",
                hint="Write `hf://org/name` or `hf://org/name@revision`.",
            )
        endpoint = os.environ.get("HF_ENDPOINT", _PUBLIC).rstrip("/")
        if not _is_safe(endpoint):
            raise InvalidSource("HF_ENDPOINT is neither `https://` nor this machine.")
        return cls(name, revision, endpoint, _token())

    def fetch(self, directory: Path, progress: Progress) -> Folder:
        """Download the snapshot into an empty, private directory.

        Raises:
            InvalidSource: when there is none, or it is refused before its weights are fetched.
            RegistryError: when the hub cannot be reached, or sends other bytes.
        """
        wire = Wire(urlsplit(self.endpoint).netloc, Limits())
        try:
            commit, files = self._listing(wire)
            progress.step(f"Fetching `{self.name}` at {commit[:12]}")
            for file in _wanted(files):
                if file.name != CONFIG:
                    check_room(file.size, directory)
                self._download(wire, commit, file, directory / file.name, progress)
                if file.name == CONFIG and (why := refusal((directory / CONFIG).read_bytes())):
                    raise InvalidSource(f"`{SCHEME}{self.name}` is refused: {why}.")
        finally:
            wire.close()
        return Folder(directory, f"`{SCHEME}{self.name}`")

    def _listing(self, wire: Wire) -> tuple[str, list[_File]]:
        revision = quote(self.revision, safe="")
        answer = self._get(wire, f"/api/models/{self.name}/revision/{revision}?blobs=true")
        try:
            data = json.loads(answer.read(_LISTING, "hub's listing"))
            return _commit(data["sha"]), [_file(entry) for entry in data["siblings"]]
        except (ValueError, OverflowError, KeyError, TypeError, RecursionError) as error:
            raise RegistryError("The hub's listing cannot be read.") from error

    def _download(
        self, wire: Wire, commit: str, file: _File, place: Path, progress: Progress
    ) -> None:
        path = f"/{self.name}/resolve/{commit}/{quote(file.name)}"
        answer, got = self._get(wire, path), 0
        digest = hashlib.sha256() if file.sha256 else hashlib.sha1(usedforsecurity=False)
        if not file.sha256:
            digest.update(b"blob %d\0" % file.size)
        with place.open("xb") as target, progress.meter(file.name, file.size) as meter:
            for piece in answer.pieces(file.size + 1):
                digest.update(piece)
                target.write(piece)
                got += len(piece)
                meter.advance(len(piece))
        if got != file.size or digest.hexdigest() != (file.sha256 or file.sha1):
            raise RegistryError(
                f"The hub sent other bytes for `{file.name}` than it lists.", hint="Try again."
            )

    def _get(self, wire: Wire, path: str) -> Answer:
        url = self.endpoint + path
        for _ in range(_REDIRECTS):
            answer = wire.send("GET", url, self._headers(url))
            if answer.status not in {301, 302, 303, 307, 308}:
                return self._checked(answer)
            location = answer.header("Location")
            answer.close()
            url = _onward(url, location)
        raise RegistryError("The hub sends us in circles.")

    def _headers(self, url: str) -> Mapping[str, str]:
        at_home = urlsplit(url)[:2] == urlsplit(self.endpoint)[:2]
        return {"Authorization": f"Bearer {self.token}"} if self.token and at_home else {}

    def _checked(self, answer: Answer) -> Answer:
        if answer.status == 200:  # noqa: PLR2004
            return answer
        answer.close()
        if answer.status in {401, 403, 404}:
            raise InvalidSource(
                f"The hub shows no `{self.name}` at `{self.revision}` ({answer.status}).",
                hint="If it is private or gated, set HF_TOKEN to a token that may read it.",
            )
        raise RegistryError(f"The hub answers {answer.status}.", hint="Try again later.")


def _onward(url: str, location: str) -> str:
    """Where a redirect leads; raises RegistryError for an address that is not safe, or is none."""
    try:
        onward = urljoin(url, location)
        is_safe = _is_safe(onward)
    except ValueError as error:
        raise RegistryError("The hub sends us to an invalid address.") from error
    if not is_safe:
        raise RegistryError("The hub sends us to an address without TLS.")
    return onward


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    is_own = parts.scheme == "http" and is_loopback(parts.hostname or "")
    return bool(parts.hostname) and (parts.scheme == "https" or is_own)


def _token() -> str | None:
    if given := os.environ.get("HF_TOKEN"):
        return given
    home = os.environ.get("HF_HOME")
    place = Path(home) if home else Path("~/.cache/huggingface").expanduser()
    with suppress(OSError, UnicodeDecodeError):
        return (place / "token").read_text("ascii").strip() or None
    return None


def _commit(text: object) -> str:
    if not isinstance(text, str) or not re.fullmatch(r"[0-9a-f]{40,64}", text):
        raise ValueError("no commit")
    return text


def _file(entry: Mapping[str, Any]) -> _File:
    name, large = entry["rfilename"], entry.get("lfs")
    if not isinstance(name, str):
        raise TypeError("a file has no name")
    if large:
        return _File(name, int(large["size"]), str(large["sha256"]), None)
    return _File(name, int(entry["size"]), None, str(entry["blobId"]))


def _wanted(files: list[_File]) -> Iterator[_File]:
    """What a snapshot needs, its config first: that may be a reason to fetch nothing more."""
    by_name = {file.name: file for file in files if is_inside(file.name)}
    if CONFIG not in by_name:
        raise InvalidSource(f"The repository has no `{CONFIG}`, and so no model of transformers.")
    yield by_name[CONFIG]
    for name, file in sorted(by_name.items()):
        is_shard = WEIGHTS not in by_name and (name == INDEX or _SHARD.fullmatch(name))
        if name in BESIDE or name == WEIGHTS or is_shard:
            yield file
