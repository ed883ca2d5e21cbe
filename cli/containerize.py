"""`bundle containerize`: an image from a bundle."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import Console
from .listing import to_json
from .options import BundleTag, Json, Policy, Quiet, Trust
from .size import human

if TYPE_CHECKING:
    from ..bundler.store import Item

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


def containerize(
    bundle: BundleTag,
    tag: ImageTags = None,
    push: Push = False,
    platform: Platform = None,
    build_arg: BuildArgs = None,
    print_file: Print = False,
    trust: Trust = False,
    policy: Policy = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make the image of a bundle with Docker or Podman.

    Examples:

      bundle containerize fraud

      bundle containerize fraud -t registry.example.com/fraud:1.4 --push

      bundle containerize fraud --print
    """
    from ..bundler.store import Store

    console = Console(json=json, quiet=quiet)
    store = Store.default()
    item = store.find(bundle, "bundle")
    if print_file:
        text = (store.directory(item) / "Containerfile").read_text("utf-8")
        console.result(to_json(item) | {"containerfile": text}, text.rstrip("\n"))
        return
    if trust:
        store.trust.grant(item.digest, "--trust")
    options = {"tags": tuple(tag or ()), "push": push, "platform": platform, "policy": policy}
    image = make_image(item, console, **options, build_args=pairs(build_arg or []))
    text = f"Made `{image['tags'][0]}` ({human(image['size'])})."
    run = f"docker run --rm -p 8080:8080 {image['tags'][0]}"
    console.result(to_json(item) | {"image": image}, text, next_command=run)


def make_image(item: "Item", console: Console, **options: Any) -> dict[str, Any]:
    """Build (and push) the image of a bundle; what came of it, for a program."""
    from dataclasses import asdict

    from ..bundler.image import image
    from ..bundler.store import Store

    made = image.containerize(item, Store.default(), progress=console, **options)
    return asdict(made)


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
