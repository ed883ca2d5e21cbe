"""Loads an image into Docker: `docker load` over its API.

It reads the tar's own `manifest.json` and looks for each layer by the chain below it; what is
there already may be missing in the tar.
"""

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ...errors import ImageFailed
from ...progress import Progress
from ..assembly import Assembly
from ..made_image import MadeImage
from ..recipe.image_settings import DIGEST_LABEL
from . import load_tar
from .docker_build import engine_errors, tagged
from .engine import Engine
from .image_loader import ASKED, Sent, shared_layers

_ASKED = 64  # images of bundles, the newest ones


class DockerLoader:
    """See `ImageLoader`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._base: tuple[str, ...] = ()
        self.name = engine.name
        self.takes_parts = engine.name == "Docker"  # Podman's service takes whole images alone

    def about(self, reference: str) -> Mapping[str, Any] | None:
        """See `ImageLoader`."""
        from docker.errors import ImageNotFound

        try:
            with engine_errors(self._engine, f"look at `{reference}`", passing=ImageNotFound):
                found = self._engine.client.api.inspect_image(reference)
        except ImageNotFound:
            return None
        config = oci_config(found)
        self._base = tuple(config["rootfs"]["diff_ids"])
        return config

    def python(self, reference: str) -> str | None:
        """See `ImageLoader`; it runs without a network."""
        api, name = self._engine.client.api, f"bundle-asks-{os.getpid()}-{secrets.token_hex(4)}"
        with engine_errors(self._engine, f"run `{reference}`"):
            try:
                api.create_container(
                    reference,
                    ["-c", ASKED],
                    entrypoint=["python3"],
                    network_disabled=True,
                    name=name,
                )
                api.start(name)
                status = api.wait(name)["StatusCode"]
                output = self._output(name)
            finally:  # whatever ends it, Ctrl-C included
                self._remove(name)
        if status:
            raise ImageFailed(f"{self.name} cannot run `{reference}`: {_last(output)}.")
        return output or None

    def _output(self, container: str) -> str:
        """What a container printed; nothing where its logs go to a service."""
        from docker.errors import APIError

        try:
            output: bytes = self._engine.client.api.logs(container)
        except APIError:
            return ""
        return output.decode("utf-8", "replace")

    def _remove(self, container: str) -> None:
        from docker.errors import NotFound

        with suppress(NotFound):
            self._engine.client.api.remove_container(container, v=True, force=True)

    def fetch(self, reference: str, platform: str) -> None:
        """See `ImageLoader`."""
        reason = None
        with engine_errors(self._engine, f"pull `{reference}`"):
            name, _, digest = reference.partition("@")
            repository, colon, tag = name.rpartition(":")
            if not colon or "/" in tag:
                repository, tag = name, "latest"
            events = self._engine.client.api.pull(
                repository, digest or tag, stream=True, decode=True, platform=platform
            )
            for event in events:
                reason = event.get("error", reason)
        if reason is not None:
            raise ImageFailed(f"{self.name} cannot pull `{reference}`: {reason}.")

    def has(self, diff_ids: Sequence[str]) -> frozenset[str]:
        """See `ImageLoader`."""
        if self.name != "Docker":
            return frozenset()
        chains = [self._base]
        with engine_errors(self._engine, "look at its images"):
            images = self._engine.client.api.images(filters={"label": DIGEST_LABEL})
            chains += [self._layers(image["Id"]) for image in images[:_ASKED]]
        return shared_layers(diff_ids, chains)

    def _layers(self, image: str) -> tuple[str, ...]:
        """The layers of an image; none if it was deleted meanwhile."""
        from docker.errors import ImageNotFound

        try:
            found = self._engine.client.api.inspect_image(image)
        except ImageNotFound:
            return ()
        return tuple((found.get("RootFS") or {}).get("Layers") or ())

    def take(
        self, assembly: Assembly, sent: Sent, tags: Sequence[str], progress: Progress
    ) -> MadeImage:
        """See `ImageLoader`."""
        reason = None
        with (
            progress.meter(f"Handing {tags[0]} to {self.name}", sent.size) as meter,
            engine_errors(self._engine, "take the image"),
        ):
            data = load_tar.chunks(assembly, tags, meter, sent.absent)
            for event in self._engine.client.api.load_image(data):
                reason = event.get("error", reason)
        if reason is not None:
            raise ImageFailed(f"{self.name} cannot take the image: {reason}.")
        return tagged(self._engine, tags[0], tuple(tags))


def _last(text: str) -> str:
    lines = [line.strip().rstrip(".") for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it failed"


def oci_config(about: Mapping[str, Any]) -> dict[str, Any]:
    """What an engine's `inspect` says of an image, as OCI writes it."""
    found: dict[str, Any] = {
        "architecture": about.get("Architecture"),
        "os": about.get("Os"),
        "config": about.get("Config") or {},
        "rootfs": {"type": "layers", "diff_ids": (about.get("RootFS") or {}).get("Layers") or []},
    }
    more = {"variant": about.get("Variant"), "os.version": about.get("OsVersion")}
    return found | {name: text for name, text in more.items() if text}
