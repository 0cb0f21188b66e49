"""An ONNX model without its large weights, which onnxruntime then maps into memory from the file itself.

Given a path, onnxruntime reads the whole file, copies each weight out of it, and lets go of the first copy: for a
model of 23 MB half of the loading is memory that is touched for the first time. Weights outside the file it maps
and does not copy. So it is given a copy of the file in which every large tensor says that its data are outside,
namely in that file, at their place there.

Sources: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto for the fields,
https://onnxruntime.ai/docs/tutorials/web/large-models.html for what external data are.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

from edgetext.errors import BundleError
from edgetext.runtime.held import Held
from edgetext.runtime.protobuf import LENGTH, VARINT, Field, encode, encode_varint, fields, new_budget, varint

_GRAPH, _INITIALIZER = 7, 5  # of ModelProto, of GraphProto
_DATA_TYPE, _RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 2, 9, 13, 14  # of TensorProto
_ELSEWHERE = encode_varint(_DATA_LOCATION << 3 | VARINT) + encode_varint(1)
_LARGE = 64 * 1024
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 16: 2}  # by TensorProto.DataType


def without_weights(model: Held) -> bytes:
    """Gives the model with its large weights taken out, to be loaded with the file's folder as that of its weights.

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
        raise BundleError(f"{model.path} is damaged: it is not an ONNX model; copy or export it again") from None


def _model(data: mmap.mmap, name: str) -> Iterator[bytes]:
    budget = new_budget()
    for field in fields(data, 0, len(data), budget):
        if (field.number, field.wire) == (_GRAPH, LENGTH):
            yield encode(_GRAPH, b"".join(_graph(data, field, name, budget)))
        else:
            yield data[field.begin : field.last]


def _graph(data: mmap.mmap, graph: Field, name: str, budget: Iterator[int]) -> Iterator[bytes]:
    for field in fields(data, graph.first, graph.last, budget):
        large = field.last - field.first >= _LARGE
        if large and (field.number, field.wire) == (_INITIALIZER, LENGTH):
            yield encode(_INITIALIZER, _tensor(data, field, name, budget))
        else:
            yield data[field.begin : field.last]


def _tensor(data: mmap.mmap, tensor: Field, name: str, budget: Iterator[int]) -> bytes:
    parts = list(fields(data, tensor.first, tensor.last, budget))
    kind = next((varint(data, part.first)[0] for part in parts if part.number == _DATA_TYPE), 0)
    raw = next((part for part in parts if part.number == _RAW_DATA), None)
    item = _ITEM_BYTES.get(kind)
    if raw is None or raw.last - raw.first < _LARGE or item is None or raw.first % item:
        return data[tensor.first : tensor.last]
    place = {"location": name, "offset": str(raw.first), "length": str(raw.last - raw.first)}
    entries = [encode(1, key.encode()) + encode(2, value.encode()) for key, value in place.items()]
    kept = [data[part.begin : part.last] for part in parts if part.number not in (_RAW_DATA, _DATA_LOCATION)]
    return b"".join((*kept, *(encode(_EXTERNAL_DATA, entry) for entry in entries), _ELSEWHERE))
