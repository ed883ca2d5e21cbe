"""Pickles that load in a process which has nothing of the author's."""

from textwrap import dedent

import pytest

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

    class Own(pickle.Pickler):
        dispatch_table = {{complex: lambda value: (complex, (value.real, value.imag))}}

    class Reducing(pickle._Pickler):
        def reducer_override(self, value):
            return (complex, (1,)) if isinstance(value, complex) else NotImplemented

    def check():
        assert pickle.dumps(len) == pickle.dumps(len, protocol=pickle.DEFAULT_PROTOCOL)
        assert pickle.dump.__module__ == pickle.Pickler.__module__ == "_pickle"
        assert not hasattr(Own, "reducer_override")
"""
HOLDER = """
    class Of_{way}:
        "As skorch: keeps its part in a pickle inside of its own."

        def __init__(self, part):
            self.part = part

        def __getstate__(self):
            return {{"part": {dump}}}

        def __setstate__(self, state):
            self.part = {load}

        def predict(self, rows):
            return self.part(rows)

    modelbundle.save("{way}", Of_{way}(Part()), sample=numpy.ones((2, 3)))
    check()
"""
PART = """
    class Part:
        def __init__(self):
            self.bias = {bias}

        def __call__(self, rows):
            return rows + numpy.asarray(self.bias)
"""
_IO = "(lambda file: ({}, file.getvalue())[1])(io.BytesIO())"
_LOADS = "pickle.loads(state['part'])"
WAYS = {
    "dumps": ("pickle.dumps(self.part)", _LOADS),
    "dump": (_IO.format("pickle.dump(self.part, file)"), _LOADS),
    "pickler": (_IO.format("pickle.Pickler(file, protocol=4).dump(self.part)"), _LOADS),
    "own": (_IO.format("Own(file).dump(self.part)"), _LOADS),
    "reducing": (_IO.format("Reducing(file).dump(self.part)"), _LOADS),
    "cloudpickle": ("__import__('cloudpickle').dumps(self.part)", _LOADS),
    "joblib": (
        _IO.format("__import__('joblib').dump(self.part, file)"),
        "__import__('joblib').load(io.BytesIO(state['part']))",
    ),
    "tensor": ("pickle.dumps(self.part)", _LOADS),
    "torch": (
        _IO.format("__import__('torch').save(self.part, file)"),
        "__import__('torch').load(io.BytesIO(state['part']), weights_only=False)",
    ),
}
TENSORS = {"tensor", "torch"}  # which call `torch.save` themselves where others pickle them
PLAIN = tuple(way for way in WAYS if way not in TENSORS)
TOGETHER = [  # what one script saves
    ("script", PLAIN),
    ("script", ("tensor", "torch")),
    ("module", ("dumps", "own", "cloudpickle")),
    ("module", ("torch",)),
]
LOADED = """
    import modelbundle, numpy
    for name in {names}:
        print(name, modelbundle.load(name).predict(numpy.ones((2, 3))))
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_what_a_spawned_process_saves_loads_without_its_script(author, method):
    author.runs(SPAWNED.format(method=method))

    assert author.served(LOADED.format(names=["m"])) == "m [3, 3]"


@pytest.mark.parametrize(("place", "ways"), TOGETHER)
def test_a_pickle_within_the_pickle_has_its_classes_by_value_too(author, place, ways):
    author.runs(trained(author, ways, place))

    told = author.served(LOADED.format(names=ways))
    for way in ways:
        assert f"{way} [[2. 2. 2.]\n [2. 2. 2.]]" in told


@pytest.mark.parametrize("place", ["script", "module"])
def test_a_pickle_within_the_pickle_that_nobody_could_load_is_refused(author, place):
    said = author.fails("from pickle import dumps\n" + trained(author, ["imported"], place))

    where = "__main__" if place == "script" else "part"
    assert f"it pickles a part of itself, in which `{where}.Part` is pickled by its name" in said
    assert "hint: Let its code call `pickle.dumps(...)`" in said


def trained(author, ways, place):
    """A script that saves a model for each of the `ways`, whose parts are of that `place`."""
    part = "import numpy\n" + dedent(PART.format(bias=1))
    if not TENSORS.isdisjoint(ways):
        part = "import numpy, torch\n" + dedent(PART.format(bias="torch.ones(3)"))
    author.writes("part.py", part)
    script = (part if place == "script" else "") + dedent(
        NESTED.format(imports="from part import Part" if place == "module" else "")
    )
    for way in ways:
        dump, load = {**WAYS, "imported": ("dumps(self.part)", _LOADS)}[way]
        script += dedent(HOLDER.format(way=way, dump=dump, load=load))
    return script
