"""What the two plots show, in pixels: each row's latencies as a shape, and the task's metric against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetext.bench.cells import number
from edgetext.bench.frontier import frontier as unbeaten_rows
from edgetext.bench.results import Latency, Proportion, Row
from edgetext.bench.rounds import mean_latency
from edgetext.measure.stats import Mean
from edgetext.page.axis import Axis, log_axis, percent_axis

_WIDTH = 880.0
_LEFT = 220.0  # the names stand before it
_RIGHT = _WIDTH - 16.0
_LANE = 46.0
_BINS = 64
_FRONTIER_WIDTH = 440.0  # narrow, so that its words are still read where it fills a phone
_FRONTIER_HEIGHT = 330.0
_FRONTIER_LEFT = 40.0
_LABEL_LEVELS = 4
_LABEL_ROOM, _LABEL_HEIGHT = 24.0, 14.0  # pixels that a number needs to itself
_TOP = 66.0  # the numbers of the best rows stand above it
_FARTHEST = 3.0  # times the mean that an interval makes the axis reach


@dataclass(frozen=True)
class Shown:
    """A row in a plot.

    Attributes:
        number: The row's number in the table.
        name: Backend and variant.
        ours: Whether it is edgetext's.
        said: The figures as text.
    """

    number: int
    name: str
    ours: bool
    said: str


@dataclass(frozen=True)
class Lane(Shown):
    """The latencies of one row, in pixels: an outline as the points of an SVG polygon, percentiles, the middle."""

    shape: str
    p10: float
    p50: float
    p90: float
    p99: float
    y: float


@dataclass(frozen=True)
class Latencies:
    """The plot of all lanes, on one logarithmic axis in milliseconds."""

    width: float
    height: float
    lanes: tuple[Lane, ...]
    marks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Point(Shown):
    """One row's score against its mean latency, in pixels.

    ``x_low`` and ``x_high`` are the ends of the mean's interval, ``y_low`` and ``y_high`` those of the score's,
    ``label_y`` is where the number above it stands, and ``unbeaten`` tells whether no other row beats it.
    """

    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float
    label_y: float
    unbeaten: bool


@dataclass(frozen=True)
class Frontier:
    """The task's metric against mean latency; ``line`` goes along the rows that none beats, fastest first."""

    width: float
    height: float
    points: tuple[Point, ...]
    x_marks: tuple[tuple[float, str], ...]
    y_marks: tuple[tuple[float, str], ...]
    line: str


@dataclass(frozen=True)
class _Timed:
    """A row that has latencies, by its number in the table."""

    number: int
    row: Row
    latency: Latency

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.latency.samples, percent))

    def shown(self, score: str = "") -> tuple[int, str, bool, str]:
        found = self.latency
        figures = {"p50": found.p50, "p90": found.p90, "p99": found.p99, "mean": found.mean_ms}
        said = score + ", ".join(f"{name} {number(figure)} ms" for name, figure in figures.items())
        return self.number, self.row.name, self.row.backend == "edgetext", said


@dataclass(frozen=True)
class _Judged:
    """A row that has a score too."""

    timed: _Timed
    score: Proportion
    mean: Mean

    @property
    def percents(self) -> tuple[float, float, float]:
        """The score and the ends of its interval in percent."""
        return 100 * self.score.value, 100 * self.score.low, 100 * self.score.high


def latencies(rows: Sequence[tuple[int, Row]]) -> Latencies | None:
    """Lays out the distributions of numbered rows; ``None`` where none has latencies."""
    timed = _timed(rows)
    if not timed:
        return None
    lowest = min(min(one.latency.samples) for one in timed)
    axis = log_axis(lowest, max(one.percentile(99) for one in timed), _LEFT, _RIGHT)
    lanes = tuple(_lane(one, axis, (place + 0.5) * _LANE) for place, one in enumerate(timed))
    return Latencies(_WIDTH, len(timed) * _LANE, lanes, tuple(axis.marks()))


def frontier(rows: Sequence[tuple[int, Row]], metric: str) -> Frontier | None:
    """Lays out the task's metric, by its name, against mean latency of numbered rows.

    Returns:
        The plot, its points from the fastest on; ``None`` where no two rows have both figures.
    """
    known = [
        _Judged(one, one.row.score, mean)
        for one in _timed(rows)
        if one.row.score and (mean := mean_latency(one.row))
    ]
    if len(known) < 2:
        return None
    axes = _axes(known)
    unbeaten = unbeaten_rows([each.timed.row for each in known])
    points: list[Point] = []
    for each in sorted(known, key=lambda each: each.mean.value):
        points.append(_point(each, metric, axes, points, unbeaten))
    x, y = axes
    line = _steps([point for point in points if point.unbeaten], x)
    return Frontier(_FRONTIER_WIDTH, _FRONTIER_HEIGHT, tuple(points), tuple(x.marks()), tuple(y.marks()), line)


def _timed(rows: Sequence[tuple[int, Row]]) -> list[_Timed]:
    return [_Timed(number, row, row.latency_ms) for number, row in rows if row.latency_ms]


def _lane(one: _Timed, axis: Axis, y: float) -> Lane:
    return Lane(
        *one.shown(),
        shape=_outline(one.latency.samples, axis, y),
        p10=axis.at(one.percentile(10)),
        p50=axis.at(one.latency.p50),
        p90=axis.at(one.percentile(90)),
        p99=axis.at(one.latency.p99),
        y=y,
    )


def _outline(samples: Sequence[float], axis: Axis, y: float) -> str:
    """Draws the polygon around a smoothed histogram, mirrored at the lane's middle."""
    edges = np.geomspace(axis.low, axis.high, _BINS + 1)
    counts = np.histogram(samples, edges)[0].astype(float)
    smooth = np.convolve(counts, (0.25, 0.5, 0.25), mode="same")
    half = smooth / smooth.max() * (_LANE / 2 - 5)
    middles = np.sqrt(edges[:-1] * edges[1:])
    above = [
        (axis.at(float(middle)), round(y - float(high), 1)) for middle, high in zip(middles, half, strict=True)
    ]
    below = [(x, round(2 * y - above_y, 1)) for x, above_y in reversed(above)]
    return " ".join(f"{x},{high}" for x, high in (*above, *below))


def _axes(known: Sequence[_Judged]) -> tuple[Axis, Axis]:
    """Makes the axes, milliseconds and percent, that hold every point and its intervals as far as they matter."""
    means, scores = [each.mean for each in known], [each.score for each in known]
    lows = (max(mean.low, mean.value / _FARTHEST) for mean in means)
    highs = (min(mean.high, mean.value * _FARTHEST) if mean.bounded else mean.value for mean in means)
    x = log_axis(min(lows), max(highs), _FRONTIER_LEFT, _FRONTIER_WIDTH - 12)
    low, high = min(score.low for score in scores), max(score.high for score in scores)
    return x, percent_axis(low, high, _FRONTIER_HEIGHT - 24, _TOP)


def _point(
    each: _Judged, metric: str, axes: tuple[Axis, Axis], before: Sequence[Point], unbeaten: Sequence[Row]
) -> Point:
    x, y = axes
    mean, (middle, low, high) = each.mean, each.percents
    at, top = x.at(mean.value), y.at(high)
    return Point(
        *each.timed.shown(f"{metric} {middle:.1f} % [{low:.1f}, {high:.1f}], "),
        x=at,
        x_low=x.at(mean.low) if mean.bounded else at,
        x_high=x.at(mean.high) if mean.bounded else at,
        y=y.at(middle),
        y_low=y.at(low),
        y_high=top,
        label_y=_label_y(at, top, before),
        unbeaten=any(each.timed.row is row for row in unbeaten),
    )


def _label_y(at: float, top: float, before: Sequence[Point]) -> float:
    """Finds how high a number must stand so that it touches none of those before; the highest place if all do."""
    close = [point.label_y for point in before if abs(point.x - at) < _LABEL_ROOM]
    places = [top - 8 - _LABEL_HEIGHT * level for level in range(_LABEL_LEVELS)]
    free = (place for place in places if all(abs(place - taken) >= _LABEL_HEIGHT - 1 for taken in close))
    return next(free, places[-1])


def _steps(points: Sequence[Point], x: Axis) -> str:
    """Draws the steps along the unbeaten points, from the fastest to the end of the axis."""
    corners: list[tuple[float, float]] = []
    for point in points:
        if corners:
            corners.append((point.x, corners[-1][1]))
        corners.append((point.x, point.y))
    corners.append((x.end, corners[-1][1]))
    return " ".join(f"{across},{up}" for across, up in corners)
