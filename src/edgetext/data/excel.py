"""The first sheet of an Excel workbook, a row at a time, through openpyxl; formulas are never computed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from edgetext.data.packed import open_seekable, refuse_bomb
from edgetext.data.separated import column_names
from edgetext.data.table import CellWithoutValue, OpenTable, Problem, TableRow
from edgetext.errors import DataError, first_line, needs_extra

MOST_EXPANSION = 100
"""How many times its own size a workbook's XML may have; that of texts has five to twenty times."""
FREE_BYTES = 256 << 20
"""What any workbook may hold."""


@contextmanager
def open_workbook(path: Path) -> Iterator[OpenTable]:
    """Opens a workbook; the first row of its first sheet names the columns, and blank rows are no rows.

    Raises:
        DataError: It is no workbook, names no columns, or holds far more than its size allows.
        MissingExtraError: openpyxl is not installed.
    """
    with needs_extra("excel"):
        from openpyxl import load_workbook
    with open_seekable(path) as stream, ExitStack() as opened:
        with _told(path):
            _refuse_bomb(path, stream)
            # Of a formula one view has the value that was stored with it, if any, the other one the formula.
            books = [load_workbook(stream, read_only=True, data_only=stored) for stored in (True, False)]
            for book in books:
                opened.callback(book.close)
            names = [sheet.title for sheet in books[0].worksheets]
            if not names:
                raise DataError(f"{path}: the workbook has no sheet with cells")
            rows = _Sheet(path, *(book.worksheets[0] for book in books))
        yield OpenTable(
            name=str(path),
            format="excel",
            records=rows.records(),
            raw=rows.raw,
            size=rows.size,
            position=lambda: rows.read,
            columns=rows.columns,
            notes=(f"the sheet {names[0]!r} is read, the first of {len(names)}",) if len(names) > 1 else (),
        )


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turns what a damaged workbook raises into one error, and keeps openpyxl's warnings of features to itself."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except DataError:
        raise
    except Exception as error:  # openpyxl, zipfile and expat each have a tree
        raise DataError(f"{path}: not readable as an Excel workbook (.xlsx): {first_line(error)}") from None


def _refuse_bomb(path: Path, stream: IO[bytes]) -> None:
    from zipfile import ZipFile  # here, as below: predicting without a workbook must not wait for it

    with ZipFile(stream) as parts:  # which gives no more of a part than it claims here
        held = sum(part.file_size for part in parts.infolist())
    refuse_bomb(path, held, FREE_BYTES + MOST_EXPANSION * path.stat().st_size)


class _Sheet:
    """The rows of a sheet; ``read`` counts them, blank ones included.

    Args:
        path: The workbook.
        stored: The sheet with the values that are stored with formulas.
        written: The same sheet with the formulas.
    """

    def __init__(self, path: Path, stored: Any, written: Any) -> None:
        self.size = stored.max_row or 0
        for sheet in (stored, written):
            sheet.reset_dimensions()  # what a file says of its size may be wrong
        self._path = path
        self._rows = zip(stored.iter_rows(), written.iter_rows(), strict=True)
        self._last: Mapping[str, Any] = {}
        self.read = 0
        header = next((row for row in iter(self._next, None) if row), [])
        if not header:
            raise DataError(f"{path}: the sheet is empty; expected a row that names the columns, and rows of text")
        self.columns = column_names(["" if name is None else str(name).strip() for name in header], str(path))

    def records(self) -> Iterator[TableRow]:
        """Reads the rows that are not blank."""
        number = 0
        for values in iter(self._next, None):
            if not values:
                continue
            number += 1
            if len(values) > len(self.columns):
                expected = f"{len(self.columns)} as in the header"
                problem = Problem("more cells than the header has", f"it has {len(values)}", expected)
                yield TableRow(number, line=self.read, problem=problem)
                continue
            missing = [None] * (len(self.columns) - len(values))
            self._last = dict(zip(self.columns, [*values, *missing], strict=True))
            yield TableRow(number, self._last, self.read)

    def raw(self) -> str:
        """Shows the last row as JSON."""
        return json.dumps(self._last, ensure_ascii=False, default=str)

    def _next(self) -> list[Any] | None:
        """Reads one row, without the blank cells at its end; ``None`` after the last one."""
        with _told(self._path):
            cells = next(self._rows, None)
        if cells is None:
            return None
        self.read += 1
        values = [_value(stored, written) for stored, written in zip(*cells, strict=True)]
        while values and values[-1] is None:
            values.pop()
        return values


def _value(stored: Any, written: Any) -> Any:
    if written.data_type == "f" and stored.value is None:
        formula = getattr(written.value, "text", written.value)
        return CellWithoutValue(str(formula), "a formula without a stored value (open the workbook and save it)")
    if stored.data_type == "e":
        return CellWithoutValue(str(stored.value), "an error of the workbook")
    return stored.value.isoformat() if hasattr(stored.value, "isoformat") else stored.value
