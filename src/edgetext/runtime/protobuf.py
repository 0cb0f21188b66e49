"""The protobuf encoding, as far as an ONNX file must be looked at before it is loaded.

The ``onnx`` package is no part of the runtime. Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

VARINT, LENGTH = 0, 2
_FIXED_WIDTH = {1: 8, 5: 4}  # wire type -> bytes
_MOST_BITS = 63
_MOST_FIELDS = 1 << 20


class Field(NamedTuple):
    """Where a field of a message stands.

    Attributes:
        number: As the message's definition has it.
        wire: ``VARINT``, ``LENGTH``, or one of the fixed widths.
        begin: Where its tag begins.
        first: Where its content begins: after the tag and, for ``LENGTH``, the length.
        last: Where its content ends.
    """

    number: int
    wire: int
    begin: int
    first: int
    last: int


def new_budget() -> Iterator[int]:
    """Gives what a walk through a file is paid from, so that it ends soon however many fields there are.

    A field takes two bytes at least, and a walk in Python a microsecond for each. The largest known, a model that
    holds a vocabulary of 250,000 tokens as texts, has 300,000.
    """
    return iter(range(_MOST_FIELDS))


def fields(data: mmap.mmap, position: int, end: int, budget: Iterator[int]) -> Iterator[Field]:
    """Yields the fields of a message, in order.

    Args:
        data: The file.
        position: Where the message begins.
        end: Where it ends.
        budget: Of the whole walk, see ``new_budget``.

    Raises:
        ValueError: The message is damaged, or the budget is spent.
        IndexError: It goes on past the file's end.
    """
    while position < end:
        if next(budget, None) is None:
            raise ValueError("too many fields")
        begin = position
        key, position = varint(data, position)
        wire = key & 7
        if wire == LENGTH:
            length, first = varint(data, position)
            position = first + length
        else:
            first = position
            position = varint(data, position)[1] if wire == VARINT else position + _width(wire)
        if position > end:
            raise ValueError("cut off")
        yield Field(key >> 3, wire, begin, first, position)


def varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    """Gives the number at a position, and the position after it.

    Raises:
        ValueError: It is longer than 64 bits.
        IndexError: It goes on past the file's end.
    """
    byte = data[position]
    if byte < 0x80:  # by far the most common
        return byte, position + 1
    value, shift = byte & 0x7F, 7
    while byte >= 0x80:
        if shift > _MOST_BITS:
            raise ValueError("a number is too long")
        position += 1
        byte = data[position]
        value |= (byte & 0x7F) << shift
        shift += 7
    return value, position + 1


def encode_varint(value: int) -> bytes:
    """Gives the encoding of a number that is not negative."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def encode(number: int, content: bytes) -> bytes:
    """Gives the encoding of a field with its length before it: a message, a string or bytes."""
    return encode_varint(number << 3 | LENGTH) + encode_varint(len(content)) + content


def _width(wire: int) -> int:
    if wire not in _FIXED_WIDTH:
        raise ValueError(f"wire type {wire}")
    return _FIXED_WIDTH[wire]
