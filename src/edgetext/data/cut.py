"""Cuts a held-out part off, label by label and by a seed, with equal texts kept on one side."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgetext.data.example import Example
from edgetext.data.forms import Labels
from edgetext.errors import needs_extra

if TYPE_CHECKING:
    from edgetext.task import Text


def same_text(text: Text) -> str:
    """Reduces a text or a pair to what it has in common with those that differ in letter case and spaces alone."""
    if isinstance(text, str):
        return " ".join(text.casefold().split())
    return "\0".join(same_text(each) for each in text)


def cut(examples: Sequence[Example], wanted: int, seed: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Cuts off about ``wanted`` rows, stratified by label where there are enough of each.

    Rows with the same text go to the same side, and a label never loses its last text: one that is seen once
    stays on the side that is kept.

    Returns:
        The rows that are kept and those that are cut off, each in the order given; none are cut off when no
        label has two different texts.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[same_text(example.text)].append(example)
    texts_of = Counter(label for group in groups.values() for label in _labels(group))
    movable = [key for key, group in groups.items() if all(texts_of[label] > 1 for label in _labels(group))]
    labels = [groups[key][0].labels for key in movable]
    moved = _choose(movable, labels, max(1, round(wanted * len(groups) / max(1, len(examples)))), seed)
    rows = {example.row for key in _never_the_last(moved, groups, texts_of) for example in groups[key]}
    kept = tuple(example for example in examples if example.row not in rows)
    return kept, tuple(example for example in examples if example.row in rows)


def stratify(labels: Sequence[Labels], wanted: int, seed: int) -> list[int]:
    """Draws about ``wanted`` rows so that each label has its share of them, rare labels first.

    Source: iterative stratification, algorithm 1 of Sechidis, Tsoumakas and Vlahavas, "On the stratification of
    multi-label data" (2011), for two subsets.

    Args:
        labels: The labels of each row, any number of them.
        wanted: How many rows are to be drawn.
        seed: Decides between rows that are equally good.

    Returns:
        The places of the rows that were drawn, in order.
    """
    chance = random.Random(seed)
    shares = (1 - wanted / len(labels), wanted / len(labels))  # those that stay, those that are drawn
    rows_of: dict[str, set[int]] = defaultdict(set)
    for place, row in enumerate(labels):
        for label in row:
            rows_of[label].add(place)
    desired = [{label: share * len(rows) for label, rows in rows_of.items()} for share in shares]
    rooms = [share * len(labels) for share in shares]
    waiting, drawn = set(range(len(labels))), []
    while waiting:
        rarest = min(((len(rows), label) for label, rows in rows_of.items() if rows), default=(0, ""))[1]
        places = sorted(rows_of[rarest] if rarest else waiting)  # rows without labels come last
        chance.shuffle(places)
        for place in places:
            needs = [(desired[side].get(rarest, 0), rooms[side], chance.random()) for side in (0, 1)]
            side = needs.index(max(needs))
            rooms[side] -= 1
            for label in labels[place]:
                desired[side][label] -= 1
                rows_of[label].discard(place)
            if side:
                drawn.append(place)
        waiting.difference_update(places)
    return sorted(drawn)


def _labels(group: Sequence[Example]) -> set[str]:
    return {label for example in group for label in example.labels}


def _choose(keys: list[str], labels: list[Labels], wanted: int, seed: int) -> list[str]:
    """Draws keys; without strata where single labels would get none (fewer wanted than labels)."""
    if len(keys) < 2:
        return []
    wanted = min(wanted, len(keys) - 1)
    if any(len(row) != 1 for row in labels):
        return [keys[place] for place in stratify(labels, wanted, seed)]
    with needs_extra("train"):
        from sklearn.model_selection import train_test_split
    single = [row[0] for row in labels]
    counts = Counter(single)
    enough = min(counts.values()) > 1 and len(counts) <= wanted <= len(keys) - len(counts)
    _, chosen = train_test_split(keys, test_size=wanted, random_state=seed, stratify=single if enough else None)
    return list(chosen)


def _never_the_last(moved: list[str], groups: dict[str, list[Example]], texts_of: Counter[str]) -> list[str]:
    """Leaves out what would take the last text of a label away from training."""
    left = Counter(texts_of)
    safe = []
    for key in moved:
        labels = _labels(groups[key])
        if all(left[label] > 1 for label in labels):
            left.subtract(labels)
            safe.append(key)
    return safe
