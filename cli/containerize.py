"""`bundle containerize`: an image from a bundle."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .console import Console
from .listing import to_json
from .options import BundleTag, Json, Offline, PlainHttp, Policy, Quiet, Trust, Vendor
from .size import human

if TYPE_CHECKING:
    from ..bundler.store import Item
    from ..runtime.manifest import BundleManifest

ImageTags = Annotated[
    list[str] | None,
    typer.Option("--tag", "-t", metavar="TAG", help="Tag of the image; repeatable."),
]
Push = Annotated[bool, typer.Option("--push", help="Push every tag when it is built.")]
Platform = Annotated[
    str | None, typer.Option("--platform", metavar="OS/ARCH", help="E.g. `linux/arm64`.")
]
BuildArgs = Annotated[
    list[str] | None,
    typer.Option("--build-arg", metavar="KEY=VALUE", help="Passed to the engine; repeatable."),
]
Print = Annotated[bool, typer.Option("--print", help="Only print the Containerfile.")]
Engine = Annotated[
    Literal["auto", "none", "docker", "buildkit", "podman", "buildah"],
    typer.Option("--engine", help="What builds it; `none` needs nothing but the files."),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="WHERE",
        help="Without an engine: `oci:DIR`, a FILE.tar for `docker load`, or `-`.",
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        metavar="IMAGE",
        help="Another base image; `oci:DIR[:NAME]` is one on this machine.",
    ),
]
Compression = Annotated[
    Literal["none", "gzip", "zstd"],
    typer.Option("--compression", help="Without an engine: of all layers but the models'."),
]
Bytecode = Annotated[
    Literal["auto", "none"],
    typer.Option("--bytecode", help="Whether Python's files are compiled here."),
]
Containerfile = Annotated[
    bool,
    typer.Option(
        "--containerfile", help="With an engine: have it build, though layers could be made here."
    ),
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Only say which layers it will have, and why.")
]


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
    """Make the image of a bundle, with a container engine or without one.

    Examples:

      bundle containerize fraud

      bundle containerize fraud -t ghcr.io/team/fraud:1.4 --push --engine none

      bundle containerize fraud --output fraud.tar && docker load -i fraud.tar

      bundle containerize fraud --explain
    """
    from ..bundler.store import Store

    console = Console(json=json, quiet=quiet)
    store = Store.default()
    item = store.find(bundle, "bundle")
    if print_file:
        text = (store.directory(item) / "Containerfile").read_text("utf-8")
        console.result(to_json(item) | {"containerfile": text}, text.rstrip("\n"))
        return
    if explain:
        _explain(item, platform, console)
        return
    if trust:
        store.trust.grant(item.digest, "--trust")
    options = {"tags": tuple(tag or ()), "push": push, "policy": policy}
    means: dict[str, Any] = {"engine": engine, "output": output, "base": base}
    means |= {"compression": compression, "bytecode": bytecode, "platform": platform}
    means |= {"build_args": pairs(build_arg or []), "containerfile": containerfile}
    means |= {"plain_http": plain_http, "offline": offline}
    with _from(vendor, item, means):
        image = make_image(item, console, means=means, **options)
    if output == "-":
        return  # what was printed is the image
    console.result(
        to_json(item) | {"image": image}, _made(image), next_command=_next(image, engine)
    )


def _manifest(item: "Item") -> "BundleManifest":
    from ..bundler.store import Store
    from ..runtime.manifest import BundleManifest

    return BundleManifest.read(Store.default().directory(item))


@contextmanager
def _from(vendor: Path | None, item: "Item", means: dict[str, Any]) -> Iterator[None]:
    """Have wheels and base image taken from a folder of `bundle vendor`."""
    if vendor is None:
        yield
        return
    from ..bundler.requirements.wheelhouse import Wheelhouse

    house = Wheelhouse.open(vendor)
    means["offline"] = True
    if _builds(item, means):
        _check_python(item, means["build_args"])
        means["wheels"] = sorted(house.wheels.glob("*.whl"))
        means["build_args"] = {**means["build_args"], "PIP_NO_INDEX": "1"}
    elif means["base"] is None:
        means["base"] = house.base_of(str(_manifest(item).accelerator.get("base") or ""))
    with house.in_use():
        yield


def _check_python(item: "Item", build_args: dict[str, str]) -> None:
    """An engine fetches Python by itself, and from no folder of ours."""
    from ..bundler.errors import BuildError
    from ..bundler.image.image_settings import ImageSettings

    settings = ImageSettings.of(_manifest(item))
    if not settings.brings_python and "PYTHON_MIRROR" not in build_args:
        raise BuildError(
            f"An engine that follows the Containerfile fetches Python for `{settings.base}`, and "
            "takes none that was vendored.",
            hint="Leave `--vendor` out, or serve its folder `python` where the engine reaches it, "
            "and add `--build-arg PYTHON_MIRROR=URL`.",
        )


def _builds(item: "Item", means: dict[str, Any]) -> bool:
    """Whether an engine will follow the Containerfile."""
    from ..bundler.image.needs import engine_reasons

    if means["engine"] == "none" or means["output"] is not None:
        return False
    asked = means["containerfile"] or means["engine"] == "buildkit"
    return asked or bool(engine_reasons(_manifest(item), means["build_args"], ()))


def make_image(
    item: "Item", console: Console, *, means: dict[str, Any] | None = None, **options: Any
) -> dict[str, Any]:
    """Make (and push) the image of a bundle; what came of it, for a program."""
    from dataclasses import asdict

    from ..bundler.image import image
    from ..bundler.store import Store

    chosen = image.Means(**(means or {}))
    made = image.containerize(item, Store.default(), chosen, progress=console, **options)
    return asdict(made)


def _made(image: dict[str, Any]) -> str:
    moved = "" if image["moved"] is None else f", {human(image['moved'])} of it moved"
    where = f" as `{image['output']}`" if image["output"] else ""
    size = f" ({human(image['size'])}{moved})" if image["size"] else ""  # Buildah does not say it
    return f"Made `{image['tags'][0]}`{where}{size}."


def _next(image: dict[str, Any], engine: str) -> str:
    output = image["output"]
    if output and not output.startswith("oci:"):
        return f"docker load -i {output}"
    if output:
        return f"skopeo copy {output}:{image['tags'][0]} docker://REGISTRY/NAME:TAG"
    program = "podman" if engine in {"podman", "buildah"} else "docker"
    return f"{program} run --rm -p 8080:8080 {image['tags'][0]}"


def _explain(item: "Item", platform: str | None, console: Console) -> None:
    """The plan of the image's layers, and why an engine would be needed."""
    from ..bundler.image import explanation
    from ..bundler.store import Store

    found = explanation.of(item, Store.default(), platform)
    lines = [f"On {found['base']}, for {found['platform']}:", ""]
    lines += [_row(number, layer) for number, layer in enumerate(found["layers"], 1)]
    lines += ["", *found["why"]]
    console.result(to_json(item) | {"plan": found}, "\n".join(lines))


def _row(number: int, layer: dict[str, Any]) -> str:
    size = layer["size"]
    about = "" if layer["exact"] else "about "
    shown = "not known yet" if size is None else f"{about}{human(size)}"
    state = "; as in the last image" if layer["reused"] else ""
    return f"{number:>3}  {shown:>15}  {layer['name']}: {layer['why']}{state}"


def pairs(texts: list[str]) -> dict[str, str]:
    """Read `KEY=VALUE` arguments.

    Raises:
        typer.BadParameter: for one that is not.
    """
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE.")
        found[key] = value
    return found
