"""The layers of images in a store that a group shares: whoever makes one first is not the last."""

import os

import pytest

from modelbundle.bundler.image.image import containerize
from modelbundle.bundler.image.image_options import ImageOptions


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    """What the shell of a member sets."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_its_folders_are_writable_for_the_group_and_for_nobody_else(home, small, base, tmp_path):
    home.mkdir(exist_ok=True)
    home.chmod(0o2770)
    options = ImageOptions(base=base, output=f"oci:{tmp_path / 'image'}")
    containerize(small.build(), small.store, options)
    layers = home / "layers"
    folders = [layers, *layers.glob("*"), *layers.glob("bytecode/*")]
    assert {folder.name for folder in folders} >= {"layers", "packages", "bytecode", "last"}
    for folder in folders:
        assert folder.stat().st_mode & 0o022 == 0o020, folder
    for path in (*layers.glob("last/*"), *layers.glob("known/*")):
        assert not path.stat().st_mode & 0o022, path
