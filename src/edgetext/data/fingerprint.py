"""A digest over rows as read, the same whatever format the file has."""

from __future__ import annotations

import hashlib
from typing import Any

from edgetext.data.columns import Columns
from edgetext.data.forms import LabelForm
from edgetext.data.table import Problem, Table, TableRow

_BETWEEN_FIELDS = b"\x1f"
_BETWEEN_LABELS = b"\x1d"
_AFTER_ROW = b"\x1e"


def fingerprint(table: Table, columns: Columns, form: LabelForm) -> str:
    """Digests text, labels and part of every row, broken ones included, and the second text of a pair.

    Returns:
        SHA-256 as hexadecimal digits; the same whether several labels stand in a list, in one text or in columns.
    """
    digest = hashlib.sha256()
    for record in table.records:
        fields = [
            _bytes(record.values.get(columns.text)),
            _labels(record, columns, form),
            _bytes(record.values.get(columns.split)) if columns.split else b"",
        ]
        if columns.pair:
            fields.append(_bytes(record.values.get(columns.pair)))
        digest.update(_BETWEEN_FIELDS.join(fields) + _AFTER_ROW)
    return digest.hexdigest()


def _labels(record: TableRow, columns: Columns, form: LabelForm) -> bytes:
    if not form.one_label:
        labels = form.read(record.values)
        if not isinstance(labels, Problem):
            return _BETWEEN_LABELS.join(map(_bytes, sorted(labels)))
    return _BETWEEN_LABELS.join(_bytes(record.values.get(column)) for column in columns.labels)


def _bytes(value: Any) -> bytes:
    """Encodes what a CSV file would hold for the value, so that a file and its copy in JSON are the same."""
    if isinstance(value, bool):
        value = str(value).lower()
    return b"" if value is None else str(value).encode("utf-8", "surrogatepass")
