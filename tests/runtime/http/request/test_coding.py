"""gzip and deflate: inflated up to a limit, deflated for who asks."""

import asyncio
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelbundle.runtime.errors import BadPayload, PayloadTooLarge, UnsupportedMediaType
from modelbundle.runtime.http.request.coding import deflated, inflated

MOST = 1 << 20


def inflate(body, coding, limit=MOST):
    return asyncio.run(inflated(body, coding, limit))


def deflate(body, accepted):
    return asyncio.run(deflated(body, accepted))


@given(st.binary(max_size=2000))
def test_what_was_compressed_comes_back(body):
    """In each coding, in any case and between spaces."""
    assert inflate(gzip.compress(body), b" GZip ") == body
    assert inflate(zlib.compress(body), b"deflate") == body
    assert inflate(body, b"identity") == body


@given(st.lists(st.sampled_from([b"gzip", b"deflate", b"identity", b""]), max_size=4))
def test_codings_come_off_in_the_order_in_which_they_were_put_on(codings):
    """The last one first."""
    body = b"1, 2, 3"
    for coding in codings:
        compress = {b"gzip": gzip.compress, b"deflate": zlib.compress}.get(coding, bytes)
        body = compress(body)
    assert inflate(body, b" , ".join(codings)) == b"1, 2, 3"


@pytest.mark.parametrize("coding", [b"gzip, br", b"br, gzip", b"gzip,gzip,gzip,gzip,gzip"])
def test_a_coding_among_others_that_is_not_known_is_refused(coding):
    """As are more than anybody has a reason for."""
    with pytest.raises(UnsupportedMediaType, match="send gzip or deflate"):
        inflate(gzip.compress(b"1"), coding)


def test_a_bomb_within_a_bomb_is_refused():
    """Each coding has the limit."""
    bomb = gzip.compress(gzip.compress(bytes(100 * MOST)))
    with pytest.raises(PayloadTooLarge):
        inflate(bomb, b"gzip, gzip", MOST)


@pytest.mark.parametrize("size", [1 << 16, (1 << 16) + 1, MOST])
def test_much_is_inflated_beside_the_loop(size):
    """In as many steps as it takes."""
    assert inflate(gzip.compress(bytes(size)), b"gzip") == bytes(size)
    members = gzip.compress(bytes(size // 2)) + gzip.compress(bytes(size - size // 2))
    assert inflate(members, b"gzip") == bytes(size)


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_a_bomb_is_refused_before_it_goes_off(coding):
    """Whatever it would become."""
    compress = gzip.compress if coding == b"gzip" else zlib.compress
    with pytest.raises(PayloadTooLarge, match="larger than 1048576 bytes"):
        inflate(compress(bytes(MOST + 1)), coding)
    with pytest.raises(PayloadTooLarge):
        inflate(gzip.compress(bytes(MOST)) * 2, b"gzip")


def test_thousands_of_files_in_one_body_are_refused():
    """Each would be looked for in all that is left: a minute of the loop for eight megabytes."""
    with pytest.raises(BadPayload, match="Something follows"):
        inflate(gzip.compress(b"") * 400_000, b"gzip")


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=16))
def test_files_in_one_body_come_one_behind_the_other(parts):
    assert inflate(b"".join(map(gzip.compress, parts)), b"gzip") == b"".join(parts)


def test_blocks_without_a_byte_are_read_beside_the_loop():
    """Or else by nobody: they say nothing, however many they are."""
    body = zlib.compress(b"")[:2] + b"\0\0\0\xff\xff" * 400_000
    with pytest.raises(BadPayload, match="ends too early"):
        inflate(body, b"deflate")


@given(st.binary(min_size=1, max_size=200), st.sampled_from([b"gzip", b"deflate"]))
def test_any_bytes_are_inflated_or_refused(body, coding):
    """Nothing else happens."""
    try:
        inflate(body, coding, 1000)
    except (BadPayload, PayloadTooLarge):
        return


def test_other_codings_are_refused():
    """By name, and cut short."""
    with pytest.raises(UnsupportedMediaType, match="zstd"):
        inflate(b"x", b"zstd")


@pytest.mark.parametrize("size", [1 << 10, 1 << 17])
def test_one_coding_that_is_asked_for_is_given(size):
    """And what is small stays as it is."""
    body = bytes(size)
    for coding, inflater in ((b"gzip", gzip.decompress), (b"deflate", zlib.decompress)):
        made = deflate(body, coding)
        assert made is not None
        assert (inflater(made[0]), made[1]) == (body, coding)
    assert deflate(body, b"gzip, deflate") is None
    assert deflate(b"short", b"gzip") is None
