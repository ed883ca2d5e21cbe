"""Varint: a number as messages have it, seven bits a byte, the lowest first.

Source: protobuf.dev/programming-guides/encoding.
"""

_SEVEN, _MORE = 0x7F, 0x80


def varint(value: int) -> bytes:
    """The bytes of a number from 0."""
    made = bytearray()
    while value > _SEVEN:
        made.append(value & _SEVEN | _MORE)
        value >>= 7
    made.append(value)
    return bytes(made)
