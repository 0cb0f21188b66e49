"""Rows of text to classify, each paired with its prediction."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgetext.runtime.batching import WINDOW_TEXTS
from edgetext.runtime.prediction import Prediction
from edgetext.runtime.predictor import Predictor
from edgetext.task import Text


@dataclass(frozen=True)
class TextRow:
    """One text, or one pair of texts, to classify.

    Attributes:
        text: The text, or the pair.
        columns: The row that it came from, the text included; only the text where there was nothing else.
        number: Its place in the input, from 1 on; 0 where nobody counts.
    """

    text: Text
    columns: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0


def classify_rows(
    classify: Predictor, rows: Iterable[TextRow], top_k: int | None = None, window: int = WINDOW_TEXTS
) -> Iterator[tuple[TextRow, Prediction]]:
    """Pairs each row with its prediction, in order and in bounded memory; see ``Predictor.stream``."""
    waiting: deque[TextRow] = deque()

    def texts() -> Iterator[Text]:
        for row in rows:
            waiting.append(row)
            yield row.text

    for prediction in classify.stream(texts(), top_k, window=window):
        yield waiting.popleft(), prediction
