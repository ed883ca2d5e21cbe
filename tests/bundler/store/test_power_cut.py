"""The power goes while models are saved: what was acknowledged is there, whole, afterwards."""

import os
import shutil
import subprocess

import pytest

from modelbundle.benchmarks import store_power_cuts


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mkfs.ext4"), reason="needs root, ext4")
@pytest.mark.parametrize("options", ["data=ordered", "data=writeback"])
def test_nothing_that_was_acknowledged_is_lost(tmp_path, options):
    image, mount = tmp_path / "image", tmp_path / "mount"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    attach = ["mount", "-o", f"loop,{options}", image, mount]
    if subprocess.run(attach, capture_output=True, check=False).returncode:
        pytest.skip("needs leave to mount")
    try:
        acknowledged = store_power_cuts.cut(mount, mount / "store", 0.5)
        subprocess.run(["umount", mount], check=True)
        subprocess.run(attach, check=True)
        assert acknowledged
        assert store_power_cuts.check(mount / "store", acknowledged) == []
    finally:
        subprocess.run(["umount", mount], check=True)
