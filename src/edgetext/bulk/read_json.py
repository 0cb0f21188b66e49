"""JSON Lines, an object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from edgetext.bulk.lines import Line
from edgetext.bulk.records import Broken, Record, choose_column, make_record


def read_json(lines: Iterable[Line], name: str, column: str | None) -> Iterator[Record]:
    """Reads an object a line; the text's column is chosen by the first good one, unless it is named.

    Raises:
        InputError: The first object has no column for the text.
    """
    chosen = column
    for line in lines:
        raw = line.text.rstrip("\r\n")
        values = line.fault or _parse(raw)
        if isinstance(values, str):
            yield Broken(line.number, values, raw, f"line {line.number}" if line.fault else "")
            continue
        chosen = chosen or choose_column(name, list(values), None)
        yield _record(line.number, values, chosen, raw)


def _parse(raw: str) -> dict[str, Any] | str:
    """Gives the object, or what is wrong with the line."""
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError) as error:
        return f"not readable as JSON: {error}"
    if not isinstance(values, dict) or not values:
        return f"expected a JSON object, found {raw:.40}"
    return values


def _record(number: int, values: dict[str, Any], chosen: str, raw: str) -> Record:
    record = make_record(number, values, chosen, lambda: raw)
    if isinstance(record, Broken) or "\\u" not in raw:  # only an escape brings a lone surrogate into UTF-8
        return record
    bad = next((column for column, value in values.items() if not _is_unicode([column, value])), None)
    return record if bad is None else Broken(number, f"the column {bad!a} is no valid Unicode", raw)


def _is_unicode(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
