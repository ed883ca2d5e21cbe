"""The index of an OCI layout, which may be a stranger's."""

import json

import pytest

from modelbundle.bundler.errors import RegistryError
from modelbundle.bundler.registry.remotes.index import Index

NAME = "org.opencontainers.image.ref.name"


def index(*names):
    entries = [
        {"digest": f"sha256:{number:064x}", "annotations": {NAME: name}}
        for number, name in enumerate(names)
    ]
    return Index.read(json.dumps({"manifests": entries}).encode(), "place")


def test_the_names_that_there_are_forge_no_line():
    with pytest.raises(RegistryError) as caught:
        index("b:1", "a\nSound: everything\x1b[2J" + "x" * 200).chosen("c", "place")
    said = str(caught.value)
    assert said.startswith(r"There is no `c` in `place`; it has `a\nSound: everything\x1b[2Jxx")
    assert said.endswith("xx`, `b:1`.")
    assert len(said) < 250
