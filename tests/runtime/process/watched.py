"""A server and its processes, as they are seen from outside."""

from contextlib import suppress
from pathlib import Path


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def metric(server, line):
    text = server.get("/metrics").text
    return next(
        float(each.rpartition(" ")[2]) for each in text.splitlines() if each.startswith(line)
    )


def readiness(server):
    answer = server.get("/readyz")
    return answer.status_code, answer.json().get("reason")


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def holds_listener(pid, server):
    """Whether a process has the listening socket open."""
    listening = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{server.port:04X}") and line.split()[3] == "0A"
    }
    held = set()
    with suppress(FileNotFoundError):  # it may end while we look
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                held.add(str(link.readlink()))
    return bool(held & {f"socket:[{inode}]" for inode in listening})
