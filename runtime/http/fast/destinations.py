"""Destinations: finds the route of a request on the fast path by its target."""

import re
from collections.abc import Container

from ..dialect_endpoint import DialectRouter
from .dialect_intake import DialectIntake
from .native_intake import NativeIntake
from .requests.request_tracker import RequestTracker

_PLAIN = re.compile(rb"/[A-Za-z0-9._~!$&'()*+,;=:@/-]+")  # no path that has other spellings
_MOST = 1024  # cached targets of dialects


class Destinations:
    """The routes of the bundle, and paths of dialects, each added at its first request."""

    def __init__(
        self, tracker: RequestTracker, router: DialectRouter | None, own: Container[str]
    ) -> None:
        self._tracker = tracker
        self._router = router
        self._own = own  # paths that are no dialect's
        self._routes: dict[bytes, NativeIntake] = {}
        self._others: dict[bytes, DialectIntake] = {}

    def add(self, path: str, intake: NativeIntake) -> None:
        """Add the route at `path`."""
        self._routes[path.encode()] = intake

    def get(self, target: bytes) -> NativeIntake | DialectIntake | None:
        """The route of a POST; None if only the ASGI application may know it."""
        found = self._routes.get(target)
        if found is not None or self._router is None:
            return found
        return self._others.get(target) or self._sought(self._router, target)

    def _sought(self, router: DialectRouter, target: bytes) -> DialectIntake | None:
        if not _PLAIN.fullmatch(target):
            return None
        path = target.decode()
        endpoint = router.endpoint_at(path)
        codec = None if endpoint is None else endpoint.rule.codec
        if endpoint is None or codec is None or path in self._own:
            return None
        if not codec.has_rows(endpoint.place.parts):
            return None
        if len(self._others) >= _MOST:
            self._others.clear()
        made = self._others[target] = DialectIntake(path, endpoint, codec, self._tracker)
        return made
