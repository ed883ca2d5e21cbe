"""Build context: the same tar everywhere, checked as it passes."""

import io
import tarfile

import pytest

from modelbundle.bundler.errors import Damaged
from modelbundle.bundler.image.engines.build_context import BuildContext
from modelbundle.runtime import digest
from modelbundle.runtime.manifests.file_entry import FileEntry


class Counting:
    def __init__(self):
        self.amount = 0

    def advance(self, amount):
        self.amount += amount


def write(directory, files, mode=0o644):
    entries = []
    for path, data in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)
        (directory / path).chmod(mode)
        entries.append(FileEntry(path, digest.of_bytes(data), len(data), path.endswith(".sh")))
    return entries


FILES = {
    "bundle.json": b"{}",
    "models/a/w.bin": bytes(3 << 20),
    "src/run.sh": b"echo",
    f"src/{'long/' * 60}é.py": b"x",
    "empty": b"",
}


def tar(directory, entries, wheels=()):
    meter = Counting()
    context = BuildContext(directory, entries, wheels)
    data = b"".join(context.chunks(meter))
    assert meter.amount == context.size
    return data


def test_it_is_a_tar_of_every_file(tmp_path):
    """Any tar reads it: long and non-ASCII names, empty files, weights."""
    data = tar(tmp_path, write(tmp_path, FILES))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}
    assert found == FILES


def test_it_is_the_same_from_another_directory_with_other_modes_and_order(tmp_path):
    """The engine finds its cache again by these bytes."""
    first = tar(tmp_path / "a", write(tmp_path / "a", FILES, 0o600))
    second = tar(tmp_path / "b", write(tmp_path / "b", dict(reversed(FILES.items())), 0o444))
    assert first == second
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        for member in archive:
            executable = member.isdir() or member.name.endswith(".sh")
            assert member.mode == (0o755 if executable else 0o644)
            assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")


def test_files_that_are_not_in_the_bundle_stay_out(tmp_path):
    """The bundle is what its manifest says."""
    entries = write(tmp_path, FILES)
    (tmp_path / "secret").write_text("x")
    with tarfile.open(fileobj=io.BytesIO(tar(tmp_path, entries))) as archive:
        assert "secret" not in archive.getnames()


def test_wheels_come_along(tmp_path):
    """Beside the lock, where pip looks first."""
    wheel = tmp_path / "a-1-py3-none-any.whl"
    wheel.write_bytes(b"PK")
    data = tar(tmp_path, write(tmp_path, FILES), [wheel])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.extractfile("env/wheels/a-1-py3-none-any.whl").read() == b"PK"


@pytest.mark.parametrize("harm", [b"flipped", b"", b"weights and more", None])
def test_a_damaged_file_stops_the_build(tmp_path, harm):
    """A flipped, cut, longer or missing file never becomes an image."""
    entries = write(tmp_path, {"w.bin": b"weights"})
    if harm is None:
        (tmp_path / "w.bin").unlink()
    else:
        (tmp_path / "w.bin").write_bytes(harm)
    with pytest.raises(Damaged, match=r"w\.bin"):
        tar(tmp_path, entries)
