"""The messages of gRPC calls, with classes made at run time from `protos/`."""

from pathlib import Path

PROTOS = Path(__file__).parent / "protos"
"""The files by the names under which they import each other."""
