"""The header of a member of a layer."""

import pytest

from modelbundle.bundler.layers.member import Member

NAMES = ("a", "opt/b c", *("d" * count for count in (98, 99, 100, 101, 300)), "é", "opt/数.py")
SIZES = (0, 1, 511, 8**11 - 1, 8**11)


@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{name!a:.12}-{len(name)}")
def test_a_plain_header_is_the_one_that_tarfile_writes(name):
    """Or the digest of a layer would depend on which of the two wrote it."""
    members = [Member(name), Member(name, link="../x")]
    members += [Member(name, b"", size, is_run) for size in SIZES for is_run in (False, True)]
    for member in members:
        assert member.header() == member._extended()
