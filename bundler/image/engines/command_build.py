"""Builds with the command of Podman, Buildah, or Docker's BuildKit."""

import json
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import scratch
from ...errors import EngineUnavailable, ImageFailed
from ...layers.member import TIME
from ..made_image import MadeImage
from ..recipe.containerfile import NAME
from .build_log import SHOWN

_PROGRAMS = {"podman": "podman", "buildah": "buildah", "buildkit": "docker"}
_TIMES = ("--timestamp", str(TIME))  # of the image, and of every file that a layer adds
_BUILD = {
    "podman": ("build", "--format", "docker", "--layers", *_TIMES),
    "buildah": ("build", "--format", "docker", "--layers", *_TIMES),
    # Without attestations: they would make an index of the image, with the time in it.
    "buildkit": ("buildx", "build", "--load", "--progress", "plain", "--provenance=false"),
}
_INSPECT = {
    "podman": ("image", "inspect"),
    "buildah": ("inspect", "--type", "image"),
    "buildkit": ("image", "inspect"),
}
_VERSION = {"buildkit": ("buildx", "version")}
_TIMEOUT = 20.0  # seconds, of what answers at once


@dataclass(frozen=True, slots=True)
class CommandEngine:
    """A command that builds images; they belong to the user who runs it."""

    name: str
    program: Path

    def build(
        self,
        directory: Path,
        tags: Sequence[str],
        arguments: Mapping[str, str],
        platform: str | None,
        push: bool,
    ) -> MadeImage:
        """Build the image of the bundle in `directory`, and push it under its tags.

        Raises:
            ImageFailed: with the last lines that the program said.
        """
        with scratch.folder("image") as folder:
            id_file = folder / "id"
            command = [*_BUILD[self.name], "--iidfile", str(id_file)]
            command += ["--file", str(directory / NAME)]
            command += [word for tag in tags for word in ("--tag", tag)]
            # Handed over by name: what a command line holds, every user of the machine reads.
            command += [word for name in arguments for word in ("--build-arg", name)]
            command += ["--platform", platform] if platform else []
            self.run([*command, str(directory)], "build the image", arguments)
            made = id_file.read_text("utf-8").strip()
        if push:
            self.push(tags)
        return self.image(made, tuple(tags))

    def image(self, made: str, tags: tuple[str, ...]) -> MadeImage:
        """What the program says of an image that it has."""
        first = self.inspect(made)
        config = first.get("OCIv1") or first
        layers = config.get("RootFS") or config.get("rootfs") or {}
        digests = layers.get("Layers") or layers.get("diff_ids") or ()
        digest = first.get("Digest") or first.get("FromImageDigest")
        return MadeImage(made, tags, int(first.get("Size") or 0), tuple(digests), digest)

    def inspect(self, image: str) -> dict[str, Any]:
        """What the program knows of an image.

        Raises:
            ImageFailed: when it has none of that name, or says what is no answer.
        """
        answer = self.run([*_INSPECT[self.name], image], "look at it")
        try:
            about = json.loads(answer)
        except ValueError:
            about = None
        first = about[0] if isinstance(about, list) and about else about
        if not isinstance(first, dict):
            raise ImageFailed(f"{self.name} does not say what `{image}` is.")
        return first

    def push(self, tags: Sequence[str]) -> None:
        """Push an image under each of its tags."""
        for tag in tags:
            self.run(["push", tag], f"push `{tag}`")

    def run(
        self, arguments: Sequence[str], doing: str, variables: Mapping[str, str] | None = None
    ) -> str:
        """Run it with these arguments; what it printed.

        Raises:
            ImageFailed: with the last lines that it said.
        """
        try:
            done = subprocess.run(
                [str(self.program), *arguments], capture_output=True, text=True, check=False,
                stdin=subprocess.DEVNULL, env={**os.environ, **(variables or {})},
            )  # fmt: skip
        except OSError as error:
            raise ImageFailed(f"`{self.program}` cannot be run: {error}.") from error
        if done.returncode != 0:
            last = deque((done.stdout + done.stderr).splitlines(), maxlen=SHOWN)
            output = "".join(f"\n  {line}" for line in last)
            raise ImageFailed(f"{self.name} cannot {doing}.{output}")
        return done.stdout


def is_installed(name: str) -> bool:
    """Whether there is such a program."""
    return shutil.which(_PROGRAMS[name]) is not None


def installed() -> CommandEngine | None:
    """What is taken where no engine listens, unless a person has said where one does."""
    if "DOCKER_HOST" in os.environ:
        return None
    found = next(filter(is_installed, ("podman", "buildah")), None)
    return find(found) if found else None


def find(name: str) -> CommandEngine:
    """The program of that name.

    Raises:
        EngineUnavailable: when it is not installed, or does not run here.
    """
    found = shutil.which(_PROGRAMS[name])
    if found is None:
        raise EngineUnavailable(
            f"`{_PROGRAMS[name]}` is not installed.",
            hint="Install it, or use `--engine none` where no engine is needed.",
        )
    question = _VERSION.get(name, ("--version",))
    try:
        done = subprocess.run(
            [found, *question], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineUnavailable(f"`{found}` cannot be run: {error}.") from error
    if done.returncode != 0:
        raise EngineUnavailable(
            f"`{_PROGRAMS[name]} {' '.join(question)}` failed: {done.stderr.strip()[:200]}."
        )
    return CommandEngine(name, Path(found))
