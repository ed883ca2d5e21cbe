"""ImageOptions: tag, base, engine and destination of an image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..layers.compressed_layer import Compression
from ..layers.packages.bytecode import Bytecode

EngineName = Literal["auto", "none", "docker", "buildkit", "podman", "buildah"]


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """The options of `bundle containerize`.

    tags         of the image; none: one made of its name and version
    push         whether it goes to the registry in each of its tags
    engine       `auto`: the one that answers; without `output` and where none answers, none, if
                 the image is pushed and none is needed. `none`: base image and files alone.
    output       without an engine: `oci:DIR`, the path of a tar for `docker load`, or `-`
    base         where layers are made here: another base image, a reference or `oci:DIR[:NAME]`
    platform     of the bundle's; None: this machine's, else the bundle's first
    compression  without an engine: of layers other than the models'
    bytecode     where layers are made here: whether Python's files are compiled, once
    build_args   of the Containerfile
    wheels       of the Containerfile: installed before an index is asked
    containerfile  with an engine: have it build, though the layers could be made here
    """

    tags: tuple[str, ...] = ()
    push: bool = False
    engine: EngineName = "auto"
    output: str | None = None
    base: str | None = None
    platform: str | None = None
    compression: Compression = "none"
    bytecode: Bytecode = "auto"
    offline: bool = False
    plain_http: bool = False
    build_args: Mapping[str, str] = field(default_factory=dict)
    wheels: Sequence[Path] = ()
    containerfile: bool = False

    @property
    def is_without(self) -> bool:
        """Whether something was asked for that no engine does."""
        return self.output is not None or self.compression != "none"

    @property
    def shapes_layers(self) -> bool:
        """Whether something was asked for that a Containerfile does not do."""
        return self.base is not None or self.bytecode != "auto"
