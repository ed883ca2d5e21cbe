"""Cut the power while models are saved, again and again, and look at what is left.

    sudo python benchmarks/store_power_cuts.py [--cuts 20] [--mount-options data=writeback]

Needs root: it mounts a small ext4 image and shuts the file system down without flushing its
journal (EXT4_IOC_SHUTDOWN), which is what a power cut leaves. Every save that was acknowledged
must be listed and verify afterwards, and the store must save again. Exits 1 if one does not.
"""

import argparse
import fcntl
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from modelbundle.bundler.store import Store
from modelbundle.runtime.manifests.file_entry import FileEntry

SHUTDOWN, WITHOUT_LOG = 0x8004587D, 2


def save_for_ever(root, report, worker):
    """Save, move aliases and delete; report each tag once it is acknowledged."""
    store = Store(root)
    for number in range(10**9):
        sizes = [9] * 80 if number % 10 == 5 else [random.choice([10, 5_000, 300_000])]
        with store.batch() as batch:  # of eighty, one sync for all
            blobs = [batch.ingest_bytes(os.urandom(size)) for size in sizes]
        files = [FileEntry(f"w{i}", blob.digest, blob.size) for i, blob in enumerate(blobs)]
        item = store.commit("model", f"m{number % 7}", b"{}%d" % number, files, aliases=["canary"])
        os.write(report, f"+{item.tag}\n".encode())
        if number % 5 == 4:
            os.write(report, f"-{item.tag}\n".encode())
            store.delete(item)
        if number % 40 == 39 and worker == 0:
            store.gc()


def cut(mount, root, seconds):
    """Let two processes save, then cut the power; the tags that must be there."""
    ends, children = os.pipe(), []
    for worker in range(2):
        child = os.fork()
        if child == 0:
            os.close(ends[0])
            try:
                save_for_ever(root, ends[1], worker)
            finally:
                os._exit(0)
        children.append(child)
    os.close(ends[1])
    time.sleep(seconds)
    top = os.open(mount, os.O_RDONLY)
    fcntl.ioctl(top, SHUTDOWN, struct.pack("I", WITHOUT_LOG))
    os.close(top)
    with os.fdopen(ends[0]) as report:
        lines = report.read().split()
    for child in children:
        os.waitpid(child, 0)
    return {line[1:] for line in lines} - {line[1:] for line in lines if line[0] == "-"}


def check(root, acknowledged):
    """What is wrong after the power came back."""
    store = Store(root)
    listed = {item.tag: item.damaged for item in store.items("model")}
    wrong = [f"lost {tag}" for tag in acknowledged - set(listed)]
    wrong += [f"damaged {tag}: {why}" for tag, why in listed.items() if why]
    wrong += [str(damage) for damage in store.verify()]
    store.commit("model", "after", b"{}", [])
    store.gc()
    return wrong + [str(damage) for damage in store.verify()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--mount-options", default="data=ordered")
    options = parser.parse_args()
    saved, wrong = 0, []
    with tempfile.TemporaryDirectory() as directory:
        image, mount = Path(directory, "image"), Path(directory, "mount")
        mount.mkdir()
        for _ in range(options.cuts):
            with image.open("wb") as file:
                file.truncate(400 << 20)
            subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
            attach = ["mount", "-o", f"loop,{options.mount_options}", image, mount]
            subprocess.run(attach, check=True)
            acknowledged = cut(mount, mount / "store", random.uniform(0.05, 1.5))
            subprocess.run(["umount", mount], check=True)
            subprocess.run(attach, check=True)
            wrong += check(mount / "store", acknowledged)
            subprocess.run(["umount", mount], check=True)
            saved += len(acknowledged)
    print(json.dumps({"cuts": options.cuts, "acknowledged": saved, "wrong": wrong}))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
