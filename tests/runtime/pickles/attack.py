"""Attack: pickles that run a program, written opcode by opcode."""

import struct
from contextlib import suppress

import pytest

from modelbundle.runtime.errors import NotTrusted
from modelbundle.runtime.pickles.policy import Policy

STARS = Policy(
    "allow-listed",
    frozenset(
        f"{package}.*"
        for package in ("joblib", "lightgbm", "numpy", "pandas", "scipy", "sklearn", "torch")
    ),
)
RUN = ("torch.utils.collect_env", "run")
PLAIN = ("sklearn.gaussian_process.kernels", "RBF")  # has no `__setstate__` of its own


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def found(module, name):
    return text(module) + text(name) + b"\x93"


def called(function, *arguments, opcode=b"R"):
    return function + b"(" + b"".join(arguments) + b"t" + opcode


def new(kind):
    return called(found(*kind), opcode=b"\x81")


def entries(**values):
    return b"}(" + b"".join(text(name) + value for name, value in values.items()) + b"u"


def made(kind, **state):
    return new(kind) + entries(**state) + b"b"


def touches(path):
    """An object that runs a program when it is called without arguments."""
    manager = made(("joblib._parallel_backends", "SequentialBackend"), nesting_level=b"K\x00")
    call = found(*RUN) + text(f"touch {path}") + b"\x85}\x87"
    parts = {"items": b"]" + call + b"a", "_backend": manager, "_n_jobs": b"K\x01"}
    return made(
        ("joblib.parallel", "BatchedCalls"), **parts, _reducer_callback=b"N", _size=b"K\x01"
    )


def check(attack, directory):
    """`STARS` refuses an attack before it runs, and it is one: it runs where all is allowed."""
    canary, path = directory / "canary", directory / "model.pkl"
    path.write_bytes(b"\x80\x04" + attack(canary) + b".")
    with pytest.raises(NotTrusted):
        STARS.load(path)
    assert not canary.exists()
    with suppress(Exception):
        Policy("allow").load(path)
    assert canary.exists(), "it is no attack"
