"""Values are nested up to a depth, and no deeper."""

import pytest

from modelbundle.runtime.data.depth import check_depth
from modelbundle.runtime.errors import InvalidInput


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [{"a": value}]
    return value


def test_nesting_is_allowed_up_to_a_depth():
    check_depth(nested(32))
    with pytest.raises(InvalidInput, match="nested more than 64 levels"):
        check_depth(nested(33))
