import pytest

from modelbundle.runtime.duration import seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25ms", 0.025),
        ("1.5 s", 1.5),
        ("2m", 120),
        (0.05, 0.05),
        (3, 3),
        ("100us", 0.0001),
        ("7", 7),
    ],
)
def test_numbers_are_seconds_and_texts_say_their_unit(text, value):
    assert seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("wrong", ["fast", "-1s", -1, True, None, float("nan"), "1 day", ""])
def test_anything_else_is_refused_with_an_example(wrong):
    with pytest.raises(ValueError, match="25ms"):
        seconds(wrong)
