"""An author's machine, and a server that has nothing of the author's."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest


@dataclass
class Author:
    """Two folders: the author's own modules and scripts are in one of them only."""

    folder: Path
    server: Path

    def writes(self, name, source):
        (self.folder / name).write_text(dedent(source))

    def runs(self, script):
        """A script of this name, as a spawned process needs one; returns what it prints."""
        return _told(self._train(script, self.folder))

    def fails(self, script):
        done = self._train(script, self.folder)
        assert done.returncode == 1, done.stdout
        return done.stderr

    def served(self, script):
        return _told(self._train(script, self.server))

    def _train(self, script, folder):
        (folder / "train.py").write_text(dedent(script))
        return subprocess.run(
            [sys.executable, "-W", "ignore", "train.py"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip


def _told(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def author(tmp_path):
    folders = tmp_path / "author", tmp_path / "server"
    for folder in folders:
        folder.mkdir()
    return Author(*folders)
