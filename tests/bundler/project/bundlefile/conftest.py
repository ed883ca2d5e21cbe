"""Bundlefiles written as text, read as they are from disk."""

import pytest

from modelbundle.bundler.errors import BundlefileError
from modelbundle.bundler.project.bundlefile import Bundlefile


@pytest.fixture
def read(tmp_path):
    """Read a bundlefile from its text; `name` and `models` come by themselves if left out."""

    def read(text):
        for key, line in {"name": "name: fraud\n", "models": "models: [net]\n"}.items():
            if f"{key}:" not in text:
                text += line
        path = tmp_path / "bundlefile.yaml"
        path.write_text(text, encoding="utf-8")
        return Bundlefile.read(path)

    return read


@pytest.fixture
def refuse(read):
    """The problems of a bundlefile, each as `where: message`, and all hints."""

    def refuse(text):
        with pytest.raises(BundlefileError) as caught:
            read(text)
        return caught.value

    return refuse


@pytest.fixture
def refuse_value(refuse):
    """Check that one value is refused in one line, at its key, with a word of the reason."""

    def check(key, value, word):
        first, _, rest = key.partition(".")
        inner = f"{{{rest}: {value}}}" if rest else value
        if rest.count("."):
            outer, last = rest.rsplit(".", 1)
            inner = f"{{{outer}: {{{last}: {value}}}}}"
        error = refuse(f"{first}: {inner}\n")
        assert len(error.problems) == 1, error.problems
        (problem,) = error.problems
        assert problem.where.startswith(key), problem
        assert problem.line == 1
        assert word in f"{problem.message} {problem.hint}", problem
        assert "\n" not in str(problem)

    return check
