import gc
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelbundle.runtime.data.json_text import exact

NUMBERS = st.tuples(
    st.sampled_from(["", "-", "0.", "-1.", "1e-1,1", "1.5,"]),
    st.from_regex("[1-9][0-9]{14,44}", fullmatch=True),
)


@given(st.lists(NUMBERS.map("".join), max_size=4))
@example(["9" * 20])
@example(["-" + "9" * 19])
@example(["0." + "9" * 40, "1" + "0" * 20])
def test_whole_numbers_of_any_length_are_exact_among_fractions_as_long(numbers):
    body = f"[{','.join(numbers)}]"

    assert exact(body.encode()) == json.loads(body)


@pytest.mark.parametrize("is_on", [True, False])
def test_nobody_collects_garbage_while_a_large_body_is_read(is_on):
    """The collector would walk all that was read so far, and no thread runs meanwhile."""
    body, runs = b"[" + b'{"a":[]},' * 100_000 + b"0]", []
    gc.collect()
    gc.callbacks.append(note := lambda phase, info: runs.append(phase))
    if not is_on:
        gc.disable()
    try:
        value = exact(body)
        assert gc.isenabled() is is_on
    finally:
        gc.callbacks.remove(note)
        gc.enable()

    assert len(value) == 100_001
    assert runs.count("start") <= 1
