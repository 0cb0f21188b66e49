"""What shows when rows are compared: texts that stand twice, labels that disagree, parts that overlap or differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from edgetext.data.cut import same_text
from edgetext.data.labels import ordered
from edgetext.data.report.findings import Finding, Item, counted, excerpt, places, quoted
from edgetext.data.report.near import near_pairs
from edgetext.progress import Progress, Silent

_ENOUGH_ROWS = 50  # of a part, from which on its balance says something
_DIFFERENT = 0.25  # total variation between the labels of two parts, from which on it is said


def check_same(items: Sequence[Item]) -> Iterator[Finding]:
    """Looks for rows with the same text, letter case and spaces aside."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[_key(item)].append(item)
    again = [group for group in groups.values() if len(group) > 1]
    several = [group for group in again if len({frozenset(item.labels) for item in group}) > 1]
    if several:
        labels = ordered({label for item in several[0] for label in item.labels})
        many = counted(len(several), "text")
        says = f"{many} with different labels, such as {_shown(several[0])} with {quoted(labels)}"
        advice = "decide for one, or these rows can only be half right"
        yield Finding("two-labels", "warning", says, advice, len(several), _places(several), certain=True)
    crossing = [group for group in again if len({item.part for item in group}) > 1]
    if crossing:
        says = f"{counted(len(crossing), 'text')} in two parts, such as {_shown(crossing[0])}"
        advice = "training leaves them out, so that held-out rows are new to the model"
        yield Finding("leak", "warning", says, advice, len(crossing), _places(crossing))
    twice = [group for group in again if group not in several and group not in crossing]
    if twice:
        rows = sum(len(group) - 1 for group in twice)
        many = counted(len(twice), "text")
        says = f"{many} more than once, {counted(rows, 'row')} too many, such as {_shown(twice[0])}"
        advice = "keep one of each, unless the number of times means something"
        yield Finding("duplicates", "warning", says, advice, rows, _places(twice))
    same = [item for item in items if len(item.texts) > 1 and len(set(map(same_text, item.texts))) == 1]
    if same:
        says = f"{counted(len(same), 'pair')} of twice the same text, such as {excerpt(same[0].texts[0])}"
        yield Finding(
            "same-pair", "warning", says, "see that the second column is the right one", len(same), places(same)
        )


def check_near(items: Sequence[Item], progress: Progress | None = None) -> Iterator[Finding]:
    """Looks for texts that are nearly the same and stand in two parts, or bear different labels."""
    distinct = list({_key(item): item for item in reversed(items)}.values())[::-1]
    parts = [item.part for item in distinct]
    labels = [frozenset(item.labels) for item in distinct]
    pairs = near_pairs(
        ["\n".join(item.texts) for item in distinct],
        lambda first, second: parts[first] != parts[second] or labels[first] != labels[second],
        progress or Silent(),
    )
    found = [(distinct[first], distinct[second]) for first, second, _ in pairs]
    across = [pair for pair in found if pair[0].part != pair[1].part]
    if across:
        says = (
            f"{counted(len(across), 'pair')} of nearly the same text in two parts, such as {_shown_pair(across[0])}"
        )
        advice = "held-out rows that are hardly new make a model look better than it is: keep such rows in one part"
        yield Finding("near-duplicates", "warning", says, advice, len(across), _places(across))
    apart = [pair for pair in found if pair[0].part == pair[1].part]
    if apart:
        many = counted(len(apart), "pair")
        says = f"{many} of nearly the same text with different labels, such as {_shown_pair(apart[0])}"
        yield Finding("near-two-labels", "note", says, "see which label is right", len(apart), _places(apart))


def check_parts(items: Sequence[Item]) -> Iterator[Finding]:
    """Looks at the labels of parts that somebody else made."""
    counts = {part: Counter(label for item in items if item.part == part for label in item.labels or ("",))
              for part in dict.fromkeys(item.part for item in items)}  # fmt: skip
    train = counts.pop("train", Counter())
    for part, found in counts.items():
        missing = ordered(label for label in train if label and label not in found)
        if missing and len(missing) < len(train):
            says = f"{counted(len(missing), 'label')} without a row in the {part} part: {quoted(missing)}"
            yield Finding("untested-labels", "note", says, "nothing can be said about how well they are found",
                          len(missing))  # fmt: skip
        sizes = train.total(), found.total()
        if min(sizes) >= _ENOUGH_ROWS:
            apart = {label: found[label] / sizes[1] - train[label] / sizes[0] for label in {*train, *found}}
            if sum(map(abs, apart.values())) / 2 >= _DIFFERENT:
                label = max(apart, key=lambda each: abs(apart[each]))
                there, here = found[label] / sizes[1], train[label] / sizes[0]
                says = (
                    f"The labels of the {part} part are distributed otherwise than those of training: "
                    f"{excerpt(label) if label else 'no label'} is {here:.0%} of training and {there:.0%} there"
                )
                yield Finding("parts-differ", "warning", says, "see that it is of the same kind of texts", 1)


def _key(item: Item) -> str:
    return "\0".join(map(same_text, item.texts))


def _places(groups: Sequence[Sequence[Item]]) -> tuple[str, ...]:
    return places(item for group in groups for item in group)


def _shown(group: Sequence[Item]) -> str:
    return " / ".join(map(excerpt, group[0].texts))


def _shown_pair(pair: tuple[Item, Item]) -> str:
    return f"{_shown(pair[:1])} ({pair[0].part}) and {_shown(pair[1:])} ({pair[1].part})"
