"""What `functools` and `typing` make of an author's functions travels with a model."""

import os
import subprocess
import sys

import pytest

MODULE = '''
import functools, typing
import numpy as np

@functools.lru_cache(maxsize=7, typed=True)
def factor(n):
    return n * 2

@functools.cache
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

@functools.singledispatch
def size(value):
    return 1

@size.register
def _(value: list):
    return len(value)

Count = typing.NewType("Count", int)

class Model:
    @functools.lru_cache
    def offset(self, n):
        return n + 1

    @functools.cached_property
    def weight(self):
        return 3

    def predict(self, rows):
        """Adds up 14 + 55 + 2 + 3 + 2 + 1 + 1."""
        total = np.asarray(rows).sum(axis=1) + factor(7) + fibonacci(10) + Count(2)
        return total + self.weight + self.offset(1) + size([1]) + size(1)
'''
SAVED = """
import modelbundle
model = Model()
model.predict([[0]])
modelbundle.save("m", model, sample=np.ones((2, 2)))
"""
LOADED = """
import modelbundle
import numpy as np
model = modelbundle.load("m")
print(model.predict(np.ones((2, 2))).tolist())
code = model.predict.__func__.__globals__
print(code["factor"].cache_info(), code["factor"].cache_parameters())
modelbundle.save("again", model, sample=np.ones((2, 2)))
"""


def run(code, directory, *, fails=False):
    script = directory / "script.py"
    script.write_text(code)
    settings = os.environ | {"BUNDLE_HOME": str(directory.parent / "store")}
    done = subprocess.run(
        [sys.executable, str(script)], env=settings, capture_output=True, text=True, check=False
    )
    assert bool(done.returncode) is fails, done.stderr
    return done.stderr if fails else done.stdout


@pytest.fixture
def places(tmp_path):
    for name in ("author", "server"):
        (tmp_path / name).mkdir()
    return tmp_path / "author", tmp_path / "server"


@pytest.mark.parametrize("where", ["script", "module"])
def test_caches_and_dispatch_work_where_the_source_is_not(places, where):
    author, server = places
    (author / "own.py").write_text(MODULE)
    run((MODULE if where == "script" else "from own import Model, np") + SAVED, author)
    answers, told, *_ = run(LOADED, server).splitlines()
    assert answers == "[80.0, 80.0]"
    assert told == (
        "CacheInfo(hits=0, misses=1, maxsize=7, currsize=1) {'maxsize': 7, 'typed': True}"
    )


def test_a_cached_function_of_a_library_stays_its_own(places):
    author, server = places
    run(
        "import modelbundle, functools, tokenize\n"
        "model = functools.partial(lambda rows, cached: rows, cached=tokenize._compile)\n"
        "modelbundle.save('m', model, sample=[1, 2])\n",
        author,
    )
    code = "import tokenize, modelbundle\nmodel = modelbundle.load('m')\n"
    assert run(code + "print(model.keywords['cached'] is tokenize._compile)", server) == "True\n"


def test_what_only_the_script_itself_could_load_is_refused(places):
    """It was saved, and no server could start with it."""
    said = run(
        "import modelbundle\n"
        "class Missing:\n"
        "    def __reduce__(self):\n"
        "        return 'MISSING'\n"
        "MISSING = Missing()\n"
        "modelbundle.save('m', {'empty': MISSING})\n",
        places[0],
        fails=True,
    )
    assert "`__main__.MISSING` is pickled by its name, and no server has this script." in said
