"""Image: a bundle built into a container image by the engine of this machine, and pushed."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...runtime.errors import NotTrusted
from ...runtime.manifest import BundleManifest, FileEntry
from ..errors import BuildError, ImageFailed, InvalidTag
from ..progress import NullProgress, Progress
from ..signing.policy import Policy
from .build_context import BuildContext
from .build_log import BuildLog
from .containerfile import ARGUMENTS, DIGEST, NAME, VERSION
from .engine import Engine, connect
from .image_settings import TRUST

if TYPE_CHECKING:
    from ..store import Item, Store

_TAG = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::[0-9]{1,5})?/)?[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)


@dataclass(frozen=True, slots=True)
class Image:
    """An image on the engine.

    id      "sha256:…" of its configuration
    tags    as asked for
    size    bytes, unpacked, base image included
    layers  digests of the unpacked layers, the base image's first
    digest  of its manifest in the registry, once it is pushed
    """

    id: str
    tags: tuple[str, ...]
    size: int
    layers: tuple[str, ...]
    digest: str | None = None


def containerize(  # noqa: PLR0913 - the public verb: one keyword for each decision of the caller
    item: "Item",
    store: "Store",
    *,
    tags: Sequence[str] = (),
    push: bool = False,
    platform: str | None = None,
    build_args: Mapping[str, str] | None = None,
    wheels: Sequence[Path] = (),
    policy: Path | None = None,
    progress: Progress | None = None,
) -> Image:
    """Build the image of the bundle `item`, and push it to the registry in each of its `tags`.

    Runs nothing of the bundle. A trusted bundle's digest is written into the image, so that the
    server in it may load what executes code. `wheels` are installed before an index is asked.

    Raises:
        NotTrusted: when it executes code that nobody on this machine has vouched for.
        Refused: when `policy`, or else the store's own, does not allow it.
        EngineUnavailable: when no engine answers.
        ImageFailed: when the engine cannot build or push; carries its last lines.
        InvalidTag: for a tag that no registry takes.
        BuildError: for another platform than the bundle's, or a build argument that is ours.
        Damaged: when a file of the bundle differs from its digest.
    """
    if rules := Policy.of(store, policy):
        rules.check(item, store)
    progress, directory = progress or NullProgress(), store.directory(item)
    manifest = BundleManifest.read(directory)
    _check_trust(item, manifest, store)
    names = _checked_tags(tags or (default_tag(item),))
    arguments = _arguments(item, build_args or {})
    _check_platform(platform, manifest)
    files = [*store.files(item), _own_entry(item, directory)]
    context = BuildContext(directory, files, wheels)
    with store.hold(item), connect() as engine:
        target = platform or _foreign(engine, manifest)
        made = _build(engine, context, names[0], arguments, target, progress)
        image = _tagged(engine, made, names)
        return _pushed(engine, image, progress) if push else image


def default_tag(item: "Item") -> str:
    """`name:version`; a tag of an image has no `+`."""
    return f"{item.name}:{item.version.replace('+', '-')}"


def _check_trust(item: "Item", manifest: BundleManifest, store: "Store") -> None:
    """As the server will: trust is in the bundle, or in each model of one without own code."""
    if store.trust.is_trusted(item.digest):
        return
    if not item.imported:  # else its runtime and its packages are somebody's code, too
        models = [model.digest for model in manifest.models if model.executes_code]
        if manifest.service is None and all(store.trust.is_trusted(model) for model in models):
            return
    raise NotTrusted(
        f"`{item.tag}` runs code that nobody on this machine has vouched for; an image of it "
        "would run that code wherever it goes.",
        hint=f"Look at it with `bundle show {item.tag}`. If you know where it comes from, add "
        "`--trust`.",
    )


def _checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise InvalidTag(
                f"{tag!r} is not a tag of an image.",
                hint="Write `name:version` or `registry.example.com/name:version`, the name in "
                "lower case.",
            )
    return tuple(tags)


def _arguments(item: "Item", given: Mapping[str, str]) -> dict[str, str]:
    for name in ARGUMENTS:
        if name in given:
            raise BuildError(f"`{name}` is filled in from the bundle; nobody else may.")
    hexadecimal = item.digest.removeprefix("sha256:")
    own = {DIGEST: item.digest, VERSION: item.version, TRUST: hexadecimal}
    return {**given, **own}


def _check_platform(platform: str | None, manifest: BundleManifest) -> None:
    known = manifest.image.get("platforms") or ()
    if platform is not None and known and platform not in known:
        raise BuildError(
            f"The bundle is locked for {', '.join(known)}, not for {platform}.",
            hint=f"Add `{platform}` under `platforms` in the bundlefile, then run `bundle build`.",
        )


def _foreign(engine: Engine, manifest: BundleManifest) -> str | None:
    """The platform to ask the engine for, when the bundle is not for its own."""
    known = manifest.image.get("platforms") or ()
    return known[0] if known and engine.platform not in known else None


def _own_entry(item: "Item", directory: Path) -> FileEntry:
    return FileEntry("bundle.json", item.digest, (directory / "bundle.json").stat().st_size)


def _build(
    engine: Engine,
    context: BuildContext,
    tag: str,
    arguments: Mapping[str, str],
    platform: str | None,
    progress: Progress,
) -> str:
    """Let the engine build; the image's id."""
    log = BuildLog(progress)
    progress.step(f"Building with {engine.name} {engine.version}")
    with (
        _told(engine, "build the image"),
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
    with _told(engine, "build the image"):
        for event in events:
            log.add(event)
    return log.result()


def _tagged(engine: Engine, made: str, tags: tuple[str, ...]) -> Image:
    with _told(engine, "tag the image"):
        for tag in tags[1:]:
            repository, version = _split(tag)
            engine.client.api.tag(made, repository, version)
        about = engine.client.api.inspect_image(made)
    layers = tuple(about.get("RootFS", {}).get("Layers") or ())
    return Image(about["Id"], tags, int(about["Size"]), layers)


def _pushed(engine: Engine, image: Image, progress: Progress) -> Image:
    digest = None
    for tag in image.tags:
        with _told(engine, f"push `{tag}`"), progress.meter(f"Pushing {tag}", image.size) as meter:
            sent: dict[str, int] = {}
            for event in _push(engine, tag):
                now = (event.get("progressDetail") or {}).get("current", 0)
                before = sent.get(str(event.get("id")), 0)
                sent[str(event.get("id"))] = max(now, before)
                meter.advance(max(0, now - before))
                digest = (event.get("aux") or {}).get("Digest", digest)
    return Image(image.id, image.tags, image.size, image.layers, digest)


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
    hint = f"Log in with `docker login {tag.partition('/')[0]}`." if login else None
    return ImageFailed(f"`{tag}` cannot be pushed: {reason.strip()}.", hint=hint)


def _split(tag: str) -> tuple[str, str]:
    name, colon, version = tag.rpartition(":")
    return (name, version) if colon and "/" not in version else (tag, "latest")


@contextmanager
def _told(engine: Engine, doing: str) -> Iterator[None]:
    """Say in a sentence what the docker SDK raises."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        yield
    except DockerException as error:
        reason = getattr(error, "explanation", None) or error
        raise ImageFailed(f"{engine.name} cannot {doing}: {reason}") from error
    except (RequestException, OSError) as error:
        raise ImageFailed(
            f"{engine.name} at {engine.endpoint} went away while it was to {doing}: {error}",
            hint="Look at its log, then try again: finished layers are kept.",
        ) from error
