"""What calls of gRPC carry: `protos/` says it, and classes are made of that at run time."""

from pathlib import Path

PROTOS = Path(__file__).parent / "protos"
"""The files by the names under which they import each other."""
