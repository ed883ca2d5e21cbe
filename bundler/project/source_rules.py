"""SourceRules: include, exclude, junk and secrets, as git-ignore patterns over relative paths."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .secrets import FILES as SECRETS
from .yaml_scalar import shown

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

JUNK = (
    ".git/", ".hg/", ".svn/", ".bzr/", "__pycache__/", "*.py[cod]", ".venv/", "*.egg-info/",
    ".eggs/", ".mypy_cache/", ".ruff_cache/", ".pytest_cache/", ".hypothesis/", ".tox/", ".nox/",
    ".cache/", ".ipynb_checkpoints/", "node_modules/", ".idea/", ".vscode/", ".DS_Store",
    "Thumbs.db", "desktop.ini", "*.swp", "*~", ".coverage", ".coverage.*", "htmlcov/",
    ".terraform/", "/dist/", "/build/", "/bundlefile.yaml", "/bundle.lock",
)  # fmt: skip
"""What no bundle needs. `exclude: ["!/build/"]` takes a pattern of the list back."""

_WILD = "*?["


class SourceRules:
    """Which paths go into a bundle. Folders are asked for with a `/` at the end."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self.include = tuple(include)
        self._include = _spec(include)
        self._exclude = _spec((*JUNK, *exclude))
        self._secrets = _spec(SECRETS)

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
            spec = _spec((pattern,))
            if not any(map(spec.match_file, paths)):
                name = pattern.strip("/")
                if self.is_secret(name) or self.is_secret(f"{name}/"):
                    continue
                there = (root / name).exists()
                why = "is kept out, or is empty" if there else "is not there"
                hint = f"Write `exclude: ['!/{name}']` to take it back." if there else ""
                yield f"`include` names `{shown(pattern)}`, which {why}.", hint


def _spec(patterns: Sequence[str]) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(patterns)
