"""Exchange: authenticated requests to one repository of a registry."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from ...errors import RegistryError
from ...store import Blob
from ..reference import RegistryReference
from . import credentials, remedy
from .answer import Answer
from .limits import Limits
from .retry import Retry
from .route import Route
from .token import Tokens
from .transient_error import BUSY, TransientError
from .wire import Body, Wire

Access = Literal["pull", "pull,push"]
MakeBody = Callable[[], Body]
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOPS = 5
_OK, _UNAUTHORIZED, _FORBIDDEN, _MISSING = 200, 401, 403, 404


class Exchange:
    """Sends requests: authenticates, retries and follows redirects; connects lazily."""

    def __init__(
        self, reference: RegistryReference, access: Access, limits: Limits, *, plain_http: bool
    ) -> None:
        scheme = "http" if plain_http or reference.is_loopback else "https"
        self.reference = reference
        self.limits = limits
        self.stop = threading.Event()
        self._access = access
        self._route = Route(f"{scheme}://{reference.address}", plain_http)
        self._wire = Wire(reference.address, limits)
        self._tokens: Tokens | None = None
        self._lock = threading.Lock()

    @property
    def is_logged_in(self) -> bool:
        """Whether the registry has asked for credentials, and some were found."""
        return self._tokens is not None and not self._tokens.is_anonymous

    def cut(self) -> None:
        """Abort all requests and pauses."""
        self.stop.set()
        self._wire.cut()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def url(self, rest: str) -> str:
        """The URL of a path in the repository."""
        return f"{self._route.base}/v2/{self.reference.repository}/{rest}"

    def follow(self, answer: Answer) -> str:
        """The URL in the `Location` of an answer.

        Raises:
            RegistryError: when there is none, or none that is safe.
        """
        location = answer.header("Location")
        if not location:
            answer.close()
            raise RegistryError(
                f"`{self.reference.host}` redirects without a `Location`.", hint=remedy.ELSEWHERE
            )
        return self._route.follow(answer.url, location)

    def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: MakeBody = lambda: None,
        also: str | None = None,
    ) -> Answer:
        """Send a request, again if the registry is busy; returns the complete answer.

        also   a further repository that is read from
        """
        retry = Retry(self.limits, self.stop)
        while True:
            try:
                answer = self.once(method, url, headers, body, also)
                answer.read(self.limits.manifest)
                return answer  # noqa: TRY300 - its body is part of the attempt
            except TransientError as failure:
                if not self._wire.has_answered and retry.attempts > 1:
                    raise  # no answer at all: rather a wrong name than a transient failure
                retry.wait(failure)

    def once(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: MakeBody = lambda: None,
        also: str | None = None,
    ) -> Answer:
        """Send one authorized request, and follow its redirects.

        Raises:
            TransientError: when it may be sent again.
            RegistryError: when we are not let in, or sent somewhere unsafe.
        """
        for _ in range(_HOPS):
            answer = self._authorized(method, url, headers or {}, body, also)
            if answer.status in _REDIRECTS and method in {"GET", "HEAD"}:
                url = self.follow(answer)
                answer.close()
                continue
            is_stale = answer.status in {_UNAUTHORIZED, _FORBIDDEN} and not self._route.is_own(url)
            if answer.status in BUSY or is_stale:  # an address that was signed for a short time
                raise self._busy(answer)
            return answer
        raise RegistryError(f"`{self.reference.host}` redirects too often.", hint=remedy.ELSEWHERE)

    def has(self, blob: Blob) -> bool:
        """Whether the repository has the complete blob."""
        answer = self.ask("HEAD", self.url(f"blobs/{blob.digest}"))
        if answer.status == _MISSING:
            return False
        self.expect(answer, {_OK}, "a blob")
        return answer.length == blob.size

    def expect(self, answer: Answer, statuses: set[int], what: str) -> None:
        """Raise an error with the message of the registry if the status is another one.

        Raises:
            RegistryError: names `what` was asked for.
        """
        if answer.status not in statuses:
            raise RegistryError(self.refusal(answer, what), hint=remedy.of_status(answer.status))

    def refusal(self, answer: Answer, what: str) -> str:
        """An error with the message of the registry."""
        reason = answer.message()
        detail = f": {reason}" if reason else ""
        return f"`{self.reference.host}` answered {answer.status} for {what}{detail}."

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
            if answer.status != _UNAUTHORIZED or not self._auth().answer(answer, scopes, sent):
                break
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            raise self._denied(answer)
        return answer

    def _authorization(self, scopes: Sequence[str]) -> str:
        return self._tokens.header(scopes) if self._tokens else ""

    def _auth(self) -> Tokens:
        """The tokens; made on demand, as this may run a credential helper."""
        with self._lock:
            if self._tokens is None:
                who = credentials.find(self.reference.host)
                self._tokens = Tokens(self._wire, self.limits, self._route.base, who)
            return self._tokens

    def _scopes(self, also: str | None) -> list[str]:
        own = f"repository:{self.reference.repository}:{self._access}"
        return [own, f"repository:{also}:pull"] if also else [own]

    def _denied(self, answer: Answer) -> RegistryError:
        reason = answer.message() if answer.status == _FORBIDDEN else ""
        verb = "pull from" if self._access == "pull" else "push to"
        host, repository = self.reference.host, self.reference.repository
        who = "these credentials" if self.is_logged_in else "strangers"
        return RegistryError(
            f"`{host}` does not let {who} {verb} `{repository}`{f': {reason}' if reason else ''}.",
            hint=f"Log in with `docker login {host}`.",
        )

    def _busy(self, answer: Answer) -> TransientError:
        wait, reason = answer.retry_after, answer.message()
        detail = f": {reason}" if reason else ""
        return TransientError(
            f"`{self.reference.host}` answered {answer.status}{detail}.",
            hint=remedy.of_words(reason),
            retry_after=wait,
        )
