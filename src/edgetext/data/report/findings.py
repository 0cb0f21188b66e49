"""The rows as checks see them, and what a check found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
_SHOWN = 60  # characters of a text
MOST_PLACES = 1000  # of one finding; its count is always of all


@dataclass(frozen=True, slots=True)
class Item:
    """One usable row.

    Attributes:
        texts: Its text, or the two of a pair.
        labels: Its labels.
        part: ``train``, ``validation`` or ``test``.
        place: Where to find it, as messages say it.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    part: str
    place: str


@dataclass(frozen=True)
class Finding:
    """One fault, or one thing to look at.

    Attributes:
        kind: A short name that stays the same, such as ``mojibake``.
        severity: ``error`` where rows are lost or training refuses, ``warning`` where figures or answers suffer,
            ``note`` where it is worth a look.
        says: What was found, a sentence.
        advice: What to do.
        count: How many rows, labels or pairs it is about.
        places: Where the rows are, the first of them.
        certain: Whether nobody can argue with it, so that ``train`` says it too.
    """

    kind: str
    severity: Severity
    says: str
    advice: str
    count: int
    places: tuple[str, ...] = ()
    certain: bool = False

    def sentence(self) -> str:
        """Says what was found, where, and what to do."""
        where = f" ({listed_places(self.places)})" if self.places else ""
        return f"{self.says}{where}: {self.advice}"


def listed_places(places: Sequence[str], most: int = 3) -> str:
    """Lists the first places."""
    return ", ".join(places[:most]) + (" and more" if len(places) > most else "")


def places(items: Iterable[Item]) -> tuple[str, ...]:
    """Collects where items are."""
    return tuple(item.place for item, _ in zip(items, range(MOST_PLACES), strict=False))


def counted(count: int, what: str) -> str:
    """Says how many: ``1 text``, ``2,000 texts``."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def excerpt(text: str) -> str:
    """Quotes the beginning of a text; what cannot be seen in it is escaped."""
    shown = repr(text[: _SHOWN + 1])
    return shown if len(text) <= _SHOWN else f"{shown[:-2]}…{shown[-1]}"


def quoted(values: Iterable[str], most: int = 5) -> str:
    """Lists values of a file in quotes; of many the first ones."""
    all_of_them = list(values)
    more = f" and {len(all_of_them) - most:,} more" if len(all_of_them) > most else ""
    return ", ".join(excerpt(value) for value in all_of_them[:most]) + more
