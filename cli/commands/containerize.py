"""`bundle containerize`: an image from a bundle."""

import shlex
from typing import TYPE_CHECKING, Any

from ..options.image import (
    Base,
    BuildArgs,
    Bytecode,
    Compression,
    Containerfile,
    Engine,
    Explain,
    ImageTags,
    Output,
    Platform,
    Print,
    Push,
)  # fmt: skip
from ..options.options import BundleTag, Json, Offline, PlainHttp, Policy, Quiet, Trust, Vendor
from ..options.pairs import pairs
from ..terminal.console import Console
from ..terminal.size import human
from . import image_plan, vendored
from .item_json import to_json

if TYPE_CHECKING:
    from pathlib import Path

    from ...bundler.image.image_options import ImageOptions
    from ...bundler.store import Item


def containerize(
    bundle: BundleTag,
    tag: ImageTags = None,
    push: Push = False,
    engine: Engine = "auto",
    output: Output = None,
    base: Base = None,
    compression: Compression = "none",
    bytecode: Bytecode = "auto",
    platform: Platform = None,
    build_arg: BuildArgs = None,
    containerfile: Containerfile = False,
    explain: Explain = False,
    print_file: Print = False,
    trust: Trust = False,
    policy: Policy = None,
    plain_http: PlainHttp = False,
    offline: Offline = False,
    vendor: Vendor = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Build the container image of a bundle, with or without an engine.

    Examples:

      bundle containerize fraud

      bundle containerize fraud -t ghcr.io/team/fraud:1.4 --push --engine none

      bundle containerize fraud --output fraud.tar && docker load -i fraud.tar

      bundle containerize fraud --explain
    """
    from ...bundler.image.image_options import ImageOptions
    from ...bundler.store import Store

    console = Console(json=json, quiet=quiet)
    item = Store.default().find(bundle, "bundle")
    if print_file or explain:
        _print(item, console) if print_file else image_plan.show(item, platform, console)
        return
    options = ImageOptions(
        tags=tuple(tag or ()), push=push, engine=engine, output=output, base=base,
        platform=platform, compression=compression, bytecode=bytecode, offline=offline,
        plain_http=plain_http, build_args=pairs(build_arg or []), containerfile=containerfile,
    )  # fmt: skip
    if trust:
        Store.default().trust.grant(item.digest, "--trust")
    _make(item, options, vendor, policy, console)


def _make(
    item: "Item",
    options: "ImageOptions",
    vendor: "Path | None",
    policy: "Path | None",
    console: Console,
) -> None:
    with vendored.taken(vendor, item, options) as chosen:
        image = make_image(item, console, chosen, policy=policy)
    if options.output != "-":  # else what was printed is the image
        data = to_json(item) | {"image": image}
        console.result(data, _made(image), next_command=_next(image, options.engine))


def _print(item: "Item", console: Console) -> None:
    from ...bundler.store import Store
    from ...bundler.untrusted import bundle_text

    path = Store.default().directory(item) / "Containerfile"
    text = bundle_text.read(path, path.name)
    console.result(to_json(item) | {"containerfile": text}, text.rstrip("\n"))


def make_image(
    item: "Item",
    console: Console,
    options: "ImageOptions | None" = None,
    *,
    policy: "Path | None",
) -> dict[str, Any]:
    """Make (and push) the image of a bundle; what came of it, for a program."""
    from dataclasses import asdict

    from ...bundler.image import image
    from ...bundler.image.image_options import ImageOptions
    from ...bundler.store import Store

    chosen = options or ImageOptions()
    made = image.containerize(item, Store.default(), chosen, policy=policy, progress=console)
    return asdict(made)


def _made(image: dict[str, Any]) -> str:
    moved = "" if image["moved"] is None else f", {human(image['moved'])} of it moved"
    where = f" as `{image['output']}`" if image["output"] else ""
    size = f" ({human(image['size'])}{moved})" if image["size"] else ""  # Buildah does not say it
    return f"Made `{image['tags'][0]}`{where}{size}."


def _next(image: dict[str, Any], engine: str) -> str:
    output = image["output"]
    if output and not output.startswith("oci:"):
        return f"docker load -i {shlex.quote(output)}"
    if output:
        source = shlex.quote(f"{output}:{image['tags'][0]}")
        return f"skopeo copy {source} docker://REGISTRY/NAME:TAG"
    program = "podman" if engine in {"podman", "buildah"} else "docker"
    return f"{program} run --rm -p 8080:8080 {image['tags'][0]}"
