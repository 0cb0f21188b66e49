"""Predictions as lines to print: plain ones, and JSON Lines."""

from __future__ import annotations

from edgetext.bulk.rows import TextRow
from edgetext.escape import json_text, terminal
from edgetext.runtime.prediction import Prediction


def plain_line(row: TextRow, prediction: Prediction, top_k: int | None = None) -> str:
    """Returns ``label<TAB>score<TAB>text`` on one line; with ``top_k``, that many labels and scores.

    What would break the line or its columns, or what a terminal obeys, is escaped in labels and text.
    For multi label the label is a list with commas, or ``-`` when no label reached its threshold.
    """
    if top_k is None:
        fields = [",".join(prediction.labels) or "-", f"{prediction.score:.4f}"]
    else:
        fields = [part for label, score in prediction.scores.items() for part in (label, f"{score:.4f}")]
    return "\t".join(map(terminal, [*fields, " ".join(row.text.split())]))


def json_line(row: TextRow, prediction: Prediction) -> str:
    """Returns one JSON object with ``label``, ``score``, ``scores``, ``labels``, ``truncated`` and ``text``."""
    value = {
        "label": prediction.label,
        "score": prediction.score,
        "scores": dict(prediction.scores),
        "labels": list(prediction.labels),
        "truncated": prediction.truncated,
        "text": row.text,
    }
    return json_text(value)
