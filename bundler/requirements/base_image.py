"""Resolves the tag of a base image to a digest."""

from contextlib import closing
from functools import cache
from threading import Thread

from ...runtime.digest import is_digest
from ...runtime.errors import BundleError
from ..registry.http.limits import Limits
from ..registry.reference import DOCKER_HUB, RegistryReference

DEADLINE = 4.0  # seconds for all of it
_LIMITS = Limits(answer=3.0, attempts=1)


def split(reference: str) -> tuple[str, str, str]:
    """(registry host, repository, tag) of an image reference, as docker reads it.

    >>> split("python:3.11-slim")
    ('docker.io', 'library/python', '3.11-slim')
    """
    named = reference.partition("@")[0]
    name, _, tag = named.rpartition(":")
    if not name or "/" in tag:
        name, tag = named, "latest"
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest, tag
    return DOCKER_HUB, name if slash else f"library/{name}", tag


@cache
def find_digest(reference: str) -> str | None:
    """The digest that the registry gives for `reference`, or None where none answers in time.

    Asked once a process. A thread does it, because looking up a name knows no timeout.
    """
    pinned = reference.partition("@")[2]
    if is_digest(pinned):
        return pinned
    answers: list[str] = []
    thread = Thread(target=_look_up, args=(reference, answers), daemon=True)
    thread.start()
    thread.join(DEADLINE)
    return answers[0] if answers else None


def _look_up(reference: str, answers: list[str]) -> None:
    from ..registry.remotes.registry import Registry

    named = RegistryReference(*split(reference))
    try:
        with closing(Registry(named, "pull", limits=_LIMITS)) as registry:
            answers += filter(None, [registry.digest(str(named.tag))])
    except BundleError:
        return  # the lock then says `unpinned`, and the build warns
