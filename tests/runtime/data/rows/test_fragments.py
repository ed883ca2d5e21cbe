"""Rows that are JSON already: cut and joined as arrays are."""

import itertools

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.data.rows import table
from modelbundle.runtime.data.rows.fragments import Fragments
from modelbundle.runtime.errors import PredictionFailed

VALUES = st.lists(st.one_of(st.none(), st.text(",[]é", max_size=3), st.lists(st.integers(0, 9))))


def fragments(values, flaws=()):
    text, ends = b"", []
    for value in values:
        text += orjson.dumps(value) + b","
        ends.append(len(text))
    return Fragments.of(text, ends, flaws)


@given(VALUES, st.data())
def test_any_cut_is_joined_again(values, data):
    """Rows, their number and their text are those of a list."""
    whole = fragments(values)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    bounds = [0, *cuts, len(values)]
    parts = [table.slice(whole, *pair) for pair in itertools.pairwise(bounds)]
    assert [part.values() for part in parts] == [
        values[start:stop] for start, stop in itertools.pairwise(bounds)
    ]
    joined = table.concat(parts)
    assert table.rows(joined) == len(values)
    assert joined.whole() == orjson.dumps(values)
    assert orjson.dumps(joined.rows()) == orjson.dumps(values)


@given(VALUES, st.data())
def test_a_flaw_is_its_own_rows(values, data):
    """Wherever it is cut to and joined; and NaN may be null."""
    values.append(None)
    row = data.draw(st.integers(0, len(values) - 1))
    is_gap = data.draw(st.booleans())
    whole = fragments(values, [(row, "Not a number.", "NaN", is_gap)])
    cut = data.draw(st.integers(0, len(values)))
    parts = [table.slice(whole, 0, cut), table.slice(whole, cut, len(values))]
    guilty, innocent = (parts[0], parts[1]) if row < cut else (parts[1], parts[0])
    assert len(table.to_instances(innocent)) == len(innocent)
    for each in (guilty, table.concat(parts), table.concat([guilty, innocent])):
        with pytest.raises(PredictionFailed, match="Not a number"):
            table.to_wire(each)
        if is_gap:
            assert table.to_instances(each, nan_as_null=True) == each.values()
