"""Options of an image: its tag, engine, base and destination."""

from typing import Annotated, Literal

from typer import Option

ImageTags = Annotated[
    list[str] | None, Option("--tag", "-t", metavar="TAG", help="Tag of the image; repeatable.")
]
Push = Annotated[bool, Option("--push", help="Push every tag when it is built.")]
Platform = Annotated[
    str | None, Option("--platform", metavar="OS/ARCH", help="E.g. `linux/arm64`.")
]
BuildArgs = Annotated[
    list[str] | None,
    Option("--build-arg", metavar="KEY=VALUE", help="Passed to the engine; repeatable."),
]
Print = Annotated[bool, Option("--print", help="Only print the Containerfile.")]
Engine = Annotated[
    Literal["auto", "none", "docker", "buildkit", "podman", "buildah"],
    Option("--engine", help="What builds it; `none` needs nothing but the files."),
]
Output = Annotated[
    str | None,
    Option(
        "--output",
        "-o",
        metavar="WHERE",
        help="Without an engine: `oci:DIR`, a FILE.tar for `docker load`, or `-`.",
    ),
]
Base = Annotated[
    str | None,
    Option(
        "--base",
        metavar="IMAGE",
        help="Another base image; `oci:DIR[:NAME]` is one on this machine.",
    ),
]
Compression = Annotated[
    Literal["none", "gzip", "zstd"],
    Option("--compression", help="Without an engine: of all layers but the models'."),
]
Bytecode = Annotated[
    Literal["auto", "none"], Option("--bytecode", help="Whether Python's files are compiled here.")
]
Containerfile = Annotated[
    bool,
    Option("--containerfile", help="Let the engine build, even if the layers could be made here."),
]
Explain = Annotated[
    bool, Option("--explain", help="Only print which layers it will have, and why.")
]
