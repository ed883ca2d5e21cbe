"""Runs uv, and explains its errors."""

import errno
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import ResolveError

_MORE_FILES = "Allow this process more open files: `ulimit -n 1024`."
TIMEOUT = 900.0  # seconds; a first installation may download gigabytes

_UNREACHABLE = (
    "Failed to fetch", "error sending request", "Request failed after", "dns error",
    "Connection refused", "operation timed out", "Could not connect",
)  # fmt: skip
_FULL = ("No space left on device", "Disk quota exceeded")
_OFFLINE = ("network was disabled", "not found in the cache", "Network connectivity is disabled")
_CACHE = ("Failed to initialize cache", "Failed to write to the client cache")
_LACKING = re.compile(r"(\S+) was not found in the cache|Failed to (?:download|fetch) `([^`/]+)`")
# Which versions are chosen, the bundlefile says; a lock would not tell that these were set.
_CHOICES = frozenset({
    "UV_BUILD_CONSTRAINT", "UV_CONSTRAINT", "UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_FORK_STRATEGY",
    "UV_NO_BINARY", "UV_OVERRIDE", "UV_PRERELEASE", "UV_RESOLUTION", "UV_TORCH_BACKEND",
    "VIRTUAL_ENV",
})  # fmt: skip
_PROGRESS = (
    "Resolved ", "Prepared ", "Downloading ", "Downloaded ", "Building ", "Built ", "Using ",
    "No solution found", "warning:",
)  # fmt: skip
_LABEL = re.compile(r"^\s*(?:error|cause):\s*")
_NO_INDEX = "UV_NO_INDEX"  # ours, beside UV_FIND_LINKS: uv has only an option for it


def binary() -> Path:
    """The uv that was installed with this tool, else the one on the PATH.

    Raises:
        ResolveError: when there is none.
    """
    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError) as error:
        found = shutil.which("uv")
        if found:
            return Path(found)
        raise ResolveError("`uv` is not installed.", hint="Run `pip install uv`.") from error


@dataclass(frozen=True, slots=True)
class Output:
    """What uv printed: its answer, and steps and warnings."""

    stdout: str
    stderr: str


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    offline: bool = False,
    timeout: float = TIMEOUT,
    environment: Mapping[str, str] | None = None,
) -> Output:
    """Run `uv ARGUMENTS` in `cwd`.

    `cwd` should hold no pyproject.toml: uv reads its settings from there upwards.

    Raises:
        ResolveError: with uv's reason, trimmed.
    """
    command = [str(binary()), *arguments, *_limits(arguments, offline=offline)]
    # One retry: an index that is down says so in a second, not in ten.
    quiet = {"UV_NO_PROGRESS": "1", "NO_COLOR": "1", "UV_HTTP_RETRIES": "1", "LC_ALL": "C.UTF-8"}
    own = {name: value for name, value in os.environ.items() if name not in _CHOICES}
    settings = {**own, **quiet, **(environment or {})}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=settings, capture_output=True, text=True, timeout=timeout,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ResolveError(
            f"`uv {arguments[0]}` took longer than {timeout:.0f} seconds."
        ) from error
    except OSError as error:
        raise ResolveError(
            f"`{command[0]}` cannot be run: {error.strerror or error}.",
            hint=_MORE_FILES if error.errno == errno.EMFILE else None,
        ) from error
    if done.returncode < 0:
        raise _killed(-done.returncode)
    if done.returncode != 0:
        raise explain(done.stderr or done.stdout)
    return Output(done.stdout, done.stderr)


def _limits(arguments: Sequence[str], *, offline: bool) -> Iterator[str]:
    """The options that keep uv from the network, or from every index."""
    if offline:
        yield "--offline"
    if arguments[0] == "pip" and os.environ.get(_NO_INDEX, "").lower() in {"1", "true"}:
        yield "--no-index"  # offline, uv prefers an index of its cache to a folder of wheels


def _killed(number: int) -> ResolveError:
    is_memory = number == signal.SIGKILL
    return ResolveError(
        f"uv died of signal {number} ({signal.strsignal(number)}).",
        hint="The system does that where memory runs out; give it more." if is_memory else None,
    )


def explain(stderr: str) -> ResolveError:
    """The error that uv's complaint amounts to."""
    if "unexpected argument" in stderr:
        return ResolveError(f"`{binary()}` is too old.", hint="Run `pip install --upgrade uv`.")
    if any(sign in stderr for sign in _OFFLINE):
        names = [a or b for a, b in _LACKING.findall(stderr)]
        missing = ", ".join(f"`{name}`" for name in dict.fromkeys(names)) or "a package"
        return ResolveError(
            f"Offline, {missing} cannot be resolved: it is not in uv's cache.",
            hint="Run once without `--offline`, or bring it along with `bundle vendor`.",
        )
    if any(sign in stderr for sign in _FULL):
        return ResolveError(
            "uv ran out of space while it fetched or unpacked the packages.",
            hint="Free some; `bundle gc` and `uv cache prune` remove what nothing needs.",
        )
    if any(sign in stderr for sign in _UNREACHABLE):
        return _unreachable(stderr)
    return ResolveError(reason(stderr), hint=_hint(stderr))


def _unreachable(stderr: str) -> ResolveError:
    found = re.search(r"https?://[^\s`)]+", stderr)
    url = found[0] if found else "no answer"
    if "peer certificate" in stderr:
        return ResolveError(
            f"The certificate of the package index is not trusted here: {url}.",
            hint="Run it again with `UV_SYSTEM_CERTS=1`, to trust what this machine trusts, "
            "or with `SSL_CERT_FILE=` and the file of your network's authority.",
        )
    return ResolveError(
        f"The package index cannot be reached: {url}.",
        # Behind a mirror, pip works and uv does not: it reads no pip.conf.
        hint="Check the network, name a mirror in `UV_DEFAULT_INDEX` (pip's settings are not "
        "read), or use `--offline` when everything is in uv's cache.",
    )


def reason(stderr: str) -> str:
    """The explanation alone, without uv's labels, hints and counts."""
    body = stderr.split("\nhint:", 1)[0]
    # A label makes it a reason: "error: Building source distributions is disabled" is no progress.
    kept = [line.strip() for line in body.splitlines() if not line.strip().startswith(_PROGRESS)]
    lines = [_LABEL.sub("", line).strip() for line in kept]
    sentences = [line for line in lines if line and not line.startswith("No solution found")]
    return second_person("\n".join(sentences)) or "uv failed and said nothing."


def second_person(text: str) -> str:
    """A sentence of uv about "you", whose verb is that of a package; uv breaks lines anywhere."""
    return re.sub(r"\byou depends(\s)", r"you depend\1", text)


def _hint(stderr: str) -> str | None:
    names = re.findall(r"Wheels are required for `([^`]+)`", stderr)
    if names:
        allowed = ", ".join(dict.fromkeys(names))
        return (
            "Only wheels are installed. Choose a version that has one, or allow building with "
            f"`allow_source: [{allowed}]` under `python` in the bundlefile."
        )
    if "Hash mismatch" in stderr:
        return (
            "The index now gives another file than the lock names. If its owner says why, run "
            "`bundle lock --upgrade`; else do not use it."
        )
    if "Too many open files" in stderr:
        return _MORE_FILES
    if any(sign in stderr for sign in _CACHE):
        return "Name a folder that you may write to: `UV_CACHE_DIR=/tmp/uv-cache`."
    own = [line.strip() for line in stderr.split("\nhint:")[1:]]
    return own[0].splitlines()[0] if own else None
