"""Tokens: bearer tokens of a registry, fetched as described in its challenge."""

import base64
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from ...errors import RegistryError
from ...untrusted import shallow_json
from ..reference import is_inside, is_loopback
from .answer import Answer
from .challenge import Challenge, parse
from .credentials import Credentials
from .limits import Limits
from .transient_error import BUSY, TransientError
from .wire import Wire, shown

_OK = 200
_CLIENT = "modelbundle"
_LIFE = 60.0  # lifetime in seconds if the service names none; the minimum of the OCI
_LONGEST = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Token:
    header: str = field(repr=False)
    until: float  # monotonic seconds; infinite for a password


class Tokens:
    """The `Authorization` headers of one registry, by scope; used by several threads."""

    def __init__(
        self, wire: Wire, limits: Limits, base: str, credentials: Credentials | None
    ) -> None:
        self._wire = wire
        self._limits = limits
        self._base = base
        self._credentials = credentials
        self._known: dict[tuple[str, ...], _Token] = {}
        self._challenge: Challenge | None = None
        self._lock = threading.Lock()

    @property
    def is_anonymous(self) -> bool:
        """Whether there are no credentials."""
        return self._credentials is None

    def header(self, scopes: Sequence[str]) -> str:
        """The header value; "" until the registry has sent a challenge."""
        with self._lock:
            known = self._known.get(tuple(scopes))
            if known and time.monotonic() < known.until:
                return known.header
            if self._challenge is None:
                return ""
            return self._renew(tuple(scopes))

    def answer(self, refusal: Answer, scopes: Sequence[str], sent: str) -> bool:
        """Follow the challenge of a 401; returns whether there is a header other than `sent` now.

        Raises:
            RegistryError: when its challenge cannot be met.
        """
        challenges = [one for text in refusal.headers("WWW-Authenticate") for one in parse(text)]
        refusal.close()
        with self._lock:
            known = self._known.get(tuple(scopes))
            if known and known.header != sent:
                return True  # another thread was faster
            self._challenge = _choose(challenges)
            if self._challenge is None:
                return False
            return self._renew(tuple(scopes)) != sent

    def _renew(self, scopes: tuple[str, ...]) -> str:
        challenge = self._challenge
        if challenge is not None and challenge.scheme == "bearer":
            token = self._fetch(challenge, scopes)
        elif self._credentials is not None and self._credentials.username:
            token = _Token(_basic(self._credentials), float("inf"))
        else:
            return ""
        self._known[scopes] = token
        return token.header

    def _fetch(self, challenge: Challenge, scopes: tuple[str, ...]) -> _Token:
        realm = challenge.parameters.get("realm", "")
        self._check_realm(realm)
        began = time.monotonic()
        answer = self._ask(realm, challenge.parameters.get("service", ""), scopes)
        document = _document(answer, self._limits)
        text = document.get("token") or document.get("access_token")
        if not isinstance(text, str) or not text or not text.isascii() or not text.isprintable():
            raise RegistryError(f"The token service `{shown(realm)}` gave no token.")
        life = document.get("expires_in")
        seconds = min(life, _LONGEST) if isinstance(life, int | float) and life > 0 else _LIFE
        return _Token(f"Bearer {text}", began + seconds * 0.8)

    def _ask(self, realm: str, service: str, scopes: tuple[str, ...]) -> Answer:
        who = self._credentials
        known = {"service": service} if service else {}
        if who is not None and who.identity_token:
            form = known | {
                "grant_type": "refresh_token", "refresh_token": who.identity_token,
                "client_id": _CLIENT, "scope": " ".join(scopes),
            }  # fmt: skip
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._wire.send("POST", realm, headers, urlencode(form).encode())
        query = urlencode([*known.items(), *(("scope", scope) for scope in scopes)])
        url = f"{realm}{'&' if '?' in realm else '?'}{query}"
        return self._wire.send("GET", url, {"Authorization": _basic(who)} if who else {})

    def _check_realm(self, realm: str) -> None:
        """Check that the password is sent over TLS, or to the machine of a plain HTTP registry.

        Raises:
            RegistryError: for any other.
        """
        try:
            parts, base = urlsplit(realm), urlsplit(self._base)
        except ValueError as error:
            raise RegistryError(
                "The registry sends us for a token to an invalid address.",
                hint="Ask whoever runs it: its `WWW-Authenticate` is wrong.",
            ) from error
        is_near = base.scheme == "http" and parts.hostname == base.hostname
        is_hidden = is_inside(parts.hostname or "") and not is_loopback(base.hostname or "")
        if (
            not parts.hostname
            or parts.username is not None
            or (parts.scheme != "https" and not (parts.scheme == "http" and is_near))
            or is_hidden
        ):
            raise RegistryError(
                f"The registry sends us to `{shown(realm)}` for a token, which is not safe.",
                hint="A token service has to be at an `https://` address.",
            )


def _choose(challenges: list[Challenge]) -> Challenge | None:
    """Choose Bearer before Basic, as docker does."""
    for scheme in ("bearer", "basic"):
        for challenge in challenges:
            if challenge.scheme == scheme:
                return challenge
    return None


def _document(answer: Answer, limits: Limits) -> dict[str, object]:
    place = shown(answer.url)
    if answer.status != _OK:
        raise _refusal(place, answer)
    try:
        document = shallow_json.loads(answer.read(limits.message, "token"))
    except ValueError as error:
        raise RegistryError(f"The token service `{place}` did not answer in JSON.") from error
    if not isinstance(document, dict):
        raise RegistryError(f"The token service `{place}` did not answer with an object.")
    return document


def _refusal(place: str, answer: Answer) -> RegistryError:
    wait, reason = answer.retry_after, answer.message()
    detail = f" ({reason})" if reason else ""
    text = f"The token service `{place}` answered {answer.status}{detail}."
    if answer.status in BUSY:
        return TransientError(text, retry_after=wait)
    return RegistryError(text, hint="Log in with `docker login`, or log in again.")


def _basic(who: Credentials) -> str:
    text = f"{who.username}:{who.password}".encode()
    return "Basic " + base64.b64encode(text).decode()
