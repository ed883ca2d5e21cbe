"""A server that was already running; it is never stopped."""

import ipaddress
import json
import socket
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ....runtime.data.samples import Samples
from ....runtime.errors import BundleError
from ...errors import Refused
from ...http_opener import opened
from .bench_request import BenchRequest, BenchRequests
from .process_tree import listening
from .subject import Subject

_PATIENCE = 10.0  # seconds
_JSON = "application/json"
_Examples = dict[str, Samples | None]


def subject(url: str, route: str | None, body: BenchRequest | None, *, remote: bool) -> Subject:
    """The server at `url`, which must run on this machine unless `remote` is set.

    A path in the URL is the route. The samples are the examples in its `/openapi.json`.

    Raises:
        BundleError: when the URL is wrong, no server answers, or there are no samples.
        Refused: when it runs on another machine.
    """
    parts = _parts(url)
    base = f"http://{parts.netloc}"
    if not (remote or _is_here(parts)):
        raise Refused(
            f"`{parts.hostname}` is not this machine, and a load test may disturb it.",
            hint="If that server is yours to load, add `--remote`.",
        )
    wanted = route or (parts.path if parts.path.strip("/") else None)
    examples = {} if body and wanted else _examples(base)
    path = choose(examples, wanted)
    samples = examples.get(path)
    if body is None and samples is None:
        raise nothing_to_ask(url, path)
    requests = BenchRequests(given=body) if body else BenchRequests(samples)
    tree = listening(parts.port or 80) if _is_here(parts) else None
    return Subject(url, base, path, requests, tree)


def choose(examples: _Examples, wanted: str | None) -> str:
    """The route that is wanted; else `/predict`, the first with samples, or the only one.

    Raises:
        BundleError: when there is no such route.
    """
    if wanted is not None:
        wanted = f"/{wanted.lstrip('/')}"
        if examples and wanted not in examples:
            known = ", ".join(f"`{path}`" for path in examples)
            raise BundleError(f"There is no route `{wanted}`.", hint=f"It has {known}.")
        return wanted
    if examples.get("/predict"):
        return "/predict"
    with_samples = [path for path, samples in examples.items() if samples]
    return next(iter([*with_samples, *examples]), "/predict")


def nothing_to_ask(name: str, path: str) -> BundleError:
    """No samples, and no body either."""
    return BundleError(
        f"`{name}` has no recorded samples for `{path}`.",
        hint="Give a body with `--data FILE`, or save its models with `--sample`.",
    )


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BundleError(f"`{url}` is not a URL: {error}.") from error
    if parts.scheme != "http" or not parts.hostname or port == 0:
        raise BundleError(
            f"`{url}` cannot be loaded: only `http://` is spoken here.",
            hint="Name the server behind the TLS, for example `http://127.0.0.1:8080`.",
        )
    return parts


def _is_here(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BundleError(f"There is no host `{host}`.") from error
    return all(ipaddress.ip_address(str(one[4][0])).is_loopback for one in found)


def _examples(base: str) -> _Examples:
    """The POST routes of the server's OpenAPI document, with their examples."""
    try:
        with opened(f"{base}/openapi.json", _PATIENCE) as answer:
            document: Any = json.loads(answer.read())
        paths = document["paths"].items()
        return {path: _samples(path, verbs["post"]) for path, verbs in paths if "post" in verbs}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"`{base}/openapi.json` cannot be read: {_short(error)}.",
            hint="Is the server running? Another one is asked with `--route` and `--data FILE`.",
        ) from error


def _short(error: Exception) -> str:
    """Why, without the error in the error."""
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason).rstrip(".")


def _samples(path: str, operation: dict[str, Any]) -> Samples | None:
    try:
        inputs = operation["requestBody"]["content"][_JSON]["example"]["instances"]
        outputs = operation["responses"]["200"]["content"][_JSON]["example"]["predictions"]
    except (KeyError, TypeError):
        return None
    return Samples(path.lstrip("/"), list(inputs), list(outputs))
