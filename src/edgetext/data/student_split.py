"""The rows of a student: each serves what it served the teacher, so that none that was learned judges anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edgetext.checkpoint import Checkpoint, SplitPart, SplitRecord
from edgetext.data.cut import same_text
from edgetext.data.evaluation import check_labels, check_texts
from edgetext.data.example import Example, LabelledData, Split
from edgetext.data.held_out import held_out, same_split
from edgetext.data.split import resolve_split
from edgetext.errors import DataError
from edgetext.task import Task, make_task

_HELD_OUT = ("validation", "test")


def teacher_split(teacher: Checkpoint) -> Split:
    """Reads the teacher's own rows again, from where they lay.

    Raises:
        DataError: The teacher does not say which rows it learned from, or their file is missing or has changed.
    """
    if _training_record(teacher) is None:
        raise DataError(
            f"{teacher.path} does not say which rows it was trained on: give DATA to teach a student on"
        )
    assert teacher.split is not None
    return same_split(teacher.split, _task(teacher))


def student_split(
    teacher: Checkpoint,
    data: LabelledData,
    validation: LabelledData | None = None,
    test: LabelledData | None = None,
    *,
    seed: int = 42,
) -> Split:
    """Decides which rows serve what.

    The file that the teacher was split from is split as it was then. Of another one all rows are for training, and
    the teacher's held-out rows stay held out, unless files for them are given; texts that the teacher learned are
    taken out of these.

    Args:
        teacher: Whose labels the student has.
        data: The rows to train on.
        validation: The validation rows, if they are in a file of their own.
        test: The test rows, likewise.
        seed: Decides which rows are cut off, where the teacher says nothing of held-out rows.

    Raises:
        DataError: A label is unknown to the teacher, texts are of another kind, the teacher's held-out rows cannot
            be read, or a part is empty.
        MissingExtraError: A part has to be cut and scikit-learn is not installed.
    """
    given = {"validation": validation, "test": test}
    for one in filter(None, (data, *given.values())):
        owner = f"the teacher {teacher.path}"
        check_labels(one.examples, teacher.labels, owner, one_label=teacher.task.one_label)
    record = _training_record(teacher)
    if record is None:
        split = resolve_split(data, validation, test, seed=seed, task=_task(teacher))
        return _noted(split, "nobody says which rows the teacher was trained on: its figures may be flattered")
    trained = record.sources[record.parts["train"].source]
    if data.source.fingerprint == trained.fingerprint:
        return same_split(record, _task(teacher), _places(record, data, given))
    check_texts(data, trained)
    parts = {
        name: other or (_as_data(record, name, teacher) if name in record.parts else None)
        for name, other in given.items()
    }
    split = resolve_split(data, parts["validation"], parts["test"], seed=seed, task=_task(teacher))
    return _without_learned(split, record)


def _training_record(teacher: Checkpoint) -> SplitRecord | None:
    return teacher.split if teacher.split and {"train", "validation"} <= teacher.split.parts.keys() else None


def _task(teacher: Checkpoint) -> Task:
    """What the teacher decides, without temperature and thresholds, which the student gets of its own."""
    return make_task(type(teacher.task), teacher.labels)


def _places(
    record: SplitRecord, data: LabelledData, given: Mapping[str, LabelledData | None]
) -> dict[str, str | None]:
    """Says where the file of each part lies now: the data, or the file that was given for it."""
    places: dict[str, str | None] = {}
    for name, part in record.parts.items():
        other, together = given.get(name), part.source == record.parts["train"].source
        if other is not None and together:
            raise DataError(
                f"{data.source.uri}: the teacher was split from it, so that its {name} rows are known: "
                f"leave --{name} out"
            )
        places[name] = data.source.uri if together else other.source.uri if other else None
    return places


def _as_data(record: SplitRecord, part: str, teacher: Checkpoint) -> LabelledData:
    source = record.sources[record.parts[part].source]
    try:
        rows = held_out(record, part)
    except DataError as error:
        raise DataError(
            f"the teacher's {part} rows, which must stay held out, cannot be read ({error}): "
            f"give --{part} with rows that it has not seen"
        ) from None
    return LabelledData(f"the teacher's {part}", source, rows, one_label=teacher.task.one_label)


def _without_learned(split: Split, record: SplitRecord) -> Split:
    """Takes texts out of the held-out parts that the teacher learned."""
    try:
        learned = {same_text(row.text) for row in held_out(record, "train")}
    except DataError as error:
        return _noted(split, f"texts that the teacher learned may be held out, since its rows are gone: {error}")
    parts = {"validation": split.validation, "test": split.test}
    kept = {name: _unknown(rows, learned) for name, rows in parts.items()}
    taken = sum(len(parts[name]) - len(rows) for name, rows in kept.items())
    if not taken:
        return split
    if empty := [name for name in _HELD_OUT if parts[name] and not kept[name]]:
        raise DataError(f"the teacher learned every text that is held out for {empty[0]}: give other rows")
    now = dict(split.record.parts)
    for name, rows in kept.items():
        if name in now:
            now[name] = SplitPart(now[name].source, tuple(row.row for row in rows))
    found = replace(
        split, validation=kept["validation"], test=kept["test"], record=replace(split.record, parts=now)
    )
    return _noted(found, f"{taken} held-out rows were left out: the teacher learned the same text")


def _unknown(rows: Sequence[Example], learned: set[str]) -> tuple[Example, ...]:
    return tuple(row for row in rows if same_text(row.text) not in learned)


def _noted(split: Split, note: str) -> Split:
    return replace(split, notes=(*split.notes, note))
