"""A digest over rows as read, the same whatever format the file has."""

from __future__ import annotations

import hashlib
from typing import Any

from edgetext.data.columns import Columns
from edgetext.data.table import Table

_BETWEEN_FIELDS = b"\x1f"
_AFTER_ROW = b"\x1e"


def fingerprint(table: Table, columns: Columns) -> str:
    """Gives the SHA-256 over text, label and part of every row, broken ones included, as hexadecimal digits."""
    wanted = (columns.text, columns.label, columns.split)
    digest = hashlib.sha256()
    for record in table.records:
        fields = (_bytes(record.values.get(column)) if column else b"" for column in wanted)
        digest.update(_BETWEEN_FIELDS.join(fields) + _AFTER_ROW)
    return digest.hexdigest()


def _bytes(value: Any) -> bytes:
    """Gives what a CSV file would hold for the value, so that a file and its copy in JSON are the same."""
    if isinstance(value, bool):
        value = str(value).lower()
    return b"" if value is None else str(value).encode("utf-8", "surrogatepass")
