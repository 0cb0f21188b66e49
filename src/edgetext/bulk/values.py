"""Cells as text: what CSV and JSON can hold of any value that a row may have."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

KINDS = ("bool", "int", "float", "text", "json")
_INT64 = 1 << 63


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


def kind_of(value: Any) -> str:
    """Finds the first of ``KINDS`` that holds the value; the value is not ``None``."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -_INT64 <= value < _INT64 else "json"
    if isinstance(value, float):
        return "float"
    return "text" if isinstance(value, str) else "json"


def common_kind(first: str, second: str) -> str:
    """Finds the kind that holds values of both: whole numbers fit among floats, all else only as JSON."""
    if first == second:
        return first
    return "float" if {first, second} == {"int", "float"} else "json"
