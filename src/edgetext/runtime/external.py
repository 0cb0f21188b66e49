"""Which files an ONNX model reads its weights from; it can name any path, so they are looked at before loading.

The ``onnx`` package is not part of the runtime, so this walks the protobuf encoding itself
(https://protobuf.dev/programming-guides/encoding/), and of it only what leads to a tensor's ``external_data``
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import mmap
import posixpath
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from edgetext.errors import BundleError

# Message -> the fields to go down into, by number.
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
_FIXED_WIDTH = {1: 8, 5: 4}  # wire type -> bytes
_DEEPEST = 64  # nested messages; protobuf parsers stop at 100


def external_files(model: Path, relative: str) -> list[str]:
    """Gives the files that an ONNX model reads weights from, as paths inside the bundle, each once.

    Args:
        model: The file.
        relative: Its path inside the bundle, which the names in it are relative to.

    Raises:
        BundleError: A name leaves the bundle's folder, or the file is no ONNX model.
    """
    if model.stat().st_size == 0:
        raise BundleError(f"{model} is damaged: it is empty")
    with model.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            names = dict.fromkeys(_locations(content, 0, len(content), "Model", 0))
        except (ValueError, IndexError, UnicodeDecodeError):
            raise BundleError(f"{model} is damaged: it is not an ONNX model; copy or export it again") from None
    return [_inside(model, PurePosixPath(relative).parent, name) for name in names]


def _inside(model: Path, parent: PurePosixPath, name: str) -> str:
    joined = posixpath.normpath(posixpath.join(parent.as_posix(), name))
    if name.startswith("/") or "\\" in name or ":" in name or "\0" in name or joined.split("/")[0] == "..":
        raise BundleError(
            f"{model} reads weights from {name!r:.200}, which leaves the bundle's folder: do not use this model"
        )
    return joined


def _locations(data: mmap.mmap, start: int, end: int, message: str, depth: int) -> Iterator[str]:
    """Walks one message and yields the ``location`` of every tensor in it that keeps its data elsewhere."""
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    children = _CHILDREN[message]
    for number, first, last in _fields(data, start, end):
        child = children.get(number)
        if child == "Entry":
            key, value = _entry(data, first, last)
            if key == "location":
                yield value
        elif child is not None:
            yield from _locations(data, first, last, child, depth + 1)


def _entry(data: mmap.mmap, start: int, end: int) -> tuple[str, str]:
    values = {number: data[first:last].decode("utf-8") for number, first, last in _fields(data, start, end)}
    return values.get(1, ""), values.get(2, "")


def _fields(data: mmap.mmap, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yields number, start and end of each length-delimited field; the others are stepped over."""
    while position < end:
        key, position = _varint(data, position)
        wire = key & 7
        if wire == 2:
            length, position = _varint(data, position)
            if position + length > end:
                raise ValueError("cut off")
            yield key >> 3, position, position + length
            position += length
        elif wire == 0:
            _, position = _varint(data, position)
        else:
            position += _width(wire)
    if position != end:
        raise ValueError("cut off")


def _width(wire: int) -> int:
    if wire not in _FIXED_WIDTH:
        raise ValueError(f"wire type {wire}")
    return _FIXED_WIDTH[wire]


def _varint(data: mmap.mmap, position: int) -> tuple[int, int]:
    byte = data[position]
    if byte < 0x80:  # by far the most common
        return byte, position + 1
    value, shift = byte & 0x7F, 7
    while byte >= 0x80:
        if shift > 63:
            raise ValueError("a number is too long")
        position += 1
        byte = data[position]
        value |= (byte & 0x7F) << shift
        shift += 7
    return value, position + 1
