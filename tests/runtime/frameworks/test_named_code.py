"""Lone objects, which are told from others by `is`, in a process that has nothing of the author's."""

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
NET = """
    import torch

    class Missing:
        def __reduce__(self):
            return "MISSING"

    MISSING = Missing()
    BARE = object()

    class Net(torch.nn.Module):
        "Its `size` is no attribute, so that its architecture is kept as a pickle."

        def __init__(self, size, gap=MISSING, bare=None):
            super().__init__()
            self.layer = torch.nn.Linear(size, 1)
            self.gap, self.bare = gap, bare

        def forward(self, rows):
            told = 1 * (self.gap is MISSING) + 10 * (self.bare is BARE)
            return torch.full((len(rows), 1), float(told))
"""
CALLED = """
    import modelbundle, torch
    for name in {names}:
        print(name, modelbundle.load(name)(torch.ones(2, 3)).tolist())
"""


def test_a_lone_object_of_the_authors_module_is_the_one_that_its_code_asks_for(author):
    """Of a class of the author's own, and among the attributes of an estimator."""
    author.writes("consts.py", CONSTS)

    author.runs(
        """
        import modelbundle, numpy
        from consts import MISSING, Filler
        from sklearn.linear_model import LinearRegression

        modelbundle.save("filler", Filler(), sample=[[1.0]])
        model = LinearRegression().fit(numpy.eye(3), [1, 2, 3])
        model.gap = MISSING
        modelbundle.save("estimator", model, sample=numpy.eye(3))
        """
    )
    told = author.served(
        """
        import modelbundle, numpy
        for name in ("filler", "estimator"):
            print(name, modelbundle.load(name).predict(numpy.ones((2, 3))))
        """
    )
    assert told == "filler [0, 0]\nestimator [2. 2.]"


def test_a_lone_object_in_the_architecture_of_a_torch_module_is_the_one_of_its_code(author):
    author.writes("net.py", NET)

    author.runs(
        """
        import modelbundle, net, numpy
        from torch.nn import Sequential

        models = {"gap": net.Net(3), "bare": net.Net(3, None, net.BARE)}
        models["within"] = Sequential(net.Net(3))
        for name, model in models.items():
            modelbundle.save(name, model, sample=numpy.ones((2, 3), "float32"))
        """
    )
    told = author.served(CALLED.format(names=["gap", "bare", "within"]))
    assert told.splitlines() == [
        "gap [[1.0], [1.0]]", "bare [[10.0], [10.0]]", "within [[1.0], [1.0]]",
    ]  # fmt: skip


def test_who_loads_a_model_with_a_lone_object_can_save_it_again(author):
    author.writes("net.py", NET)
    sample = "sample=numpy.ones((2, 3), 'float32')"
    author.runs(f"import modelbundle, net, numpy; modelbundle.save('a', net.Net(3), {sample})")

    author.served(
        f"import modelbundle, numpy; modelbundle.save('m', modelbundle.load('a'), {sample})"
    )

    assert author.served(CALLED.format(names=["m"])) == "m [[1.0], [1.0]]"
