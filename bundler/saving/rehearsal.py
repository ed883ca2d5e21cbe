"""Rehearsal: opening a stranger's file in a process that may die of it.

A file that runs no code is still read by its library's parser, which is C++ and trusts it: a wrong
number in a tree ends the process that opens it. So that ends, and not the command.
`python -P -m modelbundle.bundler.saving.rehearsal`: what to open comes on stdin. It is no fork, for
none can be made of a process in which such a library has threads.
"""

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

from ...runtime.frameworks import registry
from ...runtime.frameworks.framework import Framework, Saved
from ...runtime.pickles.policy import Policy
from ..errors import InvalidSource

_PARSED = frozenset({"xgboost", "lightgbm", "onnx"})  # adapters of libraries in C++


def rehearse(framework: Framework, directory: Path, saved: Saved) -> None:
    """Open a file in a process of its own first, where its library may fall over it.

    What is only wrong with it is told by whoever opens it then.

    Raises:
        InvalidSource: when the process is killed by it.
    """
    if framework.name not in _PARSED or saved.executes_code:
        return
    asked = [registry.loader(framework), str(directory), saved.format, dict(saved.options)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        input=json.dumps(asked).encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise InvalidSource(
            f"The {framework.name} file cannot be loaded: {framework.name} itself falls over it "
            f"({name}).",
            hint="It is damaged, or made to do harm; write it anew with the library.",
        )


def main() -> None:
    """Open what stdin names, and look at it as whoever saves it does."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    loader, directory, kind, options = json.load(sys.stdin)
    framework = registry.load(loader)
    model = framework.load(Path(directory), kind, options, "cpu", Policy())
    framework.methods(model)
    framework.signatures(model)


if __name__ == "__main__":
    main()
