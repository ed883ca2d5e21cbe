"""Options of an image: what it is called, what builds it, on what, and where it goes."""

from typing import Annotated, Literal

import typer

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
        "--containerfile", help="Let the engine build, even if the layers could be made here."
    ),
]
Explain = Annotated[
    bool, typer.Option("--explain", help="Only print which layers it will have, and why.")
]
