"""SourceRules: include, exclude, junk and secrets, as git-ignore patterns over relative paths."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from .secrets import FILES as SECRETS
from .yaml_scalar import shown

JUNK = (
    ".git", ".hg/", ".svn/", ".bzr/", "__pycache__/", "*.py[cod]", ".venv/", "*.egg-info/",
    ".eggs/", ".mypy_cache/", ".ruff_cache/", ".pytest_cache/", ".hypothesis/", ".tox/", ".nox/",
    ".cache/", ".ipynb_checkpoints/", "node_modules/", ".idea/", ".vscode/", ".DS_Store",
    "Thumbs.db", "desktop.ini", "*.swp", "*~", ".coverage", ".coverage.*", "htmlcov/",
    ".terraform/", "/dist/", "/build/", "/bundlefile.yaml", "/bundle.lock",
)  # fmt: skip
"""What no bundle needs. `exclude: ["!/build/"]` takes a pattern of the list back.

`.git` is a file in worktrees and submodules, with a path of this machine in it.
"""

_WILD = "*?["
_MARK = "(?P<ps_d>/)"  # by which pathspec knows that a folder matched


class SourceRules:
    """Which paths go into a bundle. Folders are asked for with a `/` at the end."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self.include = tuple(include)
        self._include = _Patterns(include)
        self._exclude = _Patterns((*JUNK, *exclude))
        self._secrets = _Patterns(SECRETS)

    def is_secret(self, path: str) -> bool:
        """Whether the name alone says that it holds secrets, in whatever case."""
        return self._secrets.match_file(path.lower())

    def keeps_out(self, path: str) -> bool:
        """Whether `exclude`, junk or secrets keep `path` out."""
        return self._exclude.match_file(path) or self.is_secret(path)

    def takes(self, path: str) -> bool:
        """Whether the file `path` goes into the bundle."""
        return self._include.match_file(path) and not self.keeps_out(path)

    def named_secrets(self) -> Iterator[tuple[str, str]]:
        """Patterns of `include` that ask for a secret by name: a problem and its hint each."""
        for pattern in self.include:
            bare = "".join(c for c in pattern if c not in "*?[]").strip("/")
            is_secret = bare and (self.is_secret(bare) or self.is_secret(f"{bare}/"))
            if is_secret and not pattern.startswith("!"):
                yield (
                    f"`include` names `{shown(pattern)}`, which holds secrets.",
                    "Give secrets to the server when it starts, through its environment.",
                )

    def unmet(self, root: Path, taken: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Patterns of `include` without wildcards that brought nothing: a problem and its hint."""
        paths = list(taken)
        for pattern in self.include:
            if pattern.startswith("!") or set(pattern) & set(_WILD):
                continue
            spec = _Patterns((pattern,))
            if not any(map(spec.match_file, paths)):
                name = pattern.strip("/")
                if self.is_secret(name) or self.is_secret(f"{name}/"):
                    continue
                there = (root / name).exists()
                why = "is kept out, or is empty" if there else "is not there"
                hint = f"Write `exclude: ['!/{name}']` to take it back." if there else ""
                yield f"`include` names `{shown(pattern)}`, which {why}.", hint


class _Patterns:
    """Git-ignore patterns, and one expression that says at once that none of them matches.

    Most files of a project match nothing, and there may be a hundred thousand of them.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        from pathspec import GitIgnoreSpec

        self._spec = GitIgnoreSpec.from_lines(patterns)
        self._any = re.compile("")  # matches everything: each pattern is asked
        if not any(_MARK[:4] in pattern for pattern in patterns):
            texts = [found.regex.pattern for found in self._spec.patterns if found.regex]
            with suppress(re.error):
                whole = "|".join(f"(?:{text.replace(_MARK, '/')})" for text in texts)
                self._any = re.compile(whole or "(?!)")

    def match_file(self, path: str) -> bool:
        """Whether `path` is matched, and taken back by none that follows."""
        return self._any.search(path) is not None and bool(self._spec.match_file(path))
