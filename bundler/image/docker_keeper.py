"""Docker as a keeper: `docker load` over its API.

It reads the tar's own `manifest.json` and looks for each layer by the chain below it; what is
there already may be missing in the tar.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ImageFailed
from ..progress import Progress
from . import load_tar
from .assembly import Assembly
from .docker_build import tagged, told
from .engine import Engine
from .image_settings import DIGEST_LABEL
from .keeper import ASKED, Sent, common
from .made_image import MadeImage

_ASKED = 64  # images of bundles, the newest ones


class DockerKeeper:
    """See `Keeper`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._base: tuple[str, ...] = ()
        self.name = engine.name

    def about(self, reference: str) -> Mapping[str, Any] | None:
        """See `Keeper`."""
        from docker.errors import ImageNotFound

        try:
            with told(self._engine, f"look at `{reference}`", passing=ImageNotFound):
                found = self._engine.client.api.inspect_image(reference)
        except ImageNotFound:
            return None
        config = oci_config(found)
        self._base = tuple(config["rootfs"]["diff_ids"])
        return config

    def python(self, reference: str) -> str | None:
        """See `Keeper`; it runs without a network."""
        with told(self._engine, f"run `{reference}`"):
            said: bytes | None = self._engine.client.containers.run(
                reference, ["-c", ASKED], entrypoint=["python3"], network_disabled=True, remove=True
            )
        # Docker keeps nothing of what is said where its logs go elsewhere.
        return said.decode("utf-8", "replace") if said else None

    def fetch(self, reference: str, platform: str) -> None:
        """See `Keeper`."""
        reason = None
        with told(self._engine, f"pull `{reference}`"):
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
        """See `Keeper`."""
        if self.name != "Docker":
            return frozenset()
        chains = [self._base]
        with told(self._engine, "look at its images"):
            images = self._engine.client.api.images(filters={"label": DIGEST_LABEL})
            chains += [self._layers(image["Id"]) for image in images[:_ASKED]]
        return common(diff_ids, chains)

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
        """See `Keeper`."""
        reason = None
        with (
            progress.meter(f"Handing {tags[0]} to {self.name}", sent.size) as meter,
            told(self._engine, "take the image"),
        ):
            data = load_tar.chunks(assembly, tags, meter, sent.absent)
            for event in self._engine.client.api.load_image(data):
                reason = event.get("error", reason)
        if reason is not None:
            raise ImageFailed(f"{self.name} cannot take the image: {reason}.")
        return tagged(self._engine, tags[0], tuple(tags))


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
