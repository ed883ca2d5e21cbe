"""The faulty model behind `bundle serve`, watched from outside."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUNDLE = Path(sys.executable).parent / "bundle"


def free_port():
    """One that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Server:
    """A running `bundle serve`, as a context."""

    def __init__(self, work, *options, serve="", name="faulty", variables=None):
        self.work, self.options, self.port = Path(work), options, free_port()
        self.environment = {
            **os.environ, "BUNDLE_HOME": str(self.work / "store"), **(variables or {}),
        }  # fmt: skip
        self.name = name
        self.serve = serve
        self.log = (self.work / "server.log").open("ab")
        self.process = None

    def __enter__(self):
        if not (self.work / "store").exists():
            subprocess.run(
                [sys.executable, str(HERE / "model.py")],
                env=self.environment, check=True, capture_output=True,
            )  # fmt: skip
        project = self.work / self.name
        project.mkdir(exist_ok=True)
        text = f"name: {self.name}\nmodels: [faulty]\nserve:\n  access_log: false\n{self.serve}"
        (project / "bundlefile.yaml").write_text(text, encoding="utf-8")
        command = [str(BUNDLE), "serve", str(project), "--port", str(self.port), *self.options]
        self.process = subprocess.Popen(
            command, env=self.environment, stdout=self.log, stderr=self.log
        )
        self.wait(200)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.log.close()

    def status(self, path="/readyz"):
        """Of a GET, or None."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def wait(self, status, seconds=60.0):
        """Until /readyz says `status`; how long it took."""
        began = time.monotonic()
        while self.status() != status:
            if time.monotonic() - began > seconds or self.process.poll() is not None:
                sys.exit(f"not {status}:\n{read(self.work / 'server.log')[-2000:]}")
            time.sleep(0.01)
        return time.monotonic() - began

    def tree(self):
        """The process ids of the server and all its descendants."""
        found, level = [], [self.process.pid]
        while level:
            found += level
            level = [
                int(child)
                for pid in level
                for task in Path(f"/proc/{pid}/task").glob("*")
                for child in read(task / "children").split()
            ]
        return found

    def descriptors(self):
        """Open ones, over all processes."""
        return sum(count(f"/proc/{pid}/fd") for pid in self.tree())

    def threads(self):
        """Over all processes."""
        return sum(count(f"/proc/{pid}/task") for pid in self.tree())

    def pss(self):
        """MiB of the whole tree, shared pages counted once."""
        total = 0
        for pid in self.tree():
            for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024

    def zombies(self):
        """Children that nobody has buried."""
        return sum(") Z " in read(f"/proc/{pid}/stat") for pid in self.tree())


def read(path):
    """The text of a file that may have gone."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def count(directory):
    """Entries of a directory that may have gone."""
    try:
        return len(list(Path(directory).iterdir()))
    except OSError:
        return 0
