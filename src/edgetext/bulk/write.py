"""Predictions as lines of a file: CSV or JSON Lines, the columns of the input first, whatever values they hold."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgetext.bulk.rows import TextRow
from edgetext.errors import InputError
from edgetext.escape import spreadsheet as defused
from edgetext.files import refuse_file
from edgetext.ours import PREDICTIONS, REJECTS
from edgetext.runtime.prediction import Prediction

SUFFIXES = (".csv", ".jsonl", ".parquet")
ADDED_TO_CSV = ("predicted_label", "predicted_score")
ADDED = (*ADDED_TO_CSV, "predicted_scores")


def added(prediction: Prediction) -> dict[str, Any]:
    """Returns the columns that a prediction adds; for multi label the label is a list with commas."""
    return {
        "predicted_label": ",".join(prediction.labels),
        "predicted_score": prediction.score,
        "predicted_scores": dict(prediction.scores),
    }


def csv_header(columns: Sequence[str], *, spreadsheet: bool = False) -> str:
    """Returns the first line of the CSV file; see ``csv_line``."""
    return csv_line([*columns, *ADDED_TO_CSV], spreadsheet=spreadsheet)


def csv_row(row: TextRow, prediction: Prediction, columns: Sequence[str], *, spreadsheet: bool = False) -> str:
    """Returns the line of one row; a column that it lacks is empty. See ``csv_line``."""
    values = added(prediction)
    cells = (*(row.columns.get(name) for name in columns), *(values[name] for name in ADDED_TO_CSV))
    return csv_line(cells, spreadsheet=spreadsheet)


def json_row(row: TextRow, prediction: Prediction) -> str:
    """Returns the line of one row."""
    return json_text({**row.columns, **added(prediction)}) + "\n"


def numbered_row(row: TextRow, prediction: Prediction) -> str:
    """Returns the number of a row and what is added to it, for the side file of Parquet."""
    return json.dumps([row.number, added(prediction)], ensure_ascii=False) + "\n"


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


def refuse_taken(columns: Iterable[str] | Mapping[str, Any], suffix: str) -> None:
    """Raises if the input has a column of a name that is to be added.

    Raises:
        InputError: It has.
    """
    taken = next((name for name in (ADDED_TO_CSV if suffix == ".csv" else ADDED) if name in columns), None)
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
