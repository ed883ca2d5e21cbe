"""SourceTree: the files of a project that go into its bundle.

Include and exclude follow git-ignore rules. Junk and secrets stay out whatever `include` says;
an excluded folder is never opened. Links are followed inside the project and refused out of it.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import BuildError
from .generated import is_archive, is_generated
from .source_file import SourceFile, check_secrets, is_portable, same_name
from .source_rules import SourceRules
from .yaml_scalar import shown

if TYPE_CHECKING:
    from os import DirEntry

MAX_ENTRIES = 1_000_000
MAX_DEPTH = 64  # folders in folders
MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder on the way: its path in the project, where it really is, and what it lies in."""

    path: str
    real: Path
    around: frozenset[Path]


@dataclass(slots=True)
class SourceTree:
    """The tree under `root`, seen through `include` and `exclude`."""

    root: Path
    include: Sequence[str]
    exclude: Sequence[str] = ()
    _problems: list[tuple[str, str]] = field(default_factory=list, init=False)

    def collect(self, *, searched: bool = True) -> tuple[SourceFile, ...]:
        """The files, sorted by the bytes of their paths; `searched` for secrets.

        Raises:
            BuildError: with every secret that `include` names, every link that leads out of the
                project, and every name or file that cannot go into a bundle.
        """
        self._problems.clear()
        rules = SourceRules(self.include, self.exclude)
        self._problems.extend(rules.named_secrets())
        root = self.root.resolve()
        files = list(self._walk(root, rules))
        self._problems.extend(rules.unmet(root, [file.path for file in files]))
        self._problems.extend(same_name(files))
        if searched:
            self._problems.extend(problem for file in files for problem in check_secrets(file))
        self._refuse()
        return tuple(sorted(files, key=lambda file: file.path.encode()))

    def _refuse(self) -> None:
        if self._problems:
            first = self._problems[:MAX_PROBLEMS]
            more = len(self._problems) - len(first)
            lines = [message for message, _ in first] + ([f"And {more} more."] if more else [])
            hints = dict.fromkeys(hint for _, hint in first if hint)
            raise BuildError("\n".join(lines), hint="\n".join(hints) or None)

    def _say(self, message: str, hint: str) -> None:
        self._problems.append((message, hint))

    def _walk(self, root: Path, rules: SourceRules) -> Iterator[SourceFile]:
        entries = 0
        folders = [_Folder("", root, frozenset({root}))]
        while folders:
            folder = folders.pop()
            for entry in self._entries(folder):
                entries += 1
                if entries > MAX_ENTRIES or folder.path.count("/") > MAX_DEPTH:
                    where = shown(folder.path.rstrip("/") or ".")
                    self._say(
                        f"`{where}` holds too many files or folders.",
                        "Name folders without code under `exclude`.",
                    )
                    return
                found = self._look(folder, entry, root, rules)
                if isinstance(found, _Folder):
                    folders.append(found)
                elif found:
                    yield found

    def _entries(self, folder: _Folder) -> list["DirEntry[str]"]:
        try:
            with os.scandir(folder.real) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            path = shown(folder.path.rstrip("/") or ".")
            self._say(
                f"The folder `{path}` cannot be read: {error.strerror}.",
                f"Add `/{path}` to `exclude` in the bundlefile, or make it readable.",
            )
            return []

    def _look(
        self, folder: _Folder, entry: "DirEntry[str]", root: Path, rules: SourceRules
    ) -> SourceFile | _Folder | None:
        path = folder.path + entry.name
        if entry.is_dir(follow_symlinks=False):
            return self._enter(folder, path, Path(entry.path), rules)
        if entry.is_symlink():
            return self._follow(folder, path, Path(entry.path), root, rules)
        return self._take(path, Path(entry.path), rules)

    def _enter(self, folder: _Folder, path: str, real: Path, rules: SourceRules) -> _Folder | None:
        if rules.keeps_out(f"{path}/") or is_generated(real):
            return None
        return _Folder(f"{path}/", real, folder.around | {real})

    def _follow(
        self, folder: _Folder, path: str, link: Path, root: Path, rules: SourceRules
    ) -> SourceFile | _Folder | None:
        no_folder = rules.keeps_out(f"{path}/")  # such as `.venv`, on a disk with more room
        try:
            real = link.resolve(strict=True)
            is_folder = real.is_dir()
        except (OSError, RuntimeError):
            if rules.takes(path) and not no_folder:
                self._say(f"The link `{shown(path)}` leads nowhere.", _EXCLUDE.format(shown(path)))
            return None
        if no_folder if is_folder else not rules.takes(path):
            return None
        if not real.is_relative_to(root):
            self._say(
                f"The link `{shown(path)}` leads out of the project, to `{shown(str(real))}`.",
                f"Copy what it leads to, or add `/{shown(path)}` to `exclude` in the bundlefile.",
            )
        elif real in folder.around:
            self._say(f"The link `{shown(path)}` leads in a circle.", _EXCLUDE.format(shown(path)))
        elif rules.is_secret(real.relative_to(root).as_posix() + "/" * is_folder):
            self._say(f"The link `{shown(path)}` leads to a secret.", _EXCLUDE.format(shown(path)))
        elif is_folder:
            return self._enter(folder, path, real, rules)
        else:
            return self._take(path, real, rules)
        return None

    def _take(self, path: str, real: Path, rules: SourceRules) -> SourceFile | None:
        if not rules.takes(path) or is_archive(real):
            return None
        if not is_portable(path):
            self._say(
                f"The name `{shown(path)}` cannot go into a bundle: it has a control character, a "
                "backslash or bytes that are not UTF-8.",
                "Rename the file.",
            )
            return None
        mode = real.stat().st_mode
        if not stat.S_ISREG(mode):
            self._say(f"`{shown(path)}` is not a regular file.", _EXCLUDE.format(shown(path)))
            return None
        return SourceFile(path, real, bool(mode & stat.S_IXUSR))


_EXCLUDE = "Remove it, or add `/{0}` to `exclude` in the bundlefile."
