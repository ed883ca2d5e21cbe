"""The log: one line an event on stderr; JSON for a machine, plain for a person at a terminal."""

import logging
import sys
import time
from typing import Any

import orjson

from ..printable import printable
from ..system.log_output import STDERR


class JsonFormatter(logging.Formatter):
    """One JSON object a record, traceback included, with every control character escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry: dict[str, Any] = {
            "ts": round(record.created, 3),
            "level": record.levelname.lower(),
            "message": _encodable(record.getMessage()),
            "logger": record.name,
        }
        for name in ("id", "trace", "feedback"):
            if hasattr(record, name):
                entry[name] = getattr(record, name)
        if record.exc_info:
            entry["traceback"] = _encodable(self.formatException(record.exc_info))
        return orjson.dumps(entry, default=str).decode()


def _encodable(text: str) -> str:
    """`text`, which a model or a client may have written, with half surrogate pairs escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


class PlainFormatter(logging.Formatter):
    """Time, level if it is not INFO, message; tracebacks below."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        level = "" if record.levelno == logging.INFO else f"{record.levelname.lower()}: "
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{clock} {level}{printable(record.getMessage())}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class OutletHandler(logging.Handler):
    """Writes records to stderr without ever blocking."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one."""
        try:
            STDERR.write(self.format(record).encode(errors="backslashreplace") + b"\n")
        except Exception:  # noqa: BLE001 - as every handler of `logging`
            self.handleError(record)


def configure(level: str) -> None:
    """Send the log of this process to stderr."""
    handler = OutletHandler()
    handler.setFormatter(PlainFormatter() if sys.stderr.isatty() else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("modelbundle.runtime").setLevel(level.upper())
    # Its warnings are about invalid requests, which the access log shows as 400.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
