"""What `bundle serve --json` prints once: the server is ready, and here it is."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..runtime.errors import BundleError
from ..runtime.manifest import BundleManifest
from ..runtime.process.address import Address
from ..runtime.settings import ServeSettings
from .console import Console
from .passing_server import PAUSE, free_port, is_ready
from .process import Child, exit_code

if TYPE_CHECKING:
    from ..bundler.serving import Launch


@dataclass(frozen=True, slots=True)
class Announcement:
    """Where the server will be, and the options that put it there."""

    launch: "Launch"
    address: Address
    options: list[str]
    console: Console

    @classmethod
    def of(cls, launch: "Launch", options: list[str], console: Console) -> "Announcement":
        """Settle the port beforehand: we have to know it, also where it may be any."""
        given = dict(option.split("=", 1) for option in options if "=" in option)
        port = int(given["--port"]) if "--port" in given else None
        if port == 0:
            port = free_port()
            options = [f"--port={port}" if o.startswith("--port=") else o for o in options]
        manifest = BundleManifest.read(launch.directory)
        settings = ServeSettings.from_json(manifest.serve)
        address = Address.choose(given.get("--host"), port, settings)
        return cls(launch, address, options, console)

    def wait(self, child: Child) -> None:
        """Say it when the server is ready.

        Raises:
            BundleError: when it ends before.
        """
        while child.poll() is None:
            if is_ready(self.address.url):
                self.console.result(self._data(child.pid))
                return
            time.sleep(PAUSE)
        raise _ended(child.returncode)

    def _data(self, pid: int) -> dict[str, Any]:
        manifest = BundleManifest.read(self.launch.directory)
        return {
            "tag": self.launch.tag,
            "digest": self.launch.digest,
            "url": self.address.url,
            "pid": pid,
            "routes": [route.path for route in manifest.routes],
            "environment": str(self.launch.environment.python),
        }


def _ended(code: int) -> BundleError:
    error = BundleError("The server ended before it was ready; stderr has its words.")
    error.exit_code = exit_code(code) or 1
    return error
