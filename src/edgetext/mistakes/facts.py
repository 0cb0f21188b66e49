"""What went wrong, as plain values: scores, confusions, mistakes, labels, label errors, calibration, epochs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt

from edgetext.errors import MissingExtraError, ModelError
from edgetext.fields import Amount, Count, Share, read_part
from edgetext.metrics.calibration import Bin, binned_error, reliability
from edgetext.metrics.f1 import Estimate, f1
from edgetext.metrics.paired import wilson_interval
from edgetext.mistakes.answers import TRAIN, Answered
from edgetext.mistakes.label_errors import Suspect, out_of_fold, possible_folds, second_opinion, suspects
from edgetext.progress import Progress
from edgetext.task import HALF, Answers, Task, Text

SCHEMA_VERSION = 1
_EXAMPLES = 3
_METRICS = ("accuracy", "micro_f1", "macro_f1")  # the first that the epochs have is drawn
_BY_MODEL = "the model's own probabilities"
_BY_LINEAR = "TF-IDF with logistic regression, fitted on other rows than those that it judges"


@dataclass(frozen=True)
class Case:
    """A row that the model answers otherwise than its file.

    Attributes:
        row: Its number in its file; the first data row is 1.
        text: The text, or the pair of texts.
        labels: Those of the file.
        answer: What the model says, or what fits better; empty for none of the labels.
        confidence: How sure the model is of what is wrong about its answer, 0 to 1. For a likely label error how
            much more probable the answer is than the file's labels.
    """

    row: int
    text: Text
    labels: tuple[str, ...]
    answer: tuple[str, ...]
    confidence: float


@dataclass(frozen=True)
class Confusion:
    """One kind of mistake.

    Attributes:
        truth: The label of the file; ``None`` where the answer is a label too many.
        answer: The label that the model gave; ``None`` where it missed one.
        count: How often.
        rows: How many rows bear ``truth``; where it is ``None``, to how many the model gave ``answer``.
        examples: The surest few.
    """

    truth: str | None
    answer: str | None
    count: int
    rows: int
    examples: tuple[Case, ...]


@dataclass(frozen=True)
class LabelFacts:
    """How well one label is found.

    Attributes:
        label: Its name.
        rows: How many rows bear it.
        given: How often the model gave it.
        recall: Which share of its rows got it; ``None`` without rows.
        precision: Which share of the rows that got it bear it; ``None`` where it was never given.
    """

    label: str
    rows: int
    given: int
    recall: Estimate | None
    precision: Estimate | None


@dataclass(frozen=True)
class LabelError(Case):
    """A row whose labels are probably wrong.

    Attributes:
        seconded: Whether another classifier says so, too; ``None`` where none was asked.
    """

    seconded: bool | None


@dataclass(frozen=True)
class LabelErrors:
    """Rows whose labels are probably wrong.

    Attributes:
        judge: Whose probabilities tell; empty where there are none that may.
        reason: Why there are none, or why no other classifier was asked; empty where there is nothing to say.
        cases: The rows: those that were seconded first, and the surest first.
    """

    judge: str
    reason: str
    cases: tuple[LabelError, ...]


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities are the shares that they speak of.

    Attributes:
        error: The expected calibration error, 0 to 1.
        of: What was counted: answers, or labels of texts.
        bins: Those that hold any.
    """

    error: float
    of: str
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Learning:
    """The epochs of the training.

    Attributes:
        metric: What ``values`` are, on the validation rows.
        losses: Epoch and loss on the training rows.
        validation_losses: Epoch and loss on the validation rows.
        values: Epoch and metric.
        best_epoch: Whose weights were kept.
    """

    metric: str
    losses: tuple[tuple[float, float], ...]
    validation_losses: tuple[tuple[float, float], ...]
    values: tuple[tuple[float, float], ...]
    best_epoch: float | None


@dataclass(frozen=True)
class Mistakes:
    """All that is told of a model on some rows.

    Attributes:
        model: What it is called.
        kind: Checkpoint or bundle.
        data: The name of the rows.
        note: Where they come from.
        fingerprint: Of the file that they come from.
        rows: How many there are.
        labels: By class index.
        one_label: Whether a text bears exactly one label.
        scores: By name, the figure that the gate holds up first.
        confusions: The most frequent first.
        cases: Every row that is answered otherwise than its file, the surest first.
        per_label: By class index.
        label_errors: Rows whose labels are probably wrong.
        calibration: Whether the probabilities are right.
        learning: The epochs; ``None`` where nobody knows.
    """

    model: str
    kind: str
    data: str
    note: str
    fingerprint: str
    rows: int
    labels: tuple[str, ...]
    one_label: bool
    scores: Mapping[str, Estimate]
    confusions: tuple[Confusion, ...]
    cases: tuple[Case, ...]
    per_label: tuple[LabelFacts, ...]
    label_errors: LabelErrors
    calibration: Calibration
    learning: Learning | None

    def to_json(self) -> dict[str, Any]:
        """Writes all of it as plain JSON values."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}


def find_mistakes(answered: Answered, progress: Progress) -> Mistakes:
    """Works out what a model gets wrong.

    Args:
        answered: Its answers on labelled rows.
        progress: Told of the folds, where a second opinion is needed.

    Raises:
        ModelError: ``training.json`` holds epochs that are none.
    """
    task, rows = answered.task, answered.rows
    right = task.encode([example.labels for example in rows.examples])
    answers = task.answers(answered.probabilities)
    bears, gets = _one_hot(task, right), _one_hot(task, answers)
    wrong = bears != gets
    sureness = _sureness(task, answered.probabilities, gets, wrong)
    mistaken = np.flatnonzero(wrong.any(axis=1))
    order = mistaken[np.argsort(-sureness[mistaken], kind="stable")].tolist()
    names = task.names(answers)
    cases = {place: _case(answered, place, names[place], float(sureness[place])) for place in order}
    return Mistakes(
        model=answered.model,
        kind=answered.kind,
        data=rows.name,
        note=answered.note,
        fingerprint=rows.fingerprint,
        rows=len(rows.examples),
        labels=task.labels,
        one_label=task.one_label,
        scores=_scores(task, bears, gets),
        confusions=_confusions(task, bears, gets, cases),
        cases=tuple(cases.values()),
        per_label=_per_label(task, bears, gets),
        label_errors=_label_errors(answered, right, progress),
        calibration=_calibration(task, answered.probabilities, bears),
        learning=_learning(answered),
    )


def _one_hot(task: Task, answers: Answers) -> npt.NDArray[np.bool_]:
    if answers.ndim == 2:
        return np.asarray(answers, np.bool_)
    return np.eye(len(task.labels), dtype=np.bool_)[answers]


def _sureness(
    task: Task, probabilities: npt.NDArray[Any], gets: npt.NDArray[np.bool_], wrong: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    """How sure the model is of each answer, shape (rows,); multi label: of the surest wrong part of it."""
    if task.one_label:
        return task.confidence(probabilities)
    return np.asarray(np.where(wrong, np.where(gets, probabilities, 1 - probabilities), 0).max(axis=1))


def _case(answered: Answered, place: int, answer: tuple[str, ...], confidence: float) -> Case:
    example = answered.rows.examples[place]
    return Case(example.row, example.text, example.labels, answer, round(confidence, 6))


def _scores(task: Task, bears: npt.NDArray[np.bool_], gets: npt.NDArray[np.bool_]) -> dict[str, Estimate]:
    if not bears.any():  # of rows without any label there is no F1
        return {}
    if not task.one_label:
        return {"micro F1": f1(bears, gets, "micro"), "macro F1": f1(bears, gets, "macro")}
    accuracy = _share(int((bears & gets).sum()), len(bears))
    assert accuracy
    return {"accuracy": accuracy, "macro F1": f1(bears, gets, "macro")}


def _confusions(
    task: Task, bears: npt.NDArray[np.bool_], gets: npt.NDArray[np.bool_], cases: Mapping[int, Case]
) -> tuple[Confusion, ...]:
    """Counts what was taken for what; multi label: which labels were missed, and which are too many."""
    places: dict[tuple[int | None, int | None], list[int]] = defaultdict(list)
    for place in cases:  # the surest first
        missed, extra = (np.flatnonzero(bears[place] & ~gets[place]), np.flatnonzero(gets[place] & ~bears[place]))
        if task.one_label:
            places[int(missed[0]), int(extra[0])].append(place)
            continue
        for label in missed.tolist():
            places[label, None].append(place)
        for label in extra.tolist():
            places[None, label].append(place)
    found = [
        Confusion(
            truth=None if truth is None else task.labels[truth],
            answer=None if given is None else task.labels[given],
            count=len(where),
            rows=int(bears[:, truth].sum() if truth is not None else gets[:, given].sum()),
            examples=tuple(cases[place] for place in where[:_EXAMPLES]),
        )
        for (truth, given), where in places.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.count, one.rows, one.truth or "", one.answer or "")))


def _per_label(task: Task, bears: npt.NDArray[np.bool_], gets: npt.NDArray[np.bool_]) -> tuple[LabelFacts, ...]:
    rows, given, both = (counted.sum(axis=0).tolist() for counted in (bears, gets, bears & gets))
    return tuple(
        LabelFacts(
            label, rows[index], given[index], _share(both[index], rows[index]), _share(both[index], given[index])
        )
        for index, label in enumerate(task.labels)
    )


def _share(part: int, whole: int) -> Estimate | None:
    if not whole:
        return None
    interval = wilson_interval(part, whole)
    return Estimate(part / whole, interval.low, interval.high)


def _label_errors(answered: Answered, right: Answers, progress: Progress) -> LabelErrors:
    """Judges by the model and asks a second one, which alone judges the rows that the model was trained on."""
    trained = answered.rows.part == TRAIN
    found = None if trained else suspects(right, answered.probabilities)
    others, reason = _second_opinion(answered, right, found, progress)
    if found is None:
        if others is None:
            return LabelErrors("", reason, ())
        found, others = suspects(right, others), None
    cases = [_label_error(answered, right, one, others, at) for at, one in enumerate(found)]
    cases.sort(key=lambda case: not case.seconded)
    return LabelErrors(_BY_LINEAR if trained else _BY_MODEL, reason, tuple(cases))


def _second_opinion(
    answered: Answered, right: Answers, found: Sequence[Suspect] | None, progress: Progress
) -> tuple[npt.NDArray[Any] | None, str]:
    """Computes another classifier's probabilities of the suspects, or of every row; or why there are none."""
    texts = [example.text for example in answered.rows.examples if isinstance(example.text, str)]
    if len(texts) < len(answered.rows.examples):
        return None, "words alone say little of pairs"
    asked = np.asarray([one.place for one in found or ()], np.int64)
    if possible_folds(np.delete(right, asked, axis=0)) < 2:
        return None, "the rows are too few"
    labels = len(answered.task.labels)
    try:
        if found is None:
            return out_of_fold(texts, right, labels, progress), ""
        return (second_opinion(texts, right, asked, labels) if found else None), ""
    except MissingExtraError as error:
        return None, str(error)


def _label_error(
    answered: Answered, right: Answers, one: Suspect, others: npt.NDArray[Any] | None, at: int
) -> LabelError:
    """Makes a case of a suspect, the one at ``at`` among those that the second opinion was asked about."""
    task, seconded = answered.task, None
    if others is not None:
        # Of what is doubted about the row the other classifier, too, must hold the opposite more probable.
        given = _one_hot(task, right[one.place : one.place + 1])[0]
        instead = np.isin(np.arange(len(task.labels)), one.instead)
        if task.one_label:
            seconded = bool(others[at].argmax() == one.instead[0])
        else:
            seconded = bool(((others[at] >= HALF) == instead)[given != instead].all())
    case = _case(answered, one.place, tuple(task.labels[index] for index in one.instead), one.margin)
    return LabelError(**vars(case), seconded=seconded)


def _calibration(task: Task, probabilities: npt.NDArray[Any], bears: npt.NDArray[np.bool_]) -> Calibration:
    """Measures answers; multi label: every label of every text, as ``edgetext.metrics.calibration`` does."""
    if task.one_label:
        best = probabilities.argmax(axis=1)
        sure, there = probabilities.max(axis=1), bears[np.arange(len(bears)), best]
    else:
        sure, there = probabilities.ravel(), bears.ravel()
    of = "answers" if task.one_label else "labels of texts"
    return Calibration(binned_error(sure, there), of, reliability(sure, there))


class _Step(TypedDict):
    epoch: Amount
    loss: float | None


class _Epoch(TypedDict, total=False):
    epoch: Amount
    loss: float | None
    accuracy: Share | None
    micro_f1: Share | None
    macro_f1: Share | None


class _History(TypedDict, total=False):
    train: tuple[_Step, ...]
    validation: tuple[_Epoch, ...]


class _Training(TypedDict, total=False):
    history: _History
    best_epoch: Count | None


def _learning(answered: Answered) -> Learning | None:
    """Reads the epochs; the file is input like any other."""
    told = read_part(_Training, dict(answered.training), "training.json", error=ModelError)
    history = told.get("history", {})
    steps, epochs = history.get("train", ()), history.get("validation", ())
    metric = next((name for name in _METRICS if any(epoch.get(name) is not None for epoch in epochs)), None)
    if metric is None:
        return None
    return Learning(
        metric=metric.replace("_f1", " F1"),
        losses=_points(steps, "loss"),
        validation_losses=_points(epochs, "loss"),
        values=_points(epochs, metric),
        best_epoch=told.get("best_epoch"),
    )


def _points(entries: Sequence[Mapping[str, Any]], name: str) -> tuple[tuple[float, float], ...]:
    return tuple(
        (float(entry["epoch"]), float(entry[name]))
        for entry in entries
        if entry.get("epoch") is not None and entry.get(name) is not None
    )
