"""TLS: which certificate authorities are trusted."""

import os
import ssl
from contextlib import suppress
from pathlib import Path


def context(*authorities: Path) -> ssl.SSLContext:
    """A TLS context with the authorities of the system, `certifi` and the files `authorities`."""
    made = ssl.create_default_context()
    given = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    for path in (given, _certifi(), *authorities):
        with suppress(OSError, ssl.SSLError):
            if path:
                made.load_verify_locations(cafile=str(path))
    return made


def _certifi() -> str | None:
    with suppress(ImportError):
        import certifi

        return str(certifi.where())
    return None
