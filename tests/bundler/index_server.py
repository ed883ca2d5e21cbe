"""Package indexes on loopback: folders of wheels, who asked for what, and perhaps a password."""

import base64
import hashlib
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Served:
    """A simple index: each folder of `root` is a project; `asked` are the paths, in order."""

    root: Path
    url: str = ""
    ranges: bool = True
    credentials: str | None = None
    asked: list[str] = field(default_factory=list)
    refused: int = 0
    told: list[str] = field(default_factory=list)  # what came as `Authorization`


@contextmanager
def serving(served):
    """Serve it, with the address in `served.url`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    served.url = f"http://127.0.0.1:{server.server_port}"
    server.daemon_threads, server.block_on_close = True, False
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(served):  # noqa: C901 - one small server
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.answer(with_body=True)

        def do_HEAD(self):
            self.answer(with_body=False)

        def answer(self, *, with_body):
            served.asked.append(self.path)
            served.told += (
                [self.headers["Authorization"]] if "Authorization" in self.headers else []
            )
            if served.credentials and not self.knows():
                served.refused += 1
                self.reply(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
                return
            place = served.root / self.path.strip("/")
            if place.is_dir():
                links = [_link(file) for file in place.iterdir()]
                page = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
                self.reply(200, page if with_body else b"", {"Content-Type": "text/html"})
            elif place.is_file():
                self.send(place.read_bytes(), with_body=with_body)
            else:
                self.reply(404, b"")

        def knows(self):
            told = base64.b64encode(served.credentials.encode()).decode()
            return self.headers.get("Authorization") == f"Basic {told}"

        def send(self, data, *, with_body):
            wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
            if not (wanted and served.ranges):
                self.reply(200, data if with_body else b"", size=len(data))
                return
            size = len(data)
            start = int(wanted[1]) if wanted[1] else max(0, size - int(wanted[2]))
            end = min(size, int(wanted[2]) + 1) if wanted[1] and wanted[2] else size
            span = {"Content-Range": f"bytes {start}-{end - 1}/{size}"}
            self.reply(206, data[start:end] if with_body else b"", span, size=end - start)

        def reply(self, status, body, headers=(), size=None):
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            if served.ranges:
                self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(body) if size is None else size))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Keep quiet."""

    return Handler


def _link(file):
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f'<a href="{file.name}#sha256={digest}">{file.name}</a>'
