"""Eight processes with one name and the same contents: one blob each, nothing goes back."""

import ast
import subprocess
import sys
from pathlib import Path

import modelbundle.bundler.store
from modelbundle.bundler.store import Store

WRITER = """
import sys
from pathlib import Path
from modelbundle.bundler.store import Store
from modelbundle.runtime.manifests.file_entry import FileEntry
store, me = Store(Path(sys.argv[1])), sys.argv[2]
for n in range(15):
    data = b"shared %d" % (n % 4) if n % 2 else f"{me} {n}".encode()
    blob = store.ingest_bytes(data)
    item = store.commit("model", "iris", b'{"w":"%s"}' % data, [FileEntry("w", blob.digest, blob.size)], aliases=["production"])
    print(item.tag)
"""
READER = """
import sys
from pathlib import Path
from modelbundle.bundler.store import Store
reads, last = 0, 0
while not Path(sys.argv[2]).exists() or reads < 50:
    store = Store(Path(sys.argv[1]))
    items = store.items("model")
    assert not [item for item in items if item.damaged], items
    if items:
        item = store.find("iris")
        once = [each.sequence for each in items if b"shared" not in store.config(each)]
        assert max(once, default=0) >= last, (once, last)
        last = max(once, default=0)
        assert store.config(item)
        assert store.blob(store.files(item)[0].digest).read_bytes()
        assert store.find("iris@production").name == "iris"
    reads += 1
print(reads)
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_six_writers_and_two_readers_never_see_half_an_item(store, save, tmp_path):
    over, tags = tmp_path / "over", {save("iris", aliases=["production"]).tag}
    readers = [start(READER, store.root, over) for _ in range(2)]
    writers = [start(WRITER, store.root, f"writer{number}") for number in range(6)]
    for writer in writers:
        out, err = writer.communicate(timeout=120)
        assert (err, writer.returncode) == ("", 0)
        tags |= set(out.split())
    over.touch()
    for reader in readers:
        out, err = reader.communicate(timeout=120)
        assert (err, reader.returncode) == ("", 0)
        assert int(out) >= 50
    whole = Store(store.root)
    assert {item.tag for item in whole.items("model")} == tags
    assert whole.verify() == []
    kept = len(tags) * 3  # of each its bytes, its model.json and its manifest
    assert len(list((store.root / "blobs/sha256").iterdir())) == kept
    assert whole.gc().blobs == 0


def test_no_lock_is_taken_so_none_can_be_stuck_or_lie():
    home = Path(modelbundle.bundler.store.__file__).parent
    for path in home.rglob("*.py"):
        names = {
            node.attr if isinstance(node, ast.Attribute) else node.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, (ast.Attribute, ast.Name))
        }
        assert not names & {"flock", "lockf", "F_SETLK", "F_SETLKW"}, path
