"""Layouts are described once, and called by numbers that both sides mean the same by."""

from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.remote.slabs import layout
from modelbundle.runtime.remote.slabs.layout import KNOWN, Numbers

LAYOUTS = st.recursive(
    st.tuples(
        st.sampled_from(["raw", "json", "bytes"]),
        st.text(max_size=3),
        st.lists(st.integers(0, 9), max_size=3).map(tuple),
        st.none() | st.integers(-1, 9),
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: ("tuple", tuple(parts))),
    max_leaves=4,
)


@given(LAYOUTS)
def test_a_description_says_all_of_it(one):
    assert layout.read(layout.describe(one)) == one


def test_the_oldest_is_forgotten_by_both_sides():
    """As many as are remembered, and each number means the layout that was described last."""
    writer, reader = Numbers(), {}
    layouts = [("raw", "<f4", (size,), None) for size in range(2 * KNOWN + 3)]
    for one in layouts:
        assert writer.get(one) is None
        reader[writer.add(one)] = layout.read(layout.describe(one))
        assert reader[writer.get(one)] == one
    assert len(reader) == KNOWN
    for position, one in enumerate(layouts):
        number = writer.get(one)
        assert (number is None) == (position < len(layouts) - KNOWN)
        assert number is None or reader[number] == one
