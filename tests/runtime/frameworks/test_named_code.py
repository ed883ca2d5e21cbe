"""Lone objects, which are told from others by `is`, in a process that has nothing of the author's."""

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
LOADED = "import modelbundle, numpy; print(modelbundle.load('m').predict(numpy.ones((2, 3))))"
CALLED = "import modelbundle, torch; print(modelbundle.load('m')(torch.ones(2, 3)).tolist())"


def test_a_lone_object_of_the_authors_module_is_the_one_that_its_code_asks_for(author):
    author.writes("consts.py", CONSTS)

    author.runs(
        "import consts, modelbundle; modelbundle.save('m', consts.Filler(), sample=[[1.0]])"
    )

    assert author.served(LOADED) == "[0, 0]"


def test_a_lone_object_among_the_attributes_of_an_estimator_goes_along(author):
    author.writes("consts.py", CONSTS)
    author.runs(
        """
        import modelbundle, numpy
        from consts import MISSING
        from sklearn.linear_model import LinearRegression

        model = LinearRegression().fit(numpy.eye(3), [1, 2, 3])
        model.gap = MISSING
        modelbundle.save("m", model, sample=numpy.eye(3))
        """
    )
    assert author.served(LOADED) == "[2. 2.]"


@pytest.mark.parametrize(
    ("made", "told"),
    [("net.Net(3)", 1), ("net.Net(3, None, net.BARE)", 10), ("Sequential(net.Net(3))", 1)],
)
def test_a_lone_object_in_the_architecture_of_a_torch_module_is_the_one_of_its_code(
    author, made, told
):
    author.writes("net.py", NET)

    author.runs(
        f"""
        import modelbundle, net, numpy
        from torch.nn import Sequential

        modelbundle.save("m", {made}, sample=numpy.ones((2, 3), "float32"))
        """
    )
    assert author.served(CALLED) == f"[[{told}.0], [{told}.0]]"


def test_who_loads_a_model_with_a_lone_object_can_save_it_again(author):
    author.writes("net.py", NET)
    sample = "sample=numpy.ones((2, 3), 'float32')"
    author.runs(f"import modelbundle, net, numpy; modelbundle.save('a', net.Net(3), {sample})")

    author.served(
        f"import modelbundle, numpy; modelbundle.save('m', modelbundle.load('a'), {sample})"
    )

    assert author.served(CALLED) == "[[1.0], [1.0]]"
