"""How long texts are, in tokens or words, and how many would be cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgetext.data.report.findings import Finding, Item, counted, places
from edgetext.progress import Progress

_AT_A_TIME = 1000
_BARS = 15


@dataclass(frozen=True)
class Ruler:
    """What measures texts.

    Attributes:
        unit: ``tokens`` or ``words``.
        by: What counts them, such as the name of a base model.
        count: Counts those of texts or pairs.
        limit: The most that the model reads; ``None`` where that is unknown.
    """

    unit: str
    by: str
    count: Callable[[Sequence[tuple[str, ...]]], Sequence[int]]
    limit: int | None = None


def count_words(texts: Sequence[tuple[str, ...]]) -> list[int]:
    """Counts words, where there is no tokenizer."""
    return [sum(len(text.split()) for text in each) for each in texts]


WORDS = Ruler("words", "the spaces between them", count_words)


@dataclass(frozen=True)
class Lengths:
    """How long the texts of a file are.

    Attributes:
        unit: As in ``Ruler``.
        by: As in ``Ruler``.
        limit: As in ``Ruler``.
        median: Half of the texts are no longer.
        p99: 99 % of the texts are no longer.
        longest: The longest one.
        over: How many are longer than the limit.
        bins: Lengths from, up to and including, and how many texts have them; the last one holds all longer ones.
    """

    unit: str
    by: str
    limit: int | None
    median: int
    p99: int
    longest: int
    over: int
    bins: tuple[tuple[int, int, int], ...]


def measure(items: Sequence[Item], ruler: Ruler, progress: Progress) -> tuple[Lengths, list[Finding]]:
    """Measures all texts.

    Args:
        items: The rows; at least one.
        ruler: What measures them.
        progress: Told how many texts were measured.
    """
    counts: list[int] = []
    for start in range(0, len(items), _AT_A_TIME):
        counts.extend(ruler.count([item.texts for item in items[start : start + _AT_A_TIME]]))
        progress.step(f"counting {ruler.unit}", len(counts), len(items))
    over = [item for item, count in zip(items, counts, strict=True) if ruler.limit and count > ruler.limit]
    ranked = sorted(counts)
    found = Lengths(
        unit=ruler.unit,
        by=ruler.by,
        limit=ruler.limit,
        median=_quantile(ranked, 0.5),
        p99=_quantile(ranked, 0.99),
        longest=ranked[-1],
        over=len(over),
        bins=tuple(_bins(ranked)),
    )
    return found, list(_too_long(over, found))


def _too_long(over: Sequence[Item], found: Lengths) -> Iterator[Finding]:
    if over:
        many = counted(len(over), "text")
        says = f"{many} longer than {found.limit:,} {found.unit}, the longest of {found.longest:,}"
        advice = "what is beyond that is not read: shorten them, or take a base model that reads more"
        yield Finding("too-long", "warning", says, advice, len(over), places(over))


def _quantile(ranked: Sequence[int], share: float) -> int:
    return ranked[min(len(ranked) - 1, math.ceil(share * len(ranked)) - 1)]


def _bins(ranked: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Makes at most 15 bins of one round width for 99 % of the texts, and one for the longer ones."""
    first, last = ranked[0], _quantile(ranked, 0.99)
    width = next(step for step in _round_widths() if last // step - first // step < _BARS)
    start = first // width * width
    while start <= last:
        end = start + width - 1
        yield start, end, sum(start <= length <= end for length in ranked)
        start += width
    longer = sum(length >= start for length in ranked)
    if longer:
        yield start, ranked[-1], longer


def _round_widths() -> Iterator[int]:
    size = 1
    while True:
        yield from (size, 2 * size, 5 * size)
        size *= 10
