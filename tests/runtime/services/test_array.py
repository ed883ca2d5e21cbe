import pytest

import modelbundle
from modelbundle.runtime.services.array import Array


def test_it_is_on_the_face_and_holds_what_was_said():
    assert modelbundle.Array("float32", [None, 64]) == Array("float32", (None, 64))


@pytest.mark.parametrize("wrong", [("float33",), ("float32", (None, -1)), ("int8", (True,))])
def test_what_no_request_could_fulfil_is_refused(wrong):
    with pytest.raises(ValueError, match="is not a"):
        Array(*wrong)
