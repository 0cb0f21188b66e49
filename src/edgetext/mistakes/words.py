"""What went wrong, said: the tables and sentences that the terminal and the page share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edgetext.metrics.f1 import Estimate
from edgetext.mistakes.facts import Case, Confusion, LabelFacts, Learning, Mistakes
from edgetext.task import Text

ABSENT = "–"
NO_LABEL = "(none)"
_YES_NO = {True: "yes", False: "no", None: ABSENT}

Cell: TypeAlias = Text
"""What stands in a table: a text, or a pair of texts."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its head.
        words: Whether it holds words, which begin at the left, rather than figures.
    """

    name: str
    words: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        key: Its name in a page.
        title: What it is about.
        about: How to read it, as sentences.
        columns: Of its table; none where there is no table.
        rows: A cell a column.
    """

    key: str
    title: str
    about: str
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()


def headlines(mistakes: Mistakes) -> Iterator[str]:
    """Says how good the model is, on what, and how many rows it got wrong."""
    scores = ", ".join(f"{name} {interval(score)}" for name, score in mistakes.scores.items())
    scores = scores or "no F1, since no row bears a label,"
    rows = f"{counted(mistakes.rows, 'row')} of {mistakes.data}"
    yield f"{scores[0].upper()}{scores[1:]} on {rows}; intervals are 95 %."
    yield f"{mistakes.note}."
    yield f"It answers {counted(len(mistakes.cases), 'row')} otherwise than the file says."


def sections(mistakes: Mistakes, top: int) -> Iterator[Section]:
    """Yields the parts of the report in the order of their use.

    Args:
        mistakes: What went wrong.
        top: How many rows a table has at most.
    """
    yield _confusions(mistakes, top)
    yield _surest(mistakes, top)
    yield _labels(mistakes, top)
    yield _label_errors(mistakes, top)
    yield _calibration(mistakes)
    if mistakes.learning:
        yield _learning(mistakes.learning)


def interval(estimate: Estimate | None) -> str:
    """Writes a share with its interval."""
    if estimate is None:
        return ABSENT
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def counted(number: int, noun: str) -> str:
    """Writes a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def names(labels: Sequence[str]) -> str:
    """Names the labels of one row."""
    return ", ".join(labels) if labels else NO_LABEL


def _confusions(mistakes: Mistakes, top: int) -> Section:
    shown = mistakes.confusions[:top]
    if mistakes.one_label:
        title, columns = (
            "What is taken for what",
            ("label", "taken for", "times", "of its rows", "the surest of them"),
        )
        about = "The most frequent pairs of a label and the wrong one given for it"
    else:
        title, columns = (
            "What is missed, and what is too much",
            ("label", "is", "times", "of", "the surest of them"),
        )
        about = "Missed ones are of the rows that bear the label, extra ones of the rows that the model gave it to"
    return Section(
        "confusions",
        title,
        _of(about, len(shown), len(mistakes.confusions), "kind"),
        _columns(columns, words=(0, 1, 4)),
        tuple(_confusion(one) for one in shown),
    )


def _confusion(one: Confusion) -> tuple[Cell, ...]:
    if one.truth is None:
        first, second = one.answer or "", "extra"
    else:
        first, second = one.truth, one.answer or "missed"
    return first, second, str(one.count), f"{one.rows} ({one.count / one.rows:.0%})", one.examples[0].text


def _surest(mistakes: Mistakes, top: int) -> Section:
    return Section(
        "surest",
        "The surest mistakes",
        _of(
            "Wrong answers with the highest probability: odd texts, wrong labels, or labels that overlap",
            len(mistakes.cases[:top]),
            len(mistakes.cases),
            "mistake",
        ),
        _columns(("row", "label", "answer", "sure", "text"), words=(1, 2, 4)),
        tuple(_case(case) for case in mistakes.cases[:top]),
    )


def _case(case: Case) -> tuple[Cell, ...]:
    return str(case.row), names(case.labels), names(case.answer), f"{case.confidence:.3f}", case.text


def _labels(mistakes: Mistakes, top: int) -> Section:
    missed = [one for one in mistakes.per_label if one.recall and one.recall.value < 1]
    shown = sorted(missed, key=_worst)[:top]
    return Section(
        "labels",
        "The labels found least",
        _of(
            "Recall is the share of a label's rows that got it, with Wilson's interval; they are ordered by its "
            "upper end, since a row missed of two says little. Precision is the share of those given that is right",
            len(shown),
            len(missed),
            "label",
        ),
        _columns(("label", "rows", "recall", "given", "precision"), words=(0,)),
        tuple(
            (one.label, str(one.rows), interval(one.recall), str(one.given), interval(one.precision))
            for one in shown
        ),
    )


def _worst(one: LabelFacts) -> tuple[float, str]:
    return (one.recall.high if one.recall else 1.0), one.label


def _label_errors(mistakes: Mistakes, top: int) -> Section:
    found = mistakes.label_errors
    title = "Labels that may be wrong"
    if not found.judge:
        return Section(
            "label-errors",
            title,
            f"Left out: the model was trained on these rows, and no other can be asked: {found.reason}.",
        )
    about = (
        f"By confident learning (Northcutt, Jiang and Chuang 2021) on {found.judge}. {_seconded(mistakes)}Look at "
        "them before you trust either side"
    )
    return Section(
        "label-errors",
        title,
        _of(about, len(found.cases[:top]), len(found.cases), "row"),
        _columns(("row", "label", "fits better", "margin", "seconded", "text"), words=(1, 2, 4, 5)),
        tuple((*_case(case)[:-1], _YES_NO[case.seconded], case.text) for case in found.cases[:top]),
    )


def _seconded(mistakes: Mistakes) -> str:
    """Says on how many rows another classifier agrees; nothing where none was asked or could be."""
    found = mistakes.label_errors
    if found.reason:
        return f"No second opinion: {found.reason}. "
    agreed = sum(case.seconded is True for case in found.cases)
    if all(case.seconded is None for case in found.cases):
        return ""
    return f"TF-IDF with logistic regression, fitted on the other rows, agrees on {agreed}, which come first. "


def _calibration(mistakes: Mistakes) -> Section:
    found = mistakes.calibration
    gap = sum(one.count * (one.confidence - one.share) for one in found.bins)
    leaning = "surer than it is right" if gap > 0 else "right more often than it is sure"
    return Section(
        "calibration",
        "Whether probabilities are to be believed",
        f"Expected calibration error {found.error:.3f}, over {found.of} in bins of equal width; on the whole the "
        f"model is {leaning}.",
        _columns(("probability", found.of, "mean probability", "share right"), words=(0,)),
        tuple(
            (f"{one.low:.2f} to {one.high:.2f}", str(one.count), f"{one.confidence:.3f}", f"{one.share:.3f}")
            for one in found.bins
        ),
    )


def _learning(learning: Learning) -> Section:
    losses, values = dict(learning.validation_losses), dict(learning.values)
    best = f"The weights of epoch {learning.best_epoch:g} were kept. " if learning.best_epoch is not None else ""
    return Section(
        "learning",
        "How it learned",
        f"{best}Loss and {learning.metric} on the validation rows; the training loss is of the steps of an epoch.",
        _columns(("epoch", "training loss", "validation loss", f"validation {learning.metric}"), words=()),
        tuple(
            (f"{epoch:g}", _mean(learning, epoch), _figure(losses.get(epoch)), _figure(value))
            for epoch, value in values.items()
        ),
    )


def _mean(learning: Learning, epoch: float) -> str:
    """Works out the mean training loss of the steps that ended with an epoch."""
    before = max((other for other, _ in learning.values if other < epoch), default=0.0)
    losses = [loss for when, loss in learning.losses if before < when <= epoch]
    return _figure(sum(losses) / len(losses) if losses else None)


def _figure(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def _columns(heads: Sequence[str], words: Sequence[int]) -> tuple[Column, ...]:
    return tuple(Column(head, place in words) for place, head in enumerate(heads))


def _of(about: str, shown: int, found: int, noun: str) -> str:
    """Adds to a sentence how much of what was found is shown."""
    if found == 0:
        return f"{about}. There is none."
    return f"{about}. {counted(found, noun).capitalize()}{'' if shown == found else f', {shown} shown'}."
