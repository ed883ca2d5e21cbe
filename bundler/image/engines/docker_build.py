"""Builds over Docker's API: with Docker itself, or Podman's service."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...errors import ImageFailed
from ...progress import Progress
from ..made_image import MadeImage
from ..recipe.containerfile import NAME
from .build_context import BuildContext
from .build_log import BuildLog
from .engine import Engine


def build(
    engine: Engine,
    context: BuildContext,
    tag: str,
    arguments: Mapping[str, str],
    platform: str | None,
    progress: Progress,
) -> str:
    """Build an image; its id."""
    log = BuildLog(progress)
    progress.step(f"Building with {engine.name} {engine.version}")
    with (
        engine_errors(engine, "build the image"),
        progress.meter("Sending the bundle", context.size) as meter,
    ):
        events = engine.client.api.build(
            fileobj=context.chunks(meter),
            custom_context=True,
            dockerfile=NAME,
            tag=tag,
            buildargs=dict(arguments),
            platform=platform,
            rm=True,
            forcerm=True,
            decode=True,
            timeout=None,  # a step may be silent for as long as it takes
        )
    with engine_errors(engine, "build the image"):
        for event in events:
            log.add(event)
    return log.result()


def tagged(engine: Engine, made: str, tags: tuple[str, ...]) -> MadeImage:
    """Tag an image that was built."""
    with engine_errors(engine, "tag the image"):
        for tag in tags[1:]:
            repository, version = _split(tag)
            engine.client.api.tag(made, repository, version)
        about = engine.client.api.inspect_image(made)
    layers = tuple(about.get("RootFS", {}).get("Layers") or ())
    return MadeImage(about["Id"], tags, int(about["Size"]), layers)


def pushed(engine: Engine, image: MadeImage, progress: Progress) -> MadeImage:
    """Push it under each of its tags; the image with the digest that the registry returned.

    Raises:
        ImageFailed: when the registry says no.
    """
    digest = None
    for tag in image.tags:
        with (
            engine_errors(engine, f"push `{tag}`"),
            progress.meter(f"Pushing {tag}", image.size) as meter,
        ):
            sent: dict[str, int] = {}
            for event in _push(engine, tag):
                now = (event.get("progressDetail") or {}).get("current", 0)
                before = sent.get(str(event.get("id")), 0)
                sent[str(event.get("id"))] = max(now, before)
                meter.advance(max(0, now - before))
                digest = (event.get("aux") or {}).get("Digest", digest)
    return MadeImage(image.id, image.tags, image.size, image.layers, digest)


def _push(engine: Engine, tag: str) -> Iterator[Mapping[str, Any]]:
    repository, version = _split(tag)
    reason = None
    for event in engine.client.api.push(repository, version, stream=True, decode=True):
        reason = event.get("error", reason)  # the stream is read to its end all the same
        yield event
    if reason is not None:
        raise _push_failure(tag, str(reason))


def _push_failure(tag: str, reason: str) -> ImageFailed:
    login = re.search(r"denied|unauthorized|authentication required|no basic auth", reason)
    host = tag.partition("/")[0]
    hint = f"See what `{host}` is, then try again; with `--engine none`, this tool pushes itself."
    if login:
        hint = f"Log in with `docker login {host}`."
    elif re.search(r"dial tcp|no such host|connection refused", reason):
        hint = f"Check how `{host}` is spelled, whether it is up, and the network of the engine."
    return ImageFailed(f"`{tag}` cannot be pushed: {reason.strip()}.", hint=hint)


def _split(tag: str) -> tuple[str, str]:
    name, colon, version = tag.rpartition(":")
    return (name, version) if colon and "/" not in version else (tag, "latest")


@contextmanager
def engine_errors(
    engine: Engine, doing: str, *, passing: type[Exception] | tuple[()] = ()
) -> Iterator[None]:
    """Say in a sentence what the docker SDK raises; `passing` is the caller's."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except passing:
        raise
    except DockerException as error:
        reason = getattr(error, "explanation", None) or error
        raise ImageFailed(f"{engine.name} cannot {doing}: {reason}") from error
    except (RequestException, OSError) as error:
        raise ImageFailed(
            f"{engine.name} at {engine.endpoint} went away while it was to {doing}: {error}",
            hint="Look at its log, then try again: finished layers are kept.",
        ) from error
