"""Predictions as lines of a file: CSV or JSON Lines, the columns of the input first, whatever values they hold."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetext.bulk.rows import TextRow
from edgetext.errors import InputError
from edgetext.escape import spreadsheet as defused
from edgetext.files import refuse_file
from edgetext.ours import PREDICTIONS, REJECTS
from edgetext.runtime.prediction import Prediction
from edgetext.runtime.predictor import Predictor

SUFFIXES = (".csv", ".jsonl", ".parquet")
SEPARATORS = (",", ";", "|", "\t")


@dataclass(frozen=True)
class Added:
    """The columns that predictions add to a row.

    Attributes:
        one_label: Whether a text gets exactly one label: ``predicted_label``, else ``predicted_labels``.
        separator: What stands between several labels in CSV; no label holds it, where there is such a one.
        sure: Whether ``predicted_sure`` says which answers reach the least confidence.
        stage: Whether ``predicted_stage`` says which answers the first stage gave.
    """

    one_label: bool = True
    separator: str = SEPARATORS[0]
    sure: bool = False
    stage: bool = False

    @classmethod
    def by(cls, classify: Predictor) -> Added:
        """Those of a predictor."""
        held = "".join(classify.labels)
        separator = next((one for one in SEPARATORS if one not in held), SEPARATORS[0])
        sure, stage = classify.min_confidence is not None, classify.first_stage is not None
        return cls(classify.task.one_label, separator, sure, stage)

    def names(self, suffix: str = "") -> tuple[str, ...]:
        """Names the columns in a file with a suffix; CSV has no scores."""
        label = "predicted_label" if self.one_label else "predicted_labels"
        scores = () if suffix == ".csv" else ("predicted_scores",)
        sure = ("predicted_sure",) if self.sure else ()
        stage = ("predicted_stage",) if self.stage else ()
        return (label, "predicted_score", *sure, *stage, *scores)

    def values(self, prediction: Prediction) -> dict[str, Any]:
        """Returns what one prediction adds, by column."""
        labels = prediction.label if self.one_label else list(prediction.labels)
        values = {
            "predicted_score": prediction.score,
            "predicted_sure": prediction.sure,
            "predicted_stage": prediction.stage,
            "predicted_scores": dict(prediction.scores),
        }
        return {name: values.get(name, labels) for name in self.names()}

    def cells(self, prediction: Prediction) -> list[Any]:
        """Returns what one prediction adds to a row of CSV."""
        values = self.values(prediction)
        cells = [values[name] for name in self.names(".csv")]
        return cells if self.one_label else [self.separator.join(cells[0]), *cells[1:]]


def csv_row(row: TextRow, columns: Sequence[str], cells: Sequence[Any], *, spreadsheet: bool = False) -> str:
    """Returns the line of one row; a column that it lacks is empty. See ``csv_line``.

    Args:
        row: The row.
        columns: Those of the input.
        cells: What is added (see ``Added.cells``).
        spreadsheet: See ``csv_line``.
    """
    return csv_line((*(row.columns.get(name) for name in columns), *cells), spreadsheet=spreadsheet)


def json_row(row: TextRow, values: Mapping[str, Any]) -> str:
    """Returns the line of one row, with what is added (see ``Added.values``)."""
    return json_text({**row.columns, **values}) + "\n"


def numbered_row(row: TextRow, values: Mapping[str, Any]) -> str:
    """Returns the number of a row and what is added to it, for the side file of Parquet."""
    return json.dumps([row.number, values], ensure_ascii=False) + "\n"


def csv_line(values: Iterable[Any], *, spreadsheet: bool = False) -> str:
    """Returns one line of CSV, ended by a line feed.

    Args:
        values: The cells.
        spreadsheet: Whether cells that a spreadsheet would run as formulas are defused (``escape.spreadsheet``).
    """
    cells = [csv_text(value) for value in values]
    if spreadsheet:
        cells = [defused(cell) for cell in cells]
    # Up to Python 3.12 the module leaves a carriage return without quotes, and then cannot read it back.
    returns = any("\r" in cell for cell in cells)
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL, lineterminator="\n").writerow(cells)
    return stream.getvalue()


def json_text(value: Any) -> str:
    """Returns JSON on one line; what JSON lacks becomes text (dates, decimals), base64 (bytes) or null (NaN)."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(plain(value), ensure_ascii=False)


def csv_text(value: Any) -> str:
    """Returns a string as it is, nothing for a missing value, and JSON for the rest."""
    if isinstance(value, str):
        return value
    value = plain(value)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Returns a value made only of what JSON has."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def refuse_taken(columns: Iterable[str] | Mapping[str, Any], names: Iterable[str]) -> None:
    """Raises if the input has a column of a name that is to be added.

    Raises:
        InputError: It has.
    """
    taken = next((name for name in names if name in columns), None)
    if taken is not None:
        raise InputError(f"the input has a column {taken!r}, which is to be added: rename it first")


def check_target(target: Path, option: str, *, overwrite: bool) -> None:
    """Refuses a place that cannot be written to, before any work is done (see ``files.refuse_file``)."""
    marks = REJECTS if option == "--rejects" else PREDICTIONS
    refuse_file(target, option, marks, overwrite=overwrite)


def check_suffix(target: Path) -> None:
    """Refuses a kind of file that cannot be written.

    Raises:
        InputError: The suffix is not known.
    """
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"{target} has the suffix {target.suffix!r}: expected one of {', '.join(SUFFIXES)}")
