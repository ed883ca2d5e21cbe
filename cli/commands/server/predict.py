"""`bundle predict`: one request to a server, or to a bundle that is started for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from ....runtime.errors import BundleError
from ...options.completion import any_tags
from ...options.options import Env, Json, Offline, Quiet, Trust
from ...terminal.console import Console

if TYPE_CHECKING:
    from ....bundler.serving.serving import Launch, LaunchOptions

Target = Annotated[
    str,
    Argument(metavar="TARGET", help="A server's URL, a tag or a project.", autocompletion=any_tags),
]
Data = Annotated[
    str, Option("--data", "-d", metavar="FILE|-", help="The body: JSON, CSV, npy, Parquet, ...")
]
Type = Annotated[
    str | None, Option("--type", metavar="TYPE", help="Its content type; default: from the file.")
]
Method = Annotated[
    str | None,
    Option(
        "--route",
        "--method",
        "-m",
        metavar="NAME",
        help="Route or method to ask; default: predict, or the only one.",
    ),
]
Headers = Annotated[
    list[str], Option("--header", "-H", metavar="'NAME: VALUE'", help="Header to send; repeatable.")
]
Output = Annotated[
    Path | None,
    Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the answer there, in the format of its suffix.",
    ),
]
Timeout = Annotated[
    float, Option("--timeout", min=0.001, metavar="SECONDS", help="How long the answer may take.")
]
DEFAULT = "predict"
OK = range(200, 300)


def predict(
    target: Target,
    data: Data = "-",
    type: Type = None,
    method: Method = None,
    output: Output = None,
    header: Headers = [],  # noqa: B006 - typer's way to say none
    timeout: Timeout = 30.0,
    env: Env = "auto",
    trust: Trust = False,
    offline: Offline = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask for a prediction and print the answer.

    Examples:

      bundle predict http://127.0.0.1:8080 --data request.json

      echo '[[5.1, 3.5, 1.4, 0.2]]' | bundle predict model:iris

      bundle predict digit-reader --route read --data digit.png

      bundle predict churn --data people.parquet --output scores.parquet
    """
    from ....bundler.serving.serving import LaunchOptions
    from .answered import accepting, say, write
    from .request import Body, parsed, post

    console = Console(json=json, quiet=quiet)
    body = Body.read(data, type, console)
    headers = accepting(output) | parsed(header)
    options = LaunchOptions(env, trust=trust, offline=offline)
    with _address(target, method, options, console) as (url, item):
        answer = post(url, body, timeout, headers)
    if answer.status not in OK:
        hint = None if body.content else "Name a file with `--data FILE`, or send one to stdin."
        raise BundleError(f"The server answers {answer.status}: {answer.complaint()}", hint=hint)
    if output is None:
        say(answer, console, item)
    else:
        write(answer, output, console, item)


@contextmanager
def _address(
    target: str, method: str | None, options: "LaunchOptions", console: Console
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The URL to ask, of a server that runs at least as long as the block, and what a tag named."""
    if target.startswith(("http://", "https://")):
        yield _complete(target, method), {}
        return
    from ....bundler.serving.serving import prepare
    from ....bundler.store import Store
    from ...serving.temporary_server import running

    with prepare(target, Store.default(), options, console) as launch:
        path = _route(launch, method)
        console.step(launch.environment.why)
        with running(launch) as server:
            named = {"tag": launch.tag, "digest": launch.digest} if launch.item else {}
            yield server.url + path, named


def _complete(url: str, method: str | None) -> str:
    """A URL with a path is taken as it is, unless a method is asked for."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BundleError(f"`{url}` is not a URL: {error}.") from error
    if "@" in parts.netloc:  # and no message may repeat what stands before it
        raise BundleError(
            "The URL of a server has no user or password.",
            hint="Send them in a header: `--header 'Authorization: ...'`.",
        )
    if method is None and parts.path.strip("/"):
        return url
    return f"{url.rstrip('/')}/{(method or DEFAULT).lstrip('/')}"


def _route(launch: "Launch", method: str | None) -> str:
    from ....runtime.manifests.bundle_manifest import BundleManifest

    paths = [route.path for route in BundleManifest.read(launch.directory).routes]
    wanted = f"/{(method or DEFAULT).lstrip('/')}"
    if wanted in paths:
        return wanted
    if method is None and len(paths) == 1:
        return paths[0]
    known = ", ".join(f"`{path.lstrip('/')}`" for path in paths)
    raise BundleError(f"There is no route `{wanted}`.", hint=f"Ask with `--method` for {known}.")
