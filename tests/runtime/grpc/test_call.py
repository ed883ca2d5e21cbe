"""Who calls, as gRPC says it."""

import pytest

from modelbundle.runtime.grpc.call import address


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("ipv4:10.0.0.1:5000", "10.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[fe80::1]:5000", "fe80::1"),
        ("unix:/tmp/x", ""),
        ("", ""),
    ],
)
def test_the_address_of_a_peer(peer, found):
    """Without its port; shares are counted by it."""
    assert address(peer) == found
