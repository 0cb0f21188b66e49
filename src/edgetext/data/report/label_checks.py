"""What is wrong with the labels of a file: their spelling, their number, their balance."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from edgetext.data.labels import look_alikes, ordered
from edgetext.data.load import Opened
from edgetext.data.report.findings import Finding, Item, counted, excerpt, places, quoted
from edgetext.data.report.text_checks import is_placeholder

FEW_ROWS = 5
"""Rows below which a label can hardly be learned, and nothing can be said about how well it was."""
UNBALANCED = 20
"""How many times as many rows the commonest label has as the rarest, from which on it is said."""
_OWN_LABEL_EACH = 0.5  # labels a row, from which on the labels are names or numbers of rows
_MOST_COMPARED = 1000  # labels, of which each is compared with each
_RARE_TYPO = 0.05  # of the rows of the label that was meant
_LIST_AS_TEXT = re.compile(r"\s*\[.*\]\s*")
_JOINTS = "|;,/+&"
_DIGITS = re.compile(r"\d+")


def check_labels(opened: Opened, items: Sequence[Item]) -> Iterator[Finding]:
    """Looks at the labels of all rows together.

    Args:
        opened: The file, for labels as they stand in it.
        items: Its usable rows, and those of the files that go with it.
    """
    counts = Counter(label for item in items for label in item.labels)
    if not counts:
        return
    if opened.form.one_label and len(counts) > max(10, _OWN_LABEL_EACH * len(items)):
        says = f"{len(counts):,} labels in {counted(len(items), 'row')}: hardly any stands twice"
        yield Finding("own-labels", "error", says, "is this the column of the labels?", len(counts))
        return
    yield from _spelled_alike(counts, items)
    if len(counts) <= _MOST_COMPARED:
        yield from _typos(counts, items)
    yield from _placeholders(counts, items)
    yield from _spaces(opened)
    yield from _rare(counts, items)
    if opened.form.one_label:
        yield from _several_in_one(counts, items)
        yield from _balance(counts)


def _bearing(items: Sequence[Item], labels: Sequence[str]) -> tuple[str, ...]:
    wanted = set(labels)
    return places(item for item in items if not wanted.isdisjoint(item.labels))


def _spelled_alike(counts: Counter[str], items: Sequence[Item]) -> Iterator[Finding]:
    for group in look_alikes(counts):
        usual = max(group, key=lambda label: counts[label])
        others = [label for label in group if label != usual]
        says = f"Labels that differ by letter case, accents, spaces or invisible characters alone: {quoted(group)}"
        advice = f"write {excerpt(usual)} everywhere, where they mean the same"
        yield Finding("look-alike-labels", "warning", says, advice, len(group), _bearing(items, others))


def _typos(counts: Counter[str], items: Sequence[Item]) -> Iterator[Finding]:
    known = {label: count for label, count in counts.items() if len(label) >= 4}
    alike = {label for group in look_alikes(counts) for label in group}
    for label, count in known.items():
        usual = [
            other for other in known if other != label and count <= max(1, _RARE_TYPO * known[other]) < known[other]
        ]
        near = [
            other
            for other in get_close_matches(label, usual, n=3, cutoff=0.85)
            if _DIGITS.sub("0", label) != _DIGITS.sub("0", other) and known[other] >= 10 * count
        ]
        if near and label not in alike:
            says = f"The label {excerpt(label)} in {counted(count, 'row')} looks like {excerpt(near[0])} misspelled"
            yield Finding("misspelled-label", "warning", says, "correct it", count, _bearing(items, [label]))


def _placeholders(counts: Counter[str], items: Sequence[Item]) -> Iterator[Finding]:
    empty = ordered(label for label in counts if is_placeholder(label))
    if empty:
        says = f"{counted(len(empty), 'label')} by a name that usually means no label: {quoted(empty)}"
        rows = sum(counts[label] for label in empty)
        yield Finding("placeholder-label", "warning", says, "leave these rows out, or label them", rows,
                      _bearing(items, empty))  # fmt: skip


def _spaces(opened: Opened) -> Iterator[Finding]:
    if len(opened.columns.labels) > 1 or not opened.form.one_label:
        return
    column = opened.columns.label
    spaced = [
        record
        for record in opened.table.records
        if isinstance(value := record.values.get(column), str) and value.strip() and value != value.strip()
    ]
    if spaced:
        says = f"Spaces around the label in {counted(len(spaced), 'row')}"
        advice = "they are taken off here; other programs may take such labels for different ones"
        yield Finding("label-spaces", "note", says, advice, len(spaced), tuple(record.place() for record in spaced))


def _several_in_one(counts: Counter[str], items: Sequence[Item]) -> Iterator[Finding]:
    lists = ordered(label for label in counts if _LIST_AS_TEXT.fullmatch(label))
    if lists:
        says = f"{counted(len(lists), 'label')} written like a list of labels: {quoted(lists, 3)}"
        advice = "write real lists as JSON Lines, or separate the labels and give --label-separator"
        rows = sum(counts[label] for label in lists)
        yield Finding("list-as-text", "warning", says, advice, rows, _bearing(items, lists), certain=True)
    for joint in _JOINTS:
        joined = {label: [part.strip() for part in label.split(joint)] for label in counts if joint in label}
        whole = [label for label, parts in joined.items() if all(part in counts for part in parts)]
        if whole:
            several = counted(len(whole), "label")
            says = f"{several} made of others with {joint!r} between them: {quoted(ordered(whole), 3)}"
            advice = f"where rows bear several labels, give --label-separator {joint!r}"
            rows = sum(counts[label] for label in whole)
            yield Finding("joined-labels", "warning", says, advice, rows, _bearing(items, whole))


def _rare(counts: Counter[str], items: Sequence[Item]) -> Iterator[Finding]:
    rare = ordered(label for label, count in counts.items() if count < FEW_ROWS)
    if rare:
        says = f"{counted(len(rare), 'label')} with fewer than {FEW_ROWS} rows: {quoted(rare)}"
        advice = "add rows, join them with other labels, or leave them out"
        yield Finding("rare-labels", "warning", says, advice, len(rare), _bearing(items, rare))


def _balance(counts: Counter[str]) -> Iterator[Finding]:
    (most, many), (least, few) = counts.most_common(1)[0], counts.most_common()[-1]
    if many >= UNBALANCED * few:
        says = f"The label {excerpt(most)} has {many:,} rows, {many / few:.0f} times as many as {excerpt(least)}"
        advice = "look at macro F1 rather than accuracy, and add rows of the rare labels"
        yield Finding("unbalanced", "warning", says, advice, len(counts))
