"""Which files an ONNX model reads its weights from; it can name any path, so they are looked at before loading.

Of the file only what leads to a tensor's ``external_data`` is walked
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import mmap
import posixpath
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from edgetext.errors import BundleError
from edgetext.runtime.held import Held
from edgetext.runtime.protobuf import LENGTH, fields, new_budget

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
_DEEPEST = 64  # nested messages; protobuf parsers stop at 100


def external_files(model: Held, relative: str) -> list[str]:
    """Gives the files that an ONNX model reads weights from, as paths inside the bundle, each once.

    Args:
        model: The file.
        relative: Its path inside the bundle, which the names in it are relative to.

    Raises:
        BundleError: A name leaves the bundle's folder, or the file is no ONNX model.
    """
    with model.mapped() as content:
        try:
            names = dict.fromkeys(_locations(content, 0, len(content), "Model", 0, new_budget()))
        except (ValueError, IndexError, UnicodeDecodeError):
            raise BundleError(
                f"{model.path} is damaged: it is not an ONNX model; copy or export it again"
            ) from None
    return list(dict.fromkeys(_inside(model.path, PurePosixPath(relative).parent, name) for name in names))


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
    for number, wire, _, first, last in fields(data, start, end, budget):
        child = children.get(number) if wire == LENGTH else None
        if child == "Entry":
            key, value = _entry(data, first, last, budget)
            if key == "location":
                yield value
        elif child is not None:
            yield from _locations(data, first, last, child, depth + 1, budget)


def _entry(data: mmap.mmap, start: int, end: int, budget: Iterator[int]) -> tuple[str, str]:
    found = fields(data, start, end, budget)
    values = {number: data[first:last].decode("utf-8") for number, wire, _, first, last in found if wire == LENGTH}
    return values.get(1, ""), values.get(2, "")
