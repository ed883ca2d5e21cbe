"""Layouts are described once."""

from modelbundle.runtime.remote import layout
from modelbundle.runtime.remote.layout import KNOWN, Numbers


def test_a_layout_is_its_own_description():
    """Tuples within tuples come back as they went."""
    known = ("predict", ("dict", ("a", "é"), (("raw", "<f8", (2, 3), None), ("json", (), 5))))
    assert layout.read(layout.describe(known)) == known


def test_a_number_is_given_once_and_again_when_it_is_forgotten():
    """There is no end of shapes, but of what is remembered."""
    numbers = Numbers()
    given = [numbers.add(("raw", "<f8", (size,), None)) for size in range(KNOWN + 1)]
    assert given == [*range(KNOWN), 0]
    assert numbers.get(("raw", "<f8", (0,), None)) is None
    assert numbers.get(("raw", "<f8", (1,), None)) == 1
    assert numbers.get(("raw", "<f8", (KNOWN,), None)) == 0
