"""Ask a registry which digest a tag of a base image has right now."""

import http.client
import json
import re
import ssl
from functools import cache
from threading import Thread
from urllib.parse import urlencode, urlsplit

TIMEOUT = 3.0  # seconds for each step of a request
DEADLINE = 4.0  # seconds for all of it
ACCEPT = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def split(reference: str) -> tuple[str, str, str]:
    """(registry host, repository, tag) of an image reference, as docker reads it.

    >>> split("python:3.11-slim")
    ('registry-1.docker.io', 'library/python', '3.11-slim')
    """
    name, _, tag = reference.partition("@")[0].rpartition(":")
    if not name or "/" in tag:
        name, tag = reference, "latest"
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return ("registry-1.docker.io", rest, tag) if first == "docker.io" else (first, rest, tag)
    return "registry-1.docker.io", name if slash else f"library/{name}", tag


@cache
def find_digest(reference: str) -> str | None:
    """The digest that the registry gives for `reference`, or None where none answers in time.

    Asked once a process. A thread does it, because looking up a name knows no timeout.
    """
    if found := _DIGEST.search(reference):
        return found[0]
    answers: list[str] = []
    thread = Thread(target=_look_up, args=(reference, answers), daemon=True)
    thread.start()
    thread.join(DEADLINE)
    return answers[0] if answers else None


def _look_up(reference: str, answers: list[str]) -> None:
    host, repository, tag = split(reference)
    try:
        digest = _ask(host, f"/v2/{repository}/manifests/{tag}")
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return  # the lock then says `unpinned`, and the build warns
    answers += [digest] if digest else []


def _ask(host: str, path: str) -> str | None:
    status, headers, _ = _request("HEAD", host, path, {"Accept": ACCEPT})
    if status == http.HTTPStatus.UNAUTHORIZED:
        token = _token(headers.get("WWW-Authenticate") or "")
        accept = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}
        status, headers, _ = _request("HEAD", host, path, accept)
    digest = headers.get("Docker-Content-Digest") or ""
    return digest if status == http.HTTPStatus.OK and _DIGEST.fullmatch(digest) else None


def _token(challenge: str) -> str:
    """An anonymous token, from the place that the registry's challenge names."""
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm = urlsplit(fields.pop("realm"))
    if realm.scheme != "https":
        raise ValueError(challenge)
    query = urlencode({name: fields[name] for name in ("service", "scope") if name in fields})
    _, _, body = _request("GET", realm.netloc, f"{realm.path}?{query}", {})
    answer = json.loads(body)
    return str(answer.get("token") or answer["access_token"])


def _request(
    method: str, host: str, path: str, headers: dict[str, str]
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = _connect(host)
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read(1 << 20)
    finally:
        connection.close()


def _connect(host: str) -> http.client.HTTPConnection:
    # A registry on this machine speaks plain HTTP, as docker assumes too.
    if host.partition(":")[0] in {"localhost", "127.0.0.1"}:
        return http.client.HTTPConnection(host, timeout=TIMEOUT)
    return http.client.HTTPSConnection(host, timeout=TIMEOUT, context=ssl.create_default_context())
