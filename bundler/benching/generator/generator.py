"""Generator: the load generator process, as the benchmark sees it."""

import json
import select
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self

from ....runtime.errors import BundleError
from ..subject.bench_request import BenchRequest
from .load import Load
from .process import STOP
from .tally import Tally

_TICK = 0.25  # seconds between two reports of progress
_GRACE = 20.0  # seconds that a round may take longer than planned
_FAREWELL = 5.0  # seconds until one that does not end is killed


class Cut(KeyboardInterrupt):
    """The user has interrupted; `tally` is what was counted until then."""

    def __init__(self, tally: Tally) -> None:
        super().__init__("cut")
        self.tally = tally


class Generator:
    """A load generator in a process of its own, so that it does not disturb what it measures.

    Sockets, parsing and clock share no interpreter with the progress bar, and the processor time of
    the generator is known: one that is busy all the time measures itself.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{__package__}.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,  # this process handles Ctrl-C, and stops the generator
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def aim(self, address: tuple[str, int], path: str, requests: Sequence[BenchRequest]) -> None:
        """Set the target and the requests of the following rounds."""
        self._say(
            {
                "target": list(address),
                "path": path,
                "requests": [request.to_json() for request in requests],
            }
        )

    def run(self, load: Load, tick: Callable[[float], None] = lambda _: None) -> Tally:
        """One round; `tick` is called with the seconds since it was called last.

        Raises:
            Cut: on a KeyboardInterrupt, which is its cause.
            BundleError: when the generator dies or does not end.
        """
        self._say({"load": load.to_json()})
        try:
            return self._wait(load.warm + load.seconds + load.timeout + _GRACE, tick)
        except KeyboardInterrupt as error:
            self._write(STOP)
            raise Cut(self._wait(_FAREWELL, lambda _: None)) from error

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _wait(self, patience: float, tick: Callable[[float], None]) -> Tally:
        assert self._process.stdout is not None
        waited = 0.0
        while waited < patience:
            if select.select([self._process.stdout], [], [], _TICK)[0]:
                return Tally.from_json(self._answer())
            waited += _TICK
            tick(_TICK)
        raise BundleError("The load generator did not end its round.")

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BundleError(
                f"The load generator ended with exit code {self._process.wait()}.",
                hint="Its error message is above.",
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _say(self, order: dict[str, Any]) -> None:
        self._write(json.dumps(order).encode())

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise BundleError("The load generator has ended.") from error
