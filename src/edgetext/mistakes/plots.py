"""What the plots of the page show, in pixels: epochs, reliability, and the labels that are taken for each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgetext.metrics.paired import wilson_interval
from edgetext.mistakes.facts import Calibration, Learning, Mistakes
from edgetext.page.axis import Axis, percent_axis

_WIDTH, _HEIGHT = 400.0, 260.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 388.0, 12.0, 232.0
_MOST_LABELS = 12
_LARGEST = 9.0  # pixels: the dot of the fullest bin


@dataclass(frozen=True)
class PlotLine:
    """A line of a chart.

    Attributes:
        name: What it shows.
        kind: Its class in the style: ``first`` or ``second``.
        points: As an SVG polyline has them.
        dots: Pixels across and up, and the figures as text.
    """

    name: str
    kind: str
    points: str
    dots: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class Dot:
    """A bin of the reliability diagram: its place, its size, the interval of its share, and its figures."""

    x: float
    y: float
    low: float
    high: float
    radius: float
    said: str


@dataclass(frozen=True)
class Chart:
    """A chart with its marks; ``x`` and ``y`` say what the axes are."""

    x: str
    y: str
    x_marks: tuple[tuple[float, str], ...]
    y_marks: tuple[tuple[float, str], ...]
    lines: tuple[PlotLine, ...] = ()
    dots: tuple[Dot, ...] = ()
    width: float = _WIDTH
    height: float = _HEIGHT
    left: float = _LEFT
    right: float = _RIGHT
    top: float = _TOP
    bottom: float = _BOTTOM


@dataclass(frozen=True)
class HeatRow:
    """A label of the heat map: how many rows bear it, and how often each shown label was given for it.

    Attributes:
        number: As in the heads of the columns.
        label: Its name.
        cells: Count, and share of the largest count that is a mistake; ``None`` where the label was found.
        others: How often a label was given that is not shown.
    """

    number: int
    label: str
    cells: tuple[tuple[int, float | None], ...]
    others: int


def epochs(learning: Learning) -> tuple[Chart, Chart]:
    """Draws the losses, and the metric, over the epochs."""
    last = max((when for when, _ in (*learning.losses, *learning.values)), default=1.0)
    x = Axis(0.0, max(last, 1.0), _LEFT, _RIGHT)
    losses = [loss for _, loss in (*learning.losses, *learning.validation_losses)]
    y = Axis(0.0, max([*losses, 1e-6]) * 1.05, _BOTTOM, _TOP)
    values = [value for _, value in learning.values]
    share = percent_axis(min(values), max(values), _BOTTOM, _TOP)
    marks = tuple(mark for mark in x.marks() if float(mark[1]).is_integer())
    lines = (
        _line("training", "second", learning.losses, x, y, dotted=False),
        _line("validation", "first", learning.validation_losses, x, y),
    )
    percents = [(when, 100 * value) for when, value in learning.values]
    metric = _line(f"validation {learning.metric}", "first", percents, x, share)
    return (
        Chart("epoch", "loss", marks, tuple(y.marks()), lines),
        Chart(
            "epoch", f"{learning.metric} on the validation rows, percent", marks, tuple(share.marks()), (metric,)
        ),
    )


def diagram(calibration: Calibration) -> Chart:
    """Draws the share that was right over the probability; a calibrated model stays on the diagonal."""
    x, y = Axis(0.0, 1.0, _LEFT, _RIGHT), Axis(0.0, 1.0, _BOTTOM, _TOP)
    fullest = max(one.count for one in calibration.bins)
    dots = []
    for one in calibration.bins:
        ends = wilson_interval(round(one.share * one.count), one.count)
        dots.append(
            Dot(
                x.at(one.confidence),
                y.at(one.share),
                y.at(ends.low),
                y.at(ends.high),
                round(2 + (_LARGEST - 2) * (one.count / fullest) ** 0.5, 1),
                f"{one.count} {calibration.of}: mean probability {one.confidence:.3f}, share right {one.share:.3f} "
                f"[{ends.low:.3f}, {ends.high:.3f}]",
            )
        )
    ideal = PlotLine("ideal", "ideal", f"{x.at(0)},{y.at(0)} {x.at(1)},{y.at(1)}", ())
    return Chart("probability", "share right", tuple(x.marks()), tuple(y.marks()), (ideal,), tuple(dots))


def heat(mistakes: Mistakes) -> tuple[HeatRow, ...]:
    """Lays out the labels of the most frequent confusions, at most twelve; none where a text may bear several."""
    if not mistakes.one_label:
        return ()
    counts = {(one.truth, one.answer): one.count for one in mistakes.confusions}
    chosen: list[str] = []
    for one in mistakes.confusions:
        new = [label for label in (one.truth, one.answer) if label is not None and label not in chosen]
        if len(chosen) + len(new) <= _MOST_LABELS:
            chosen += new
    largest = max((counts.get((one, other), 0) for one in chosen for other in chosen), default=0)
    facts = {one.label: one for one in mistakes.per_label}
    rows = []
    for number, label in enumerate(chosen, start=1):
        missed = sum(count for (truth, _), count in counts.items() if truth == label)
        found = facts[label].rows - missed
        cells = tuple(
            (found, None) if other == label else _cell(counts.get((label, other), 0), largest) for other in chosen
        )
        shown = sum(count for count, share in cells if share is not None)
        rows.append(HeatRow(number, label, cells, missed - shown))
    return tuple(rows)


def _cell(count: int, largest: int) -> tuple[int, float]:
    return count, round(count / largest, 3) if largest else 0.0


def _line(
    name: str, kind: str, points: Sequence[tuple[float, float]], x: Axis, y: Axis, *, dotted: bool = True
) -> PlotLine:
    placed = [(x.at(when), y.at(value), f"{name}, epoch {when:g}: {value:.4g}") for when, value in points]
    path = " ".join(f"{across},{up}" for across, up, _ in placed)
    return PlotLine(name, kind, path, tuple(placed) if dotted else ())
