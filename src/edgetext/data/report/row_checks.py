"""What is wrong with whole rows: those that cannot be used, and those that a program wrote where no row belongs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from edgetext.data.clean import BrokenRow
from edgetext.data.report.findings import MOST_PLACES, Finding, Item, counted, excerpt, places


def check_broken(broken: Sequence[tuple[str, BrokenRow]]) -> Iterator[Finding]:
    """Tells of the rows that cannot be used, by their kind of fault.

    Args:
        broken: The rows, each with what to call its place.
    """
    by_reason: dict[str, list[tuple[str, BrokenRow]]] = defaultdict(list)
    for place, row in broken:
        by_reason[row.problem.reason].append((place, row))
    for rows in by_reason.values():
        says = f"{counted(len(rows), 'row')} that cannot be used: {rows[0][1].problem}"
        advice = "correct them; training refuses the file, unless --drop-invalid leaves them out"
        where = tuple(place for place, _ in rows[:MOST_PLACES])
        yield Finding("broken-rows", "error", says, advice, len(rows), where)


def check_rows(items: Sequence[Item], header: Sequence[str]) -> Iterator[Finding]:
    """Looks for rows that are no examples: a header again, other rows inside a text, a text that bears its label.

    Args:
        items: The rows.
        header: The names of the columns with the texts.
    """
    again = [
        item for item in items if [text.strip().casefold() for text in item.texts] == [*map(str.casefold, header)]
    ]
    if again:
        says = f"The header again in {counted(len(again), 'row')}"
        advice = "take it out; files that were joined have it"
        yield Finding("header-again", "error", says, advice, len(again), places(again), certain=True)
    labels = {label for item in items for label in item.labels}
    swallowed = [item for item in items if any(_holds_rows(text, labels) for text in item.texts)]
    if swallowed:
        says = f"Whole rows inside {counted(len(swallowed), 'text')}, such as {_line(swallowed[0], labels)}"
        advice = "a quote is not closed there: double quotes that are part of a text"
        yield Finding("swallowed-rows", "error", says, advice, len(swallowed), places(swallowed), certain=True)
    told = [item for item in items if any(_tells(text, label) for label in item.labels for text in item.texts)]
    if told:
        says = f"The label itself, set apart in {counted(len(told), 'text')}, such as {excerpt(told[0].texts[0])}"
        advice = "take it out: texts that you classify later will not bear it"
        yield Finding("answer-in-text", "warning", says, advice, len(told), places(told))


def _holds_rows(text: str, labels: set[str]) -> bool:
    return any(_is_row(line, labels) for line in text.splitlines()) if "\n" in text else False


def _is_row(line: str, labels: set[str]) -> bool:
    """Says whether a line of a text looks like a row of the file: it ends in a separator and a label."""
    found = re.fullmatch(r"..*[,;\t|]\s*\"?([^,;\t|\"]+)\"?\s*", line)
    return found is not None and found[1].strip() in labels


def _line(item: Item, labels: set[str]) -> str:
    lines = (line for text in item.texts for line in text.splitlines() if _is_row(line, labels))
    return excerpt(next(lines, item.texts[0]))


def _tells(text: str, label: str) -> bool:
    """Says whether a text bears its label as a mark: ``[food] ..``, ``.. #food``, ``label: food``, ``food: ..``."""
    plain, mark = text.strip().casefold(), label.casefold()
    if mark not in plain or len(mark) < 2:
        return False
    marks = (
        f"[{mark}]",
        f"({mark})",
        f"<{mark}>",
        f"#{mark}",
        f"__label__{mark}",
        f"label: {mark}",
        f"label={mark}",
    )
    return plain.startswith((*marks, f"{mark}:")) or plain.endswith(marks)
