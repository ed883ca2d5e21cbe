"""Build log: reads an engine's messages during a build, for progress and errors."""

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from ...errors import ImageFailed
from ...progress import Progress

SHOWN = 20  # lines of output in a message
WIDTH = 72  # characters of an instruction that are shown

_STEP = re.compile(r"step (\d+/\d+) ?: (.+)", re.IGNORECASE)
_MADE = re.compile(r"Successfully built ([0-9a-f]{12,64})|^([0-9a-f]{64})$")
_COLOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # Docker paints what a step writes to stderr
_COMMAND = re.compile(r"The command '.*' returned", re.DOTALL)  # the whole of it, once more
_WORTH = ("FROM", "RUN", "COPY")  # the other instructions take no time
_TALK = re.compile(r"-{2,3}>|Removing intermediate container|WARNING: Running pip as")


class BuildLog:
    """Takes an engine's events in, tells `progress` of the steps, and keeps the last lines."""

    def __init__(self, progress: Progress) -> None:
        self._image: str | None = None
        self._failure: ImageFailed | None = None
        self._progress = progress
        self._step = ""
        self._lines: deque[str] = deque(maxlen=SHOWN)
        self._rest = ""

    def add(self, event: Mapping[str, Any]) -> None:
        """Read one event; a failure is kept for `result`, so that the stream is read to its end."""
        if "error" in event and self._failure is None:
            self._failure = self._explained(str(event["error"]).strip())
        auxiliary = event.get("aux")
        if isinstance(auxiliary, Mapping) and "ID" in auxiliary:
            self._image = str(auxiliary["ID"])
        *lines, self._rest = (self._rest + str(event.get("stream", ""))).split("\n")
        for line in lines:
            self._read(_COLOR.sub("", line).strip())

    def result(self) -> str:
        """The image's id, once the stream has ended.

        Raises:
            ImageFailed: when the build has failed.
        """
        if self._failure is not None:
            raise self._failure
        if self._image is None:
            raise ImageFailed("The engine ended the build without an image and without a reason.")
        return self._image

    def _read(self, line: str) -> None:
        if step := _STEP.match(line):
            self._step = step[2]
            self._lines.clear()
            if step[2].startswith(_WORTH):
                self._progress.step(f"[{step[1]}] {_shortened(step[2])}")
        elif made := _MADE.search(line):
            self._image = self._image or made[1] or made[2]
        elif line and not _TALK.match(line):
            self._lines.append(line)

    def _explained(self, reason: str) -> ImageFailed:
        if self._step.startswith("FROM"):
            base = self._step.split()[1]
            return ImageFailed(
                f"The base image `{base}` is not on this engine and cannot be pulled: {reason}",
                hint=f"Try `docker pull {base}`; `image.base` in the bundlefile names another.",
            )
        reason = _COMMAND.sub("The command returned", reason)
        rest = _COLOR.sub("", self._rest).strip()
        lines = [*self._lines, *([rest] if rest else [])]
        output = "".join(f"\n  {line}" for line in lines)
        return ImageFailed(
            f"The image cannot be built: `{_shortened(self._step)}` failed.{output}\n  {reason}",
            hint=_hint("\n".join([*lines, reason])),
        )


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _hint(text: str) -> str | None:
    """What mends the failures that are not the bundle's."""
    known = {
        "No matching distribution found|Could not find a version|Max retries exceeded": (
            "pip asks PyPI and the indexes of the lock; name another with "
            "`--build-arg PIP_INDEX_URL=https://…`."
        ),
        "THESE PACKAGES DO NOT MATCH THE HASHES": (
            "The index has other files than when the bundle was locked; run `bundle lock` again."
        ),
        "No space left on device|no space left on device": (
            "Make room with `docker system prune`."
        ),
        "apt-get: not found|apt-get.* not found": (
            "`system.packages` needs a base image of Debian or Ubuntu."
        ),
    }
    return next((hint for sign, hint in known.items() if re.search(sign, text)), None)
