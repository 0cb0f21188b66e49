"""What is asked and answered: our own requests, those of TEI, and those of the Open Inference Protocol, version 2.

Nothing here listens or predicts: a request becomes texts, and predictions become an answer.

Sources: https://github.com/kserve/open-inference-protocol, Triton's binary tensor data extension of it, and
https://huggingface.github.io/text-embeddings-inference (``/predict``).
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from edgetext.errors import EdgetextError
from edgetext.runtime.prediction import Prediction
from edgetext.serve.settings import Limits
from edgetext.task import Text, parts_of

TEXT, TEXT_PAIR = "text", "text_pair"
OUTPUTS = {"label": "BYTES", "score": "FP32", "scores": "FP32"}
"""The tensors of an answer, with their types."""

_LENGTH = struct.Struct("<I")  # of one element of a BYTES tensor
_Body = TypeVar("_Body", bound=BaseModel)
_OneOrPair = StrictStr | tuple[StrictStr, StrictStr]


class RequestError(EdgetextError):
    """A request that cannot be answered as it is.

    Attributes:
        status: Of the answer.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class PredictRequest(BaseModel):
    """Texts to classify: one as ``text``, with ``text_pair`` for a pair, or several as ``texts``."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"oneOf": [{"required": ["text"]}, {"required": ["texts"]}]}
    )

    text: _OneOrPair = Field(default_factory=str, description="A text, or a pair as a list of two.")
    text_pair: StrictStr = Field(default_factory=str, description="The second text of a pair.")
    texts: list[_OneOrPair] = Field(default_factory=list, description="Texts, or pairs as lists of two.")
    model: StrictStr | None = Field(default=None, description="Which model; the first by default.")
    top_k: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        default=None, description="How many scores to keep."
    )

    def asked(self) -> list[Text]:
        """Returns the texts.

        Raises:
            RequestError: Both ``text`` and ``texts`` are given, or neither; or ``text_pair`` has no first text.
        """
        given = self.model_fields_set
        if ("text" in given) == ("texts" in given):
            raise RequestError(422, "give either 'text', one text, or 'texts', a list of them")
        if "text_pair" not in given:
            return [self.text] if "text" in given else list(self.texts)
        if not isinstance(self.text, str) or "texts" in given:
            raise RequestError(422, "'text_pair' is the second text to a 'text'; pairs in 'texts' are lists of two")
        return [(self.text, self.text_pair)]


class PredictedText(BaseModel):
    """The answer for one text; see ``edgetext.Prediction``."""

    label: str
    score: float
    scores: dict[str, float]
    labels: list[str]
    truncated: bool
    sure: bool
    stage: str


class PredictAnswer(BaseModel):
    """The answers for all texts, in order."""

    model: str
    predictions: list[PredictedText]


class TeiRequest(BaseModel):
    """A text, a pair as a list of two, or a batch as a list of lists of one text or two."""

    inputs: (
        StrictStr
        | Annotated[list[StrictStr], Field(min_length=1, max_length=2)]
        | Annotated[list[Annotated[list[StrictStr], Field(min_length=1, max_length=2)]], Field(min_length=1)]
    )
    raw_scores: bool = Field(default=False, description="Not offered: scores are probabilities.")
    truncate: bool = Field(default=True, description="Texts that are too long are always cut.")

    def asked(self) -> list[Text]:
        """Returns the texts.

        Raises:
            RequestError: Raw scores are asked for.
        """
        if self.raw_scores:
            raise RequestError(422, "'raw_scores' is not offered: scores are calibrated probabilities")
        if isinstance(self.inputs, str):
            return [self.inputs]
        batch: Any = self.inputs if self.is_batch else [self.inputs]
        return [parts[0] if len(parts) == 1 else (parts[0], parts[1]) for parts in batch]

    @property
    def is_batch(self) -> bool:
        """Whether the answer is a list of lists."""
        return not isinstance(self.inputs, str) and not isinstance(self.inputs[0], str)


class TeiScore(BaseModel):
    """A label and its probability."""

    label: str
    score: float


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


def parse(kind: type[_Body], body: bytes) -> _Body:
    """Reads a request.

    Raises:
        RequestError: It is no JSON, or not what the class says; the sentence names the first place that is wrong.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise RequestError(400, f"the body is no JSON that can be read: {first['msg']}") from None
        place = ".".join(str(step) for step in first["loc"] if _is_of_the_body(step))
        raise RequestError(422, f"{place or 'the body'}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


def check(texts: Sequence[Text], limits: Limits) -> None:
    """Raises where a request holds too much.

    Raises:
        RequestError: It has no texts or too many, or one is too long.
    """
    if not texts:
        raise RequestError(422, "there are no texts: give at least one")
    if len(texts) > limits.texts:
        raise RequestError(422, f"a request may hold {limits.texts} texts, and this one holds {len(texts)}")
    for place, text in enumerate(texts):
        length = sum(map(len, parts_of(text)))
        if length > limits.characters:
            raise RequestError(
                422, f"a text may have {limits.characters} characters, and text {place} has {length} of them"
            )


def answer(model: str, predictions: Sequence[Prediction], top_k: int | None) -> bytes:
    """Writes the answer to a ``PredictRequest``."""
    return as_json({"model": model, "predictions": [_predicted(prediction, top_k) for prediction in predictions]})


def tei_answer(predictions: Sequence[Prediction], *, batch: bool) -> bytes:
    """Writes the answer to a ``TeiRequest``: for each text its labels, the most probable first."""
    rows = [
        [{"label": label, "score": score} for label, score in prediction.scores.items()]
        for prediction in predictions
    ]
    return as_json(rows if batch else rows[0])


def as_json(value: Any) -> bytes:
    """Writes JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


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


def _predicted(prediction: Prediction, top_k: int | None) -> dict[str, Any]:
    return {
        "label": prediction.label,
        "score": prediction.score,
        "scores": dict(list(prediction.scores.items())[:top_k]),
        "labels": list(prediction.labels),
        "truncated": prediction.truncated,
        "sure": prediction.sure,
        "stage": prediction.stage,
    }


def _is_of_the_body(step: int | str) -> bool:
    """Whether a step of pydantic's is a field or a place, not the branch of a union that it tried."""
    return isinstance(step, int) or (step.isidentifier() and step not in ("str", "bool", "int"))


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
