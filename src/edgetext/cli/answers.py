"""Predictions as lines to print: plain ones, and JSON Lines."""

from __future__ import annotations

from edgetext.bulk.rows import TextRow
from edgetext.escape import json_text, terminal
from edgetext.runtime.prediction import Prediction
from edgetext.task import parts_of


def plain_line(row: TextRow, prediction: Prediction, top_k: int | None = None, *, sure: bool = False) -> str:
    """Returns ``label<TAB>score<TAB>text`` on one line; with ``top_k``, that many labels and scores.

    What would break the line or its columns, or what a terminal obeys, is escaped in labels and texts. Where a text
    may bear several labels the label is a list with commas, or ``-`` when none reached its threshold. Of a pair,
    both texts stand there. With ``sure``, ``sure`` or ``unsure`` stands before the text.
    """
    if top_k is None:
        fields = [",".join(prediction.labels) or "-", f"{prediction.score:.4f}"]
    else:
        fields = [part for label, score in prediction.scores.items() for part in (label, f"{score:.4f}")]
    if sure:
        fields.append("sure" if prediction.sure else "unsure")
    return "\t".join(map(terminal, [*fields, *(" ".join(text.split()) for text in parts_of(row.text))]))


def json_line(row: TextRow, prediction: Prediction, *, sure: bool = False, stage: bool = False) -> str:
    """Returns one JSON object: ``label``, ``score``, ``scores``, ``labels``, ``truncated``, ``text``.

    A pair has ``text_pair`` too, and ``sure`` and ``stage`` stand there where they were asked for.
    """
    value = {
        "label": prediction.label,
        "score": prediction.score,
        "scores": dict(prediction.scores),
        "labels": list(prediction.labels),
        "truncated": prediction.truncated,
        **({"sure": prediction.sure} if sure else {}),
        **({"stage": prediction.stage} if stage else {}),
        **dict(zip(("text", "text_pair"), parts_of(row.text), strict=False)),
    }
    return json_text(value)
