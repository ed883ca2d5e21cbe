"""Image: makes a container image from a bundle, with an engine or without, and pushes it."""

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...runtime.errors import NotTrusted
from ...runtime.manifests.bundle_manifest import BundleManifest
from ..errors import BuildError, EngineUnavailable, InvalidDestination, InvalidTag
from ..progress import SILENT, Progress
from ..requirements.libraries import unvouched
from ..signing.policy import Policy
from .engineless import Engineless, check, chosen_platform
from .engines import command_build, docker_build
from .engines.build_context import BuildContext, own_entry
from .engines.command_loader import CommandLoader
from .engines.docker_loader import DockerLoader
from .engines.engine import Engine, connect
from .engines.image_loader import ImageLoader, LoadRefused
from .image_options import ImageOptions
from .made_image import MadeImage
from .recipe import image_config
from .recipe.containerfile import ARGUMENTS, DIGEST, VERSION
from .recipe.image_settings import TRUST, ImageSettings
from .recipe.needs import engine_reasons

if TYPE_CHECKING:
    from ..store import Item, Store

_TAG = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::[0-9]{1,5})?/)?[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)


def containerize(
    item: "Item",
    store: "Store",
    options: ImageOptions = ImageOptions(),  # noqa: B008  frozen
    *,
    policy: Path | None = None,
    progress: Progress = SILENT,
) -> MadeImage:
    """Make the image of the bundle `item`, and bring it to the destination in `options`.

    Runs nothing of the bundle. A trusted bundle's digest is written into the image, so that the
    server in it may load what executes code.

    Raises:
        NotTrusted: when it executes code that is not trusted on this machine.
        Refused: when `policy`, or else the store's own, does not allow it.
        EngineUnavailable: when no engine answers, and one is needed; says why it is.
        ImageFailed: when the engine cannot build or push; carries its last lines.
        RegistryError: when, without an engine, a registry cannot be reached or says no.
        ResolveError: when, without an engine, packages cannot be fetched.
        InvalidTag: for a tag that no registry takes.
        BuildError: for another platform than the bundle's, a base image of Alpine, or a build
            argument that is ours.
        Damaged: when a file of the bundle differs from its digest.
    """
    if rules := Policy.of(store, policy):
        rules.check(item, store)
    manifest = BundleManifest.read(store.directory(item))
    _check_trust(item, manifest, store)
    _check_arguments(options.build_args)
    options = replace(options, tags=_checked_tags(options.tags or (default_tag(item),)))
    chosen_platform(manifest, options.platform)
    image_config.check_libc({}, options.base or ImageSettings.of(manifest).base)
    engine = _engine(options, manifest, progress)
    if engine is None:
        if not (options.push or options.output):
            raise InvalidDestination(
                "An image that no engine keeps has to go somewhere.",
                hint="Add `--output oci:DIR`, `--output FILE.tar` or `--push`.",
            )
        return Engineless(item, store, options, progress).run()
    with store.hold(item), engine if isinstance(engine, Engine) else nullcontext():
        if kept := _kept(engine, item, store, options, progress):
            return _pushed(engine, kept, progress) if options.push else kept
        return _built(engine, item, store, options, progress)


def _engine(
    options: ImageOptions, manifest: BundleManifest, progress: Progress
) -> "Engine | command_build.CommandEngine | None":
    """The engine that builds or keeps it; None where it is made without one."""
    is_auto = options.engine == "auto"
    takes_none = options.is_without or (options.push and options.shapes_layers)
    if options.engine == "none" or (is_auto and takes_none and not options.containerfile):
        check(manifest, options.build_args, options.wheels)
        return None
    if options.is_without:
        raise InvalidDestination(
            "`--output` and `--compression` are for images made without an engine.",
            hint="Add `--engine none`, or take an image from an engine with `docker save`.",
        )
    _check_layers(options, _building(manifest, options))
    if options.engine in {"podman", "buildah", "buildkit"}:
        return command_build.find(options.engine)
    try:
        return connect()
    except EngineUnavailable:
        if is_auto and (program := command_build.installed()):
            return program
        if not (is_auto and options.push) or engine_reasons(manifest, options.build_args, ()):
            raise
    progress.step("No container engine answers; the image needs none")
    return None


def _building(manifest: BundleManifest, options: ImageOptions) -> list[str]:
    """Why an engine has to follow the Containerfile; nothing if layers can be made here."""
    reasons = engine_reasons(manifest, options.build_args, options.wheels)
    reasons += ["`--containerfile` says so"] if options.containerfile else []
    return [*reasons, *(["BuildKit builds"] if options.engine == "buildkit" else [])]


def _check_layers(options: ImageOptions, reasons: Sequence[str]) -> None:
    """Refuse what a Containerfile does not do."""
    if reasons and options.shapes_layers:
        raise InvalidDestination(
            "`--base` and `--bytecode` are for layers that are made here, and this image is built "
            f"from its Containerfile, because {'; '.join(reasons)}.",
            hint="Leave them out; `image.base` in the bundlefile names another base image.",
        )


def _kept(
    engine: "Engine | command_build.CommandEngine",
    item: "Item",
    store: "Store",
    options: ImageOptions,
    progress: Progress,
) -> MadeImage | None:
    """The image of layers that are made here, on the engine; None where it has to build."""
    reasons = _building(BundleManifest.read(store.directory(item)), options)
    loader = _loader(engine, options)
    if reasons or loader is None:
        _check_layers(
            options, reasons or [f"the service of {engine.name} takes whole images alone"]
        )
        return None
    try:
        return Engineless(item, store, options, progress, loader).run()
    except LoadRefused as error:
        if options.shapes_layers:
            raise
        progress.step(f"{engine.name} builds the Containerfile instead: {error}")
    return None


def _loader(
    engine: "Engine | command_build.CommandEngine", options: ImageOptions
) -> ImageLoader | None:
    if isinstance(engine, command_build.CommandEngine):
        return CommandLoader(engine) if engine.name != "buildkit" else None
    # Podman's service takes whole images alone, and so none whose base only itself can read.
    return DockerLoader(engine) if engine.name == "Docker" or options.base else None


def _pushed(
    engine: "Engine | command_build.CommandEngine", image: MadeImage, progress: Progress
) -> MadeImage:
    if isinstance(engine, command_build.CommandEngine):
        engine.push(image.tags)
        return image
    return docker_build.pushed(engine, image, progress)


def _built(
    engine: "Engine | command_build.CommandEngine",
    item: "Item",
    store: "Store",
    options: ImageOptions,
    progress: Progress,
) -> MadeImage:
    directory = store.directory(item)
    manifest = BundleManifest.read(directory)
    arguments = _arguments(item, options.build_args)
    if isinstance(engine, command_build.CommandEngine):
        if options.wheels:
            raise BuildError(f"{engine.name} takes no further folder of wheels.")
        progress.step(f"Building with {engine.name}")
        return engine.build(directory, options.tags, arguments, options.platform, options.push)
    files = [*store.files(item), own_entry(item, directory)]
    context = BuildContext(directory, files, options.wheels)
    target = options.platform or _foreign(engine, manifest)
    made = docker_build.build(engine, context, options.tags[0], arguments, target, progress)
    image = docker_build.tagged(engine, made, options.tags)
    return docker_build.pushed(engine, image, progress) if options.push else image


def default_tag(item: "Item") -> str:
    """`name:version`; a tag of an image has no `+`."""
    return f"{item.name}:{item.version.replace('+', '-')}"


def _check_trust(item: "Item", manifest: BundleManifest, store: "Store") -> None:
    """As the server will: trust is in the bundle, or in each model of one without own code."""
    if store.trust.is_trusted(item.digest):
        return
    if not item.imported:  # else its runtime and its packages are somebody's code, too
        models = [model.digest for model in manifest.models if model.executes_code]
        are_trusted = all(store.trust.is_trusted(model) for model in models)
        if manifest.service is None and are_trusted and not unvouched(manifest, store):
            return
    raise NotTrusted(
        f"`{item.tag}` runs code that is not trusted on this machine; an image of it "
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


def _check_arguments(given: Mapping[str, str]) -> None:
    for name in ARGUMENTS:
        if name in given:
            raise BuildError(f"`{name}` is set from the bundle and cannot be given.")


def _arguments(item: "Item", given: Mapping[str, str]) -> dict[str, str]:
    hexadecimal = item.digest.removeprefix("sha256:")
    own = {DIGEST: item.digest, VERSION: item.version, TRUST: hexadecimal}
    return {**given, **own}


def _foreign(engine: Engine, manifest: BundleManifest) -> str | None:
    """The platform to ask the engine for, when the bundle is not for its own."""
    known = manifest.image.get("platforms") or ()
    return known[0] if known and engine.platform not in known else None
