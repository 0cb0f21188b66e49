"""What a label is, the same in every format; in which order labels stand; which of them look alike."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from edgetext.data.table import CellWithoutValue, Problem

_WHOLE = re.compile(r"(-?)(0|[1-9][0-9]*)(\.0+)?")  # 007 is a name, and stays one
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LONGEST_NUMBER = 300  # digits, beyond which no float is finite


def label_of(value: Any) -> str:
    """Makes a label of a value of a file, once ``label_problem`` found nothing.

    Spaces around it do not count. A whole number is written without a fraction, whether the file has it as 1, 1.0,
    or text of either: CSV knows text alone, and pandas makes 1.0 of 1 in a column in which one value is missing.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        return text
    return whole[2] if whole[2] == "0" else whole[1] + whole[2]


def is_flag(value: Any, *wanted: int) -> bool:
    """Says whether a value is 0 or 1, or false or true, as a number or as text.

    Args:
        value: As it stands in the file.
        wanted: Which of the two will do; both by default.
    """
    if not isinstance(value, str | bool | int | float):
        return False
    found = {"0": 0, "false": 0, "1": 1, "true": 1}.get(label_of(value).casefold())
    return found is not None and found in (wanted or (0, 1))


def label_problem(column: str, value: Any) -> Problem | None:
    """Says why a value can be no label."""
    if value is None or (isinstance(value, str) and not _visible(value)):
        return Problem(f"column {column!r}: the label is missing")
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        return Problem(f"column {column!r}: the label is no finite number", str(value))
    if not isinstance(value, str | int | float | Decimal):
        return Problem(
            f"column {column!r}: the label is {kind(value)}", short(value), "a string, a number or a boolean"
        )
    return unusable(column, "label", value) if isinstance(value, str) else None


def unusable(column: str, what: str, value: str) -> Problem | None:
    """Says why a string can be neither text nor label."""
    if "\0" in value:
        return Problem(f"column {column!r}: the {what} holds a NUL character", expected="plain text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return Problem(f"column {column!r}: the {what} holds half of a surrogate pair", expected="valid Unicode")
    return None


def ordered(labels: Iterable[str]) -> tuple[str, ...]:
    """Sorts labels into the order of their class indices: numbers by their value, then words by their letters."""
    return tuple(sorted(labels, key=_rank))


def look_alikes(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups labels that differ by letter case, accents, spaces or invisible characters alone."""
    groups: dict[str, list[str]] = defaultdict(list)
    for label in ordered(labels):
        groups[_look(label)].append(label)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def kind(value: Any) -> str:
    """Names the kind of a value, for a message."""
    if isinstance(value, CellWithoutValue):
        return value.kind
    kinds = {bool: "a boolean", int: "a whole number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def short(value: object) -> str:
    """Shortens a value for a message of one line, in ASCII, so that what cannot be seen is seen."""
    text = ascii(str(value) if isinstance(value, CellWithoutValue) else value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _rank(label: str) -> tuple[int, float, str]:
    if _NUMBER.fullmatch(label) and len(label) <= _LONGEST_NUMBER:
        return 0, float(label), label
    return 1, 0.0, label


def _look(label: str) -> str:
    plain = unicodedata.normalize("NFKD", label.casefold())
    seen = "".join(letter for letter in plain if unicodedata.category(letter) not in ("Mn", "Cf"))
    return " ".join(seen.split())


def _visible(label: str) -> bool:
    return any(not letter.isspace() and unicodedata.category(letter) != "Cf" for letter in label)
