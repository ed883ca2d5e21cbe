"""Registry: one repository of an OCI registry, over HTTP."""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from ...runtime import digest as digests
from ..errors import Damaged, RegistryError
from ..store import Blob, oci
from . import credentials
from .answer import Answer
from .dropped import BUSY, Dropped
from .limits import Limits
from .patience import Patience
from .place import Advance, Stream, Way
from .reference import RegistryReference
from .route import Route
from .token import Tokens
from .upload import Upload
from .wire import Body, Wire

Access = Literal["pull", "pull,push"]
MakeBody = Callable[[], Body]
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOPS = 5
_ACCEPT = (
    f"{oci.MANIFEST}, {oci.INDEX}, application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json"
)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class Registry:
    """A `Place` that is asked over HTTP; making the object opens no connection."""

    def __init__(
        self,
        reference: RegistryReference,
        access: Access,
        *,
        plain_http: bool = False,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        scheme = "http" if plain_http or reference.is_loopback else "https"
        self.reference = reference
        self.limits = limits
        self.stop = threading.Event()
        self.mounts: Mapping[str, str] = {}  # digest -> repository of this registry that has it
        self._access = access
        self._route = Route(f"{scheme}://{reference.address}", plain_http)
        self._wire = Wire(reference.address, limits)
        self._tokens: Tokens | None = None
        self._lock = threading.Lock()

    # The place

    def manifest(self) -> bytes:
        """The manifest of the tag or digest; see `Place`."""
        wanted = self.reference.digest or self.reference.tag or "latest"
        answer = self.ask("GET", self.url(f"manifests/{wanted}"), {"Accept": _ACCEPT})
        if answer.status == 404:  # noqa: PLR2004
            raise RegistryError(
                f"`{self.reference}` is not there"
                + ("." if self._is_logged_in else ", or only for those who log in."),
                hint=f"See what you mean, or log in with `docker login {self.reference.host}`.",
            )
        self.expect(answer, {200}, f"the manifest of `{self.reference}`")
        kind = answer.header("Content-Type").partition(";")[0].strip().lower()
        data = answer.read(self.limits.manifest)
        if kind.startswith("text/"):
            raise RegistryError(
                f"`{self.reference.host}` answered with a page ({kind}) instead of a manifest.",
                hint="See whether it is a registry, and whether something stands between.",
            )
        self._check_digest(data, self.reference.digest or answer.header("Docker-Content-Digest"))
        return data

    def has(self, blob: Blob) -> bool:
        """Whether the repository has it in full length."""
        answer = self.ask("HEAD", self.url(f"blobs/{blob.digest}"))
        if answer.status == 404:  # noqa: PLR2004
            return False
        self.expect(answer, {200}, "a blob")
        return answer.length == blob.size

    def read(self, blob: Blob, offset: int) -> Stream:
        """Begin to read a blob; one attempt."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        answer = self.once("GET", self.url(f"blobs/{blob.digest}"), headers)
        self.expect(answer, {200, 206}, f"the blob `{blob.digest}`")
        start = 0
        if answer.status == 206:  # noqa: PLR2004
            found = _CONTENT_RANGE.fullmatch(answer.header("Content-Range"))
            if not found or int(found[1]) != offset:
                answer.close()
                raise RegistryError(
                    f"Asked for a blob from byte {offset:,} on, `{self.reference.host}` answered "
                    f"with {answer.header('Content-Range')[:80]!r}."
                )
            start = offset
        if answer.length is not None and answer.length != blob.size - start:
            answer.close()
            raise Damaged(
                f"The blob `{blob.digest}` has {answer.length + start:,} bytes in "
                f"`{self.reference}`; its manifest says {blob.size:,}."
            )
        return Stream(start, answer.pieces(blob.size - start + 1), answer.close)

    def send(self, blob: Blob, path: Path, advance: Advance) -> Way:
        """Upload a blob, or let the registry take it from another repository."""
        return Upload(self, blob, path, advance).run()

    def digest(self, tag: str) -> str | None:
        """The digest of the manifest that has a tag now."""
        answer = self.ask("HEAD", self.url(f"manifests/{tag}"), {"Accept": _ACCEPT})
        if answer.status == 404:  # noqa: PLR2004
            return None
        self.expect(answer, {200}, "a tag")
        found = answer.header("Docker-Content-Digest")
        return found if digests.is_digest(found) else ""

    def publish(self, manifest: bytes, tags: Sequence[str]) -> None:
        """PUT the manifest under every tag."""
        for tag in tags:
            headers = {"Content-Type": oci.MANIFEST, "Content-Length": str(len(manifest))}
            answer = self.ask("PUT", self.url(f"manifests/{tag}"), headers, lambda: manifest)
            self.expect(answer, {200, 201, 202}, f"the manifest of `{self.reference.at(tag)}`")
            self._check_digest(manifest, answer.header("Docker-Content-Digest"))

    def cut(self) -> None:
        """End every request and every waiting."""
        self.stop.set()
        self._wire.cut()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    # Requests

    def url(self, rest: str, repository: str | None = None) -> str:
        """The address of something in the repository."""
        return f"{self._route.base}/v2/{repository or self.reference.repository}/{rest}"

    def follow(self, answer: Answer) -> str:
        """The address that an answer's `Location` means.

        Raises:
            RegistryError: when there is none, or none that is safe.
        """
        location = answer.header("Location")
        if not location:
            answer.close()
            raise RegistryError(f"`{self.reference.host}` says no place to go on.")
        return self._route.follow(answer.url, location)

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: MakeBody = lambda: None,
        also: str | None = None,
    ) -> Answer:
        """One request and the whole of its answer, with patience for a registry that is busy.

        also   a further repository that is read from
        """
        patience = Patience(self.limits, self.stop)
        while True:
            try:
                answer = self.once(method, url, headers, body, also)
                answer.read(self.limits.manifest)
                return answer  # noqa: TRY300 - its body is part of the attempt
            except Dropped as failure:
                if not self._wire.has_answered and patience.attempts > 1:
                    raise  # nobody is there: a wrong name more likely than bad luck
                patience.wait(failure)

    def once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: MakeBody = lambda: None,
        also: str | None = None,
    ) -> Answer:
        """One request, with what authorizes it, followed to where its answer is.

        Raises:
            Dropped: when it may be sent again.
            RegistryError: when we are not let in, or sent somewhere unsafe.
        """
        for _ in range(_HOPS):
            answer = self._authorized(method, url, headers or {}, body, also)
            if answer.status in _REDIRECTS and method in {"GET", "HEAD"}:
                url = self.follow(answer)
                answer.close()
                continue
            is_stale = answer.status in {401, 403} and not self._route.is_own(url)
            if answer.status in BUSY or is_stale:  # an address that was signed for a short time
                raise self._busy(answer)
            return answer
        raise RegistryError(f"`{self.reference.host}` sends us on again and again.")

    def expect(self, answer: Answer, statuses: set[int], what: str) -> None:
        """Refuse every other status with the registry's own words.

        Raises:
            RegistryError: names `what` was asked for.
        """
        if answer.status in statuses:
            return
        said = answer.said()
        detail = f": {said}" if said else ""
        raise RegistryError(f"`{self.reference.host}` answered {answer.status} for {what}{detail}.")

    def _authorized(
        self, method: str, url: str, headers: Mapping[str, str], body: MakeBody, also: str | None
    ) -> Answer:
        scopes = self._scopes(also)
        if not self._route.is_own(url):
            return self._wire.send(method, url, headers, body())
        for _ in range(2):
            sent = self._authorization(scopes)
            given = dict(headers) | ({"Authorization": sent} if sent else {})
            answer = self._wire.send(method, url, given, body())
            if answer.status != 401 or not self._auth().answer(answer, scopes, sent):  # noqa: PLR2004
                break
        if answer.status in {401, 403}:
            raise self._denied(answer)
        return answer

    def _authorization(self, scopes: Sequence[str]) -> str:
        return self._tokens.header(scopes) if self._tokens else ""

    def _auth(self) -> Tokens:
        """Made when the registry asks who we are: until then no credential helper is run."""
        with self._lock:
            if self._tokens is None:
                who = credentials.find(self.reference.host)
                self._tokens = Tokens(self._wire, self.limits, self._route.base, who)
            return self._tokens

    @property
    def _is_logged_in(self) -> bool:
        return self._tokens is not None and not self._tokens.is_anonymous

    def _scopes(self, also: str | None) -> list[str]:
        own = f"repository:{self.reference.repository}:{self._access}"
        return [own, f"repository:{also}:pull"] if also else [own]

    def _denied(self, answer: Answer) -> RegistryError:
        said = answer.said() if answer.status == 403 else ""  # noqa: PLR2004
        verb = "pull from" if self._access == "pull" else "push to"
        host, repository = self.reference.host, self.reference.repository
        who = "these credentials" if self._is_logged_in else "strangers"
        return RegistryError(
            f"`{host}` does not let {who} {verb} `{repository}`{f': {said}' if said else ''}.",
            hint=f"Log in with `docker login {host}`.",
        )

    def _busy(self, answer: Answer) -> Dropped:
        wait, said = answer.retry_after, answer.said()
        detail = f": {said}" if said else ""
        return Dropped(
            f"`{self.reference.host}` answered {answer.status}{detail}.", retry_after=wait
        )

    def _check_digest(self, data: bytes, expected: str) -> None:
        got = digests.of_bytes(data)
        if expected and digests.is_digest(expected) and expected != got:
            raise Damaged(
                f"`{self.reference.host}` answered with another manifest: expected {expected}, "
                f"got {got}."
            )
