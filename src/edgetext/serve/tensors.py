"""Requests and answers of the Open Inference Protocol, version 2: tensors, in JSON or in binary.

Sources: https://github.com/kserve/open-inference-protocol, and Triton's binary tensor data extension of it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, StrictStr

from edgetext.runtime.prediction import Prediction
from edgetext.serve.protocols import RequestError, as_json, parse
from edgetext.task import Text

TEXT, TEXT_PAIR = "text", "text_pair"
OUTPUTS = {"label": "BYTES", "score": "FP32", "scores": "FP32"}
"""The tensors of an answer, with their types."""

_LENGTH = struct.Struct("<I")  # of one element of a BYTES tensor


class TensorIn(BaseModel):
    """A tensor of a request; its values stand in ``data``, or after the JSON as ``binary_data_size`` bytes."""

    name: StrictStr
    datatype: StrictStr
    shape: list[Annotated[int, Field(strict=True, ge=0)]]
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class TensorWanted(BaseModel):
    """An output that is asked for."""

    name: StrictStr
    parameters: dict[str, Any] | None = None


class InferRequest(BaseModel):
    """A request of the Open Inference Protocol: a BYTES tensor ``text``, and ``text_pair`` for pairs."""

    id: StrictStr | None = None
    inputs: list[TensorIn]
    outputs: list[TensorWanted] | None = None
    parameters: dict[str, Any] | None = None


class TensorOut(BaseModel):
    """A tensor of an answer."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class InferAnswer(BaseModel):
    """An answer of the Open Inference Protocol."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[TensorOut]


@dataclass(frozen=True)
class Infer:
    """A request of the Open Inference Protocol, read.

    Attributes:
        texts: To classify.
        id: Of the request, to be given back.
        outputs: The tensors that are wanted, and whether each is wanted in binary.
    """

    texts: list[Text]
    id: str | None
    outputs: Mapping[str, bool]


def read_infer(body: bytes, json_length: str | None) -> Infer:
    """Reads a request of the Open Inference Protocol.

    Args:
        body: JSON, and the bytes of binary tensors after it.
        json_length: The header ``Inference-Header-Content-Length``: where the JSON ends.

    Raises:
        RequestError: It is something else, or tensors are missing, unknown, or not of the shape that they claim.
    """
    length = len(body) if json_length is None else _whole(json_length)
    if length > len(body):
        raise RequestError(400, f"the header says {length} bytes of JSON, and the body has {len(body)}")
    asked = parse(InferRequest, body[:length])
    tensors, rest = {}, body[length:]
    for tensor in asked.inputs:
        values, rest = _values(tensor, rest)
        if tensor.name in tensors or tensor.name not in (TEXT, TEXT_PAIR):
            raise RequestError(422, f"there is no input {tensor.name!r:.60}, or it comes twice: give 'text', and "
                                    "'text_pair' for pairs")  # fmt: skip
        tensors[tensor.name] = values
    if rest:
        raise RequestError(400, f"{len(rest)} bytes stand after the last tensor")
    if TEXT not in tensors:
        raise RequestError(422, "the input 'text' is missing, a BYTES tensor with the texts")
    if TEXT_PAIR not in tensors:
        return Infer(list(tensors[TEXT]), asked.id, _wanted(asked))
    if len(tensors[TEXT]) != len(tensors[TEXT_PAIR]):
        raise RequestError(422, "'text' and 'text_pair' must hold as many texts each")
    return Infer(list(zip(tensors[TEXT], tensors[TEXT_PAIR], strict=True)), asked.id, _wanted(asked))


def infer_answer(
    model: str, labels: Sequence[str], infer: Infer, predictions: Sequence[Prediction]
) -> tuple[bytes, int | None]:
    """Writes an answer of the Open Inference Protocol.

    Returns:
        The body; and how many bytes of it are JSON, where binary tensors follow.
    """
    outputs, tail = [], []
    for name, binary in infer.outputs.items():
        values = _OUTPUT_VALUES[name](predictions, labels)
        shape = [len(predictions), len(labels)] if name == "scores" else [len(predictions)]
        tensor: dict[str, Any] = {"name": name, "datatype": OUTPUTS[name], "shape": shape}
        if binary:
            packed = _packed(values)
            tensor["parameters"] = {"binary_data_size": len(packed)}
            tail.append(packed)
        else:
            tensor["data"] = [value for row in values for value in row] if name == "scores" else values
        outputs.append(tensor)
    said = {"model_name": model, "model_version": "1", "outputs": outputs}
    head = as_json(said if infer.id is None else {**said, "id": infer.id})
    return (b"".join([head, *tail]), len(head)) if tail else (head, None)


def _whole(number: str) -> int:
    if not (number.isascii() and number.isdigit() and len(number) < 16):
        raise RequestError(400, f"Inference-Header-Content-Length must be a whole number, found {number!r:.40}")
    return int(number)


def _values(tensor: TensorIn, rest: bytes) -> tuple[list[str], bytes]:
    """Returns the texts of a tensor, and what is left of the bytes that follow the JSON."""
    if tensor.datatype != "BYTES":
        raise RequestError(
            422, f"the input {tensor.name!r:.60} must be of type BYTES, found {tensor.datatype!r:.20}"
        )
    size = (tensor.parameters or {}).get("binary_data_size")
    if size is None:
        values = _flat(tensor.data or [])
        if not all(isinstance(value, str) for value in values):
            raise RequestError(422, f"the input {tensor.name!r:.60} must hold texts")
    elif type(size) is not int or not 0 <= size <= len(rest):
        raise RequestError(400, f"'binary_data_size' must be a number of bytes that are there, found {size!r:.40}")
    else:
        values, rest = _unpacked(rest[:size]), rest[size:]
    if math.prod(tensor.shape) != len(values):
        raise RequestError(
            422, f"the input {tensor.name!r:.60} has {len(values)} texts, and its shape is {tensor.shape!r:.60}"
        )
    return values, rest


def _flat(data: Sequence[Any]) -> list[Any]:
    return [value for row in data for value in (row if isinstance(row, list) else [row])]


def _unpacked(packed: bytes) -> list[str]:
    """Reads a BYTES tensor: before each element its length, as four bytes."""
    values, place = [], 0
    while place < len(packed):
        if place + _LENGTH.size > len(packed):
            raise RequestError(400, "a BYTES tensor ends within the length of an element")
        first = place + _LENGTH.size
        place = first + _LENGTH.unpack_from(packed, place)[0]
        if place > len(packed):
            raise RequestError(400, "a BYTES tensor ends within an element")
        try:
            values.append(packed[first:place].decode())
        except UnicodeDecodeError:
            raise RequestError(422, f"element {len(values)} of a BYTES tensor is no UTF-8") from None
    return values


def _wanted(asked: InferRequest) -> dict[str, bool]:
    binary = (asked.parameters or {}).get("binary_data_output") is True
    if not asked.outputs:
        return dict.fromkeys(OUTPUTS, binary)
    unknown = [tensor.name for tensor in asked.outputs if tensor.name not in OUTPUTS]
    if unknown:
        raise RequestError(422, f"there is no output {unknown[0]!r:.60}: ask for {', '.join(OUTPUTS)}")
    return {tensor.name: (tensor.parameters or {}).get("binary_data", binary) is True for tensor in asked.outputs}


_OUTPUT_VALUES: Mapping[str, Callable[[Sequence[Prediction], Sequence[str]], list[Any]]] = {
    "label": lambda predictions, _: [prediction.label for prediction in predictions],
    "score": lambda predictions, _: [prediction.score for prediction in predictions],
    "scores": lambda predictions, labels: [
        [prediction.scores[label] for label in labels] for prediction in predictions
    ],
}


def _packed(values: Sequence[Any]) -> bytes:
    if values and isinstance(values[0], str):
        words = [value.encode() for value in values]
        return b"".join(part for word in words for part in (_LENGTH.pack(len(word)), word))
    return np.asarray(values, "<f4").tobytes()
