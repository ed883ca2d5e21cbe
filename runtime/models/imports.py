"""Imports: imports a model's library ahead, without garbage collection meanwhile.

A library leaves hundreds of thousands of objects, all of which stay. The collector would go through
them again and again while they come: a tenth of the time that PyTorch takes.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

from ..frameworks.framework import Framework
from ..manifests.model_manifest import ModelManifest


@contextmanager
def uncollected() -> Iterator[None]:
    """Import modules, and exclude their objects from garbage collection."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def ahead(manifest: ModelManifest, framework: Framework) -> None:
    """Import the modules that loading a model will need."""
    with uncollected():
        for name in _modules(manifest, framework):
            with suppress(Exception):  # loading meets the same, and puts it into words
                import_module(name)


def _modules(manifest: ModelManifest, framework: Framework) -> Iterator[str]:
    """The library, its dependencies, and the modules that a pickle names."""
    yield from framework.distributions
    for names in manifest.globals.values():
        for name in names:
            module = name.rpartition(".")[0]
            if module.partition(".")[0] in framework.distributions:
                yield module
