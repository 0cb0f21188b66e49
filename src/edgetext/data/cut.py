"""Cuts a held-out part off, label by label and by a seed, with equal texts kept on one side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from edgetext.data.example import Example
from edgetext.errors import needs_extra


def same_text(text: str) -> str:
    """Gives what texts have in common that differ in letter case and spaces alone."""
    return " ".join(text.casefold().split())


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
    texts_of = Counter(label for group in groups.values() for label in {example.label for example in group})
    movable = [key for key, group in groups.items() if all(texts_of[example.label] > 1 for example in group)]
    labels = [groups[key][0].label for key in movable]
    moved = _choose(movable, labels, max(1, round(wanted * len(groups) / max(1, len(examples)))), seed)
    rows = {example.row for key in _never_the_last(moved, groups, texts_of) for example in groups[key]}
    kept = tuple(example for example in examples if example.row not in rows)
    return kept, tuple(example for example in examples if example.row in rows)


def _choose(keys: list[str], labels: list[str], wanted: int, seed: int) -> list[str]:
    """Draws keys with scikit-learn; without strata where a label would get none (fewer wanted than labels)."""
    if len(keys) < 2:
        return []
    with needs_extra("train"):
        from sklearn.model_selection import train_test_split
    wanted = min(wanted, len(keys) - 1)
    counts = Counter(labels)
    enough = min(counts.values()) > 1 and len(counts) <= wanted <= len(keys) - len(counts)
    _, chosen = train_test_split(keys, test_size=wanted, random_state=seed, stratify=labels if enough else None)
    return list(chosen)


def _never_the_last(moved: list[str], groups: dict[str, list[Example]], texts_of: Counter[str]) -> list[str]:
    """Leaves out what would take the last text of a label away from training."""
    left = Counter(texts_of)
    safe = []
    for key in moved:
        labels = {example.label for example in groups[key]}
        if all(left[label] > 1 for label in labels):
            left.subtract(labels)
            safe.append(key)
    return safe
