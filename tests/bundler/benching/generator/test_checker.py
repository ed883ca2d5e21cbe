"""Each answer is compared, and the same bytes only once."""

from modelbundle.bundler.benching.generator.checker import Checker
from modelbundle.bundler.benching.subject.bench_request import BenchRequest


def checker(answer, **tolerance):
    return Checker([BenchRequest(b"", answer=answer, **tolerance)])


def test_answers_within_the_tolerance_are_right_and_others_are_told():
    one = checker(b'{"predictions":[1.0]}', rtol=1e-3)

    for body in (b'{"predictions":[1.0]}', b'{"predictions": [1.0005]}'):
        one.check(0, body)
    assert (one.wrong, one.differences) == (0, [])

    for _ in range(3):
        one.check(0, b'{"predictions":[2.0]}')
    assert one.wrong == 3
    assert one.differences == ["predictions[0]: expected 1.0, got 2.0"], "told once"


def test_another_shape_no_json_and_a_missing_row_are_wrong():
    one = checker(b'{"predictions":[1]}')

    for body in (b'{"predictions":[1,1]}', b"oops", b'{"error":"no"}', b"[]"):
        one.check(0, body)

    assert one.wrong == 4


def test_without_a_recorded_answer_the_first_one_counts():
    one = Checker([BenchRequest(b"a"), BenchRequest(b"b")])

    for number, body in ((0, b"x"), (1, b"y"), (0, b"x"), (1, b"x")):
        one.check(number, body)

    assert one.wrong == 1
    one.forget()
    one.check(1, b"x")
    assert one.wrong == 1, "a new round counts anew, but what is right stays"
