import numpy as np

from modelbundle.runtime.services.contract.method import Contract
from modelbundle.runtime.services.headers import Headers


def test_rows_among_other_answers_are_described_as_they_are_written():
    def score(self, x: int) -> np.ndarray | str | None: ...

    output = Contract.of(score).output

    rows, text, null = output["schema"]["anyOf"]
    assert rows["required"] == ["predictions"]
    assert (text, null) == ({"type": "string"}, {"type": "null"})
    assert {"application/json", "application/x-npy", "text/plain"} <= set(output["media"])


def test_headers_that_may_be_none_are_no_part_of_the_body():
    def ask(self, amount: float, headers: Headers | None = None) -> float: ...

    contract = Contract.of(ask)

    assert contract.headers == "headers"
    assert list(contract.input["schema"]["properties"]) == ["amount"]
