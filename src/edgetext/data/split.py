"""Which rows train, which validate and which test: as given, or cut by a seed; never one text on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from edgetext.checkpoint import DataSource, SplitPart, SplitRecord
from edgetext.data.cut import cut, same_text
from edgetext.data.example import Example, LabelledData, Split
from edgetext.data.labels import look_alikes, ordered
from edgetext.errors import DataError
from edgetext.task import MultiLabel, SingleLabel, Task

_NAMED = 10


@dataclass(frozen=True)
class Shares:
    """How much is cut off for parts that were not given.

    Attributes:
        validation: Share of all rows, between 0 and 1.
        test: Likewise.
        most: No part that is cut has more rows than this: a thousand are enough for export's gate to decide at one
            point, and beyond that a row does more good in training.
    """

    validation: float = 0.15
    test: float = 0.15
    most: int = 1000


@dataclass
class _Parts:
    """The parts while they are being put together: the source and the rows of each."""

    sources: list[DataSource]
    train: tuple[Example, ...] = ()
    held_out: dict[str, tuple[int, tuple[Example, ...]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def resolve_split(
    data: LabelledData,
    validation: LabelledData | None = None,
    test: LabelledData | None = None,
    *,
    seed: int = 42,
    shares: Shares | None = None,
    task: Task | None = None,
) -> Split:
    """Decides which rows serve what.

    Parts that the data names by a column, or that have a file of their own, are taken as they are (a file goes
    before a column). A validation part that nobody gave is cut from the training rows, stratified and by the
    seed. So is a test part, unless the data has a split column: then its author decided that there is none.

    Args:
        data: The rows to train on, and to cut from.
        validation: The validation rows, if they are in a file of their own.
        test: The test rows, likewise.
        seed: Decides which rows are cut off.
        shares: How many rows are cut off.
        task: What a teacher decides, all of whose labels its student has, in their order; by default the labels are
            those of the training rows.

    Raises:
        DataError: A part is empty, there is one label only, a held-out row has a label that training lacks, or a
            file is of another kind than the data: several labels a row, or pairs of texts.
        MissingExtraError: A part has to be cut and scikit-learn is not installed.
    """
    _refuse_other_kinds(data, validation, test)
    parts = _given_parts(data, validation, test)
    if task is None:
        _refuse_one_label(data, parts.train)
    _cut_missing(parts, data, seed, shares or Shares())
    task = task or (SingleLabel if data.one_label else MultiLabel)(ordered(_labels_of(parts.train)))
    _refuse_unknown_labels(parts, task.labels)
    _note_rare_labels(parts)
    _note_look_alikes(parts, task.labels)
    _take_out_leaks(parts, data)
    return _finish(parts, task, seed)


def _refuse_other_kinds(data: LabelledData, *others: LabelledData | None) -> None:
    """Refuses a file for one part whose rows are not of the kind of the training rows."""
    for other in filter(None, others):
        for what, ours, theirs in (
            ("one label in each row", data.one_label, other.one_label),
            ("pairs of texts", data.source.text_pair_column is not None, other.source.text_pair_column is not None),
        ):
            if ours != theirs:
                first, second = (data, other) if ours else (other, data)
                raise DataError(
                    f"{other.source.uri}: {first.source.uri} has {what}, and {second.source.uri} has not: "
                    "expected files that are alike"
                )


def _given_parts(data: LabelledData, validation: LabelledData | None, test: LabelledData | None) -> _Parts:
    parts = _Parts([data.source])
    splits = {"train": data.examples} if data.splits is None else data.splits
    if "train" not in splits:
        raise DataError(f"{data.source.uri}: no row is for training, by its column {data.source.split_column!r}")
    parts.train = splits["train"]
    for name, other in (("validation", validation), ("test", test)):
        if other is not None:
            parts.sources.append(other.source)
            parts.held_out[name] = (len(parts.sources) - 1, _rows_of(other, name))
        elif name in splits:
            parts.held_out[name] = (0, splits[name])
    return parts


def _rows_of(other: LabelledData, part: str) -> tuple[Example, ...]:
    """Picks the rows of a file that serves one part; a split column in it may hold other parts too."""
    if other.splits is None:
        return other.examples
    if part not in other.splits:
        raise DataError(
            f"{other.source.uri}: none of its rows is for {part}, by its column {other.source.split_column!r}"
        )
    return other.splits[part]


def _cut_missing(parts: _Parts, data: LabelledData, seed: int, shares: Shares) -> None:
    wanted = {"test": shares.test, "validation": shares.validation}
    if data.splits is not None and "test" not in parts.held_out:
        del wanted["test"]
        parts.notes.append("the data names no test part, so the bench will look at the validation rows")
    rows = len(parts.train)
    for name, share in wanted.items():
        if name in parts.held_out:
            continue
        parts.train, away = cut(parts.train, min(round(share * rows), shares.most), seed)
        if not away:
            raise DataError(
                f"{data.source.uri}: {rows} rows are too few to hold some back for {name}: add rows "
                f"(two different texts of a label at least), or give --{name} FILE"
            )
        parts.held_out[name] = (0, away)
        parts.notes.append(f"{name}: {len(away)} of {rows} rows were held back for it (seed {seed})")


def _take_out_leaks(parts: _Parts, data: LabelledData) -> None:
    """Takes texts out of training that also stand in a held-out part, letter case and spaces aside."""
    seen = {same_text(example.text) for _, rows in parts.held_out.values() for example in rows}
    kept = tuple(example for example in parts.train if same_text(example.text) not in seen)
    taken = len(parts.train) - len(kept)
    if not kept:
        raise DataError(f"{data.source.uri}: every training text also stands in a held-out part; give other rows")
    if taken:
        parts.notes.append(
            f"{taken} training {'row was' if taken == 1 else 'rows were'} taken out: "
            "the same text also stands in a held-out part"
        )
    lost = _labels_of(parts.train) - _labels_of(kept)
    if lost:
        parts.notes.append(
            f"no training text is left for {_names(lost)}: all of them also stand in a held-out part"
        )
    parts.train = kept


def _refuse_one_label(data: LabelledData, train: Sequence[Example]) -> None:
    labels = _labels_of(train)
    if len(labels) < 2:
        held = f"one label only among the training rows ({_names(labels)})" if labels else "no label in any row"
        raise DataError(f"{data.source.uri}: column {data.source.label_column!r} has {held}; expected at least two")


def _refuse_unknown_labels(parts: _Parts, labels: Sequence[str]) -> None:
    known = set(labels)
    for name, (source, rows) in parts.held_out.items():
        for example in rows:
            unknown = next((label for label in example.labels if label not in known), None)
            if unknown is not None:
                raise DataError(
                    f"{parts.sources[source].uri}: row {example.row}: the {name} part has the label "
                    f"{unknown!r}, which training has not; expected one of {_names(labels)}"
                )


def _note_rare_labels(parts: _Parts) -> None:
    everywhere = [parts.train, *(rows for _, rows in parts.held_out.values())]
    counts = Counter(label for rows in everywhere for example in rows for label in example.labels)
    single = [label for label, count in counts.items() if count == 1]
    if single:
        parts.notes.append(
            f"{_names(single)} {'is a label' if len(single) == 1 else 'are labels'} seen once only: kept for "
            "training, and nothing can be said about how well it is recognised"
        )


def _note_look_alikes(parts: _Parts, labels: Sequence[str]) -> None:
    alike = [" and ".join(ascii(label) for label in group) for group in look_alikes(labels)]
    if alike:
        parts.notes.append(
            f"labels that differ by letter case, accents, spaces or invisible characters alone: "
            f"{'; '.join(alike[:_NAMED])}; where they mean the same, correct the file"
        )


def _labels_of(rows: Iterable[Example]) -> set[str]:
    return {label for example in rows for label in example.labels}


def _names(labels: Iterable[str]) -> str:
    names = ordered(labels)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(repr(label) for label in names[:_NAMED]) + more


def _finish(parts: _Parts, task: Task, seed: int) -> Split:
    held_out = {name: parts.held_out[name] for name in ("validation", "test") if name in parts.held_out}
    record = {"train": SplitPart(0, _row_numbers(parts.train))}
    record |= {name: SplitPart(source, _row_numbers(rows)) for name, (source, rows) in held_out.items()}
    return Split(
        train=parts.train,
        validation=held_out["validation"][1],
        test=held_out["test"][1] if "test" in held_out else (),
        task=task,
        record=SplitRecord(tuple(parts.sources), record, seed),
        notes=tuple(parts.notes),
    )


def _row_numbers(examples: Sequence[Example]) -> tuple[int, ...]:
    return tuple(example.row for example in examples)
