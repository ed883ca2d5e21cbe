"""The one line that `bundle serve --json` prints when the server is ready."""

from typing import TYPE_CHECKING, Any

from ...runtime.manifests.bundle_manifest import BundleManifest

if TYPE_CHECKING:
    from ...bundler.serving.running import RunningServer
    from ...bundler.serving.serving import Launch


def announcement(launch: "Launch", running: "RunningServer") -> dict[str, Any]:
    """The object; `pid` is who takes signals: SIGTERM, and SIGHUP for a restart."""
    manifest = BundleManifest.read(launch.directory)
    return {
        "tag": launch.tag,
        "digest": launch.digest,
        "url": running.url,
        "pid": running.pid,
        "routes": [route.path for route in manifest.routes],
        "environment": str(launch.environment.python),
    }
