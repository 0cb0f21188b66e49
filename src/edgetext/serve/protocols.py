"""What is asked and answered in JSON: our own requests, and those of Text Embeddings Inference (TEI).

Nothing here listens or predicts: a request becomes texts, and predictions become an answer.

Source: https://huggingface.github.io/text-embeddings-inference (``/predict``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from edgetext.errors import EdgetextError
from edgetext.runtime.prediction import Prediction
from edgetext.serve.settings import Limits
from edgetext.task import Text, parts_of

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
            said = first["msg"].removeprefix("Invalid JSON: ")
            raise RequestError(400, f"the body is no JSON that can be read: {said}") from None
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
