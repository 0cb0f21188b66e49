"""Where the weights of an ONNX file lie, found out before onnxruntime loads it and without the ``onnx`` package.

A model can name any path to read weights from, so those names are looked at first (``external_files``).

Weights inside the file stay there (``without_weights``). Given a path, onnxruntime reads the whole file, copies
each weight out of it, and lets go of the first copy: for a model of 23 MB half of the loading is memory that is
touched for the first time. Weights outside the file it maps and does not copy. So it is given a copy of the file in
which every large tensor says that its data are outside, namely in that file, at their place there.

Of protobuf's encoding there is as much here as that takes.

Sources: https://protobuf.dev/programming-guides/encoding/ for the encoding,
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto for the fields,
https://onnxruntime.ai/docs/tutorials/web/large-models.html for what external data are.
"""

from __future__ import annotations

import mmap
import posixpath
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from edgetext.errors import BundleError
from edgetext.runtime.held import Held

_VARINT, _LENGTH = 0, 2  # wire types
_FIXED_WIDTH = {1: 8, 5: 4}  # wire type -> bytes
_MOST_BITS = 63
_MOST_FIELDS = 1 << 20

# Message -> the fields to go down into for names of files, by number.
_CHILDREN: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "Training", 25: "Function"},
    "Training": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "Entry"},
}
_DEEPEST = 64  # nested messages; protobuf parsers stop at 100

_GRAPH, _INITIALIZER = 7, 5  # of ModelProto, of GraphProto
_DATA_TYPE, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 2, 9, 13, 14  # of TensorProto
_ELSEWHERE = bytes((_DATA_LOCATION << 3 | _VARINT, 1))
_LARGE = 64 * 1024
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2}  # by TensorProto.DataType


def external_files(model: Held, relative: str) -> list[str]:
    """Finds the files that an ONNX model reads weights from, as paths inside the bundle, each once.

    Args:
        model: The file.
        relative: Its path inside the bundle, which the names in it are relative to.

    Raises:
        BundleError: A name leaves the bundle's folder, or the file is no ONNX model.
    """
    with model.mapped() as content:
        try:
            names = dict.fromkeys(_locations(content, 0, len(content), "Model", 0, _new_budget()))
        except (ValueError, IndexError, UnicodeDecodeError):
            raise _damaged(model) from None
    return list(dict.fromkeys(_inside(model.path, PurePosixPath(relative).parent, name) for name in names))


def without_weights(model: Held) -> bytes:
    """Takes a model's large weights out of it, to be loaded with the file's folder as that of its weights.

    Weights that are outside of the file already stay as they are, and so do those that do not begin at a multiple
    of their items' size in it, as they must in memory.

    Args:
        model: An ONNX file.

    Raises:
        BundleError: It is no ONNX model.
    """
    try:
        with model.mapped() as content:
            return b"".join(_model(content, model.path.name))
    except (ValueError, IndexError):
        raise _damaged(model) from None


def _damaged(model: Held) -> BundleError:
    return BundleError(f"{model.path} is damaged: it is not an ONNX model; copy or export it again")


def _inside(model: Path, parent: PurePosixPath, name: str) -> str:
    joined = posixpath.normpath(posixpath.join(parent.as_posix(), name))
    if name.startswith("/") or "\\" in name or ":" in name or "\0" in name or joined.split("/")[0] == "..":
        raise BundleError(
            f"{model} reads weights from {name!r:.200}, which leaves the bundle's folder: do not use this model"
        )
    return joined


def _locations(
    data: mmap.mmap, start: int, end: int, message: str, depth: int, budget: Iterator[int]
) -> Iterator[str]:
    """Walks one message and yields the ``location`` of every tensor in it that keeps its data elsewhere."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    children = _CHILDREN[message]
    for number, wire, _, first, last in _fields(data, start, end, budget):
        child = children.get(number) if wire == _LENGTH else None
        if child == "Entry":
            key, value = _entry(data, first, last, budget)
            if key == "location":
                yield value
        elif child is not None:
            yield from _locations(data, first, last, child, depth + 1, budget)


def _entry(data: mmap.mmap, start: int, end: int, budget: Iterator[int]) -> tuple[str, str]:
    found = _fields(data, start, end, budget)
    values = {number: data[first:last].decode("utf-8") for number, wire, _, first, last in found if wire == _LENGTH}
    return values.get(1, ""), values.get(2, "")


def _model(data: mmap.mmap, name: str) -> Iterator[bytes]:
    budget = _new_budget()
    for field in _fields(data, 0, len(data), budget):
        if (field.number, field.wire) == (_GRAPH, _LENGTH):
            yield _encode(_GRAPH, b"".join(_graph(data, field, name, budget)))
        else:
            yield data[field.begin : field.last]


def _graph(data: mmap.mmap, graph: _Field, name: str, budget: Iterator[int]) -> Iterator[bytes]:
    for field in _fields(data, graph.first, graph.last, budget):
        large = field.last - field.first >= _LARGE
        if large and (field.number, field.wire) == (_INITIALIZER, _LENGTH):
            yield _encode(_INITIALIZER, _tensor(data, field, name, budget))
        else:
            yield data[field.begin : field.last]


def _tensor(data: mmap.mmap, tensor: _Field, name: str, budget: Iterator[int]) -> bytes:
    parts = list(_fields(data, tensor.first, tensor.last, budget))
    kind = next((_varint(data, part.first)[0] for part in parts if part.number == _DATA_TYPE), 0)
    raw = next((part for part in parts if part.number == _RAW_DATA), None)
    item = _ITEM_BYTES.get(kind)
    if raw is None or raw.last - raw.first < _LARGE or item is None or raw.first % item:
        return data[tensor.first : tensor.last]
    place = {"location": name, "offset": str(raw.first), "length": str(raw.last - raw.first)}
    entries = [_encode(1, key.encode()) + _encode(2, value.encode()) for key, value in place.items()]
    kept = [data[part.begin : part.last] for part in parts if part.number not in (_RAW_DATA, _DATA_LOCATION)]
    return b"".join((*kept, *(_encode(_EXTERNAL_DATA, entry) for entry in entries), _ELSEWHERE))


class _Field(NamedTuple):
    """Where a field of a message stands.

    Attributes:
        number: As the message's definition has it.
        wire: ``_VARINT``, ``_LENGTH``, or one of the fixed widths.
        begin: Where its tag begins.
        first: Where its content begins: after the tag and, for ``_LENGTH``, the length.
        last: Where its content ends.
    """

    number: int
    wire: int
    begin: int
    first: int
    last: int


def _new_budget() -> Iterator[int]:
    """Makes what a walk through a file is paid from, so that it ends soon however many fields there are.

    A field takes two bytes at least, and a walk in Python a microsecond for each. The largest known, a model that
    holds a vocabulary of 250,000 tokens as texts, has 300,000.
    """
    return iter(range(_MOST_FIELDS))


def _fields(data: mmap.mmap, position: int, end: int, budget: Iterator[int]) -> Iterator[_Field]:
    """Yields the fields of a message, in order.

    Args:
        data: The file.
        position: Where the message begins.
        end: Where it ends.
        budget: Of the whole walk, see ``_new_budget``.

    Raises:
        ValueError: The message is damaged, or the budget is spent.
        IndexError: It goes on past the file's end.
    """
    while position < end:
        if next(budget, None) is None:
            raise ValueError("too many fields")
        begin = position
        key, position = _varint(data, position)
        wire = key & 7
        if wire == _LENGTH:
            length, first = _varint(data, position)
            position = first + length
        else:
            first = position
            position = _varint(data, position)[1] if wire == _VARINT else position + _width(wire)
        if position > end:
            raise ValueError("cut off")
        yield _Field(key >> 3, wire, begin, first, position)


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    """Reads the number at a position, and the position after it.

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


def _encode_varint(value: int) -> bytes:
    """Encodes a number that is not negative."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _encode(number: int, content: bytes) -> bytes:
    """Encodes a field with its length before it: a message, a string or bytes."""
    return _encode_varint(number << 3 | _LENGTH) + _encode_varint(len(content)) + content


def _width(wire: int) -> int:
    if wire not in _FIXED_WIDTH:
        raise ValueError(f"wire type {wire}")
    return _FIXED_WIDTH[wire]
