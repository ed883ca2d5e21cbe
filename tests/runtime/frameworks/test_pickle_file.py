"""Pickles that load in a process which has nothing of the author's."""

import subprocess
import sys
from textwrap import dedent

import pytest

CONSTS = """
    class Missing:
        def __reduce__(self):
            return "MISSING"

    MISSING = Missing()

    class Filler:
        def __init__(self, value=MISSING):
            self.value = value

        def predict(self, rows):
            return [0 if self.value is MISSING else self.value for _ in rows]
"""
SPAWNED = """
    import multiprocessing

    class Model:
        def predict(self, rows):
            return [len(rows) + more()] * len(rows)

    def more():
        return 1

    def work():
        import modelbundle
        modelbundle.save("m", Model(), sample=[[1.0], [2.0]])

    if __name__ == "__main__":
        process = multiprocessing.get_context("{method}").Process(target=work)
        process.start()
        process.join()
        raise SystemExit(process.exitcode)
"""
NESTED = """
    import io, pickle
    import modelbundle, numpy
    {imports}

    class Holder:
        "As skorch: keeps its part in a pickle inside of its own."

        def __init__(self):
            self.part = Part()

        def __getstate__(self):
            return {{"part": {dump}}}

        def __setstate__(self, state):
            self.part = {load}

        def predict(self, rows):
            return self.part(rows)

    modelbundle.save("m", Holder(), sample=numpy.ones((2, 3)))
    assert pickle.dumps(len) == pickle.dumps(len, protocol=pickle.DEFAULT_PROTOCOL)
    assert pickle.dump.__module__ == "_pickle"
"""
PART = """
    class Part:
        def __init__(self):
            self.bias = {bias}

        def __call__(self, rows):
            return rows + numpy.asarray(self.bias)
"""
_IO = "(lambda file: ({}, file.getvalue())[1])(io.BytesIO())"
WAYS = {
    "dumps": ("pickle.dumps(self.part)", "pickle.loads(state['part'])"),
    "dump": (_IO.format("pickle.dump(self.part, file)"), "pickle.loads(state['part'])"),
    "tensor": ("pickle.dumps(self.part)", "pickle.loads(state['part'])"),
    "torch": (
        _IO.format("__import__('torch').save(self.part, file)"),
        "__import__('torch').load(io.BytesIO(state['part']), weights_only=False)",
    ),
}
LOADED = "import modelbundle, numpy; print(modelbundle.load('m').predict(numpy.ones((2, 3))))"


@pytest.fixture
def author(tmp_path):
    (tmp_path / "author").mkdir()
    (tmp_path / "server").mkdir()
    return tmp_path / "author"


def run(script, folder):
    """A script of this name, as a spawned process needs one."""
    (folder / "train.py").write_text(dedent(script))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "train.py"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def served(author):
    return run(LOADED, author.parent / "server")


def test_a_lone_object_of_the_authors_module_is_the_one_that_its_code_asks_for(author):
    (author / "consts.py").write_text(dedent(CONSTS))
    train = "import consts, modelbundle; modelbundle.save('m', consts.Filler(), sample=[[1.0]])"

    run(train, author)

    assert served(author) == "[0, 0]"


def test_a_lone_object_among_the_attributes_of_an_estimator_goes_along(author):
    (author / "consts.py").write_text(dedent(CONSTS))
    run(
        """
        import modelbundle, numpy
        from consts import MISSING
        from sklearn.linear_model import LinearRegression

        model = LinearRegression().fit(numpy.eye(3), [1, 2, 3])
        model.gap = MISSING
        modelbundle.save("m", model, sample=numpy.eye(3))
        """,
        author,
    )
    assert served(author) == "[2. 2.]"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_what_a_spawned_process_saves_loads_without_its_script(author, method):
    run(SPAWNED.format(method=method), author)

    assert served(author) == "[3, 3]"


@pytest.mark.parametrize("place", ["script", "module"])
@pytest.mark.parametrize("way", WAYS)
def test_a_pickle_within_the_pickle_has_its_classes_by_value_too(author, way, place):
    if way in {"tensor", "torch"}:
        pytest.importorskip("torch")
    part = "import numpy\n" + dedent(PART.format(bias=1))
    if way in {
        "tensor",
        "torch",
    }:  # whose tensors call `torch.save` themselves where others pickle them
        part = "import numpy, torch\n" + dedent(PART.format(bias="torch.ones(3)"))
    (author / "part.py").write_text(part)
    dump, load = WAYS[way]
    imports = "from part import Part" if place == "module" else ""
    script = part if place == "script" else ""

    run(script + dedent(NESTED.format(imports=imports, dump=dump, load=load)), author)

    assert "[2. 2. 2.]" in served(author)
