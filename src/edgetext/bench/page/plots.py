"""What the two plots show, in pixels: each row's latencies as a shape, and the task's metric against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetext.bench.results import Latency, Proportion, Row
from edgetext.page.axis import Axis, log_axis, percent_axis

_WIDTH = 880.0
_LEFT = 220.0  # the names stand before it
_RIGHT = _WIDTH - 16.0
_LANE = 46.0
_BINS = 64
_FRONTIER_HEIGHT = 360.0
_FRONTIER_LEFT = 44.0
_LABEL_LEVELS = 3
_LABEL_ROOM = 30.0  # pixels between two numbers on one level


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
    """One row's score against its median latency, in pixels.

    ``x_low`` and ``x_high`` are the 10th and the 90th percentile, ``y_low`` and ``y_high`` the ends of the
    score's interval, and ``label_y`` is where the number above it stands.
    """

    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float
    label_y: float


@dataclass(frozen=True)
class Frontier:
    """The task's metric against latency; ``line`` goes along the rows that none beats in both."""

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
        said = f"{score}p50 {found.p50:.2f} ms, p90 {found.p90:.2f} ms, p99 {found.p99:.2f} ms"
        return self.number, self.row.name, self.row.backend == "edgetext", said


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
    """Lays out the task's metric, by its name, against latency of numbered rows; ``None`` where none has both."""
    known = [(one, one.row.score) for one in _timed(rows) if one.row.score]
    if not known:
        return None
    lows, highs = ([one.percentile(percent) for one, _ in known] for percent in (10, 90))
    x = log_axis(min(lows), max(highs), _FRONTIER_LEFT, _RIGHT)
    low, high = min(score.low for _, score in known), max(score.high for _, score in known)
    y = percent_axis(low, high, _FRONTIER_HEIGHT - 24, 54)
    points: list[Point] = []
    for one, score in sorted(known, key=lambda entry: entry[0].latency.p50):
        points.append(_point(one, metric, score, (x, y), points))
    return Frontier(
        _WIDTH, _FRONTIER_HEIGHT, tuple(points), tuple(x.marks()), tuple(y.marks()), _unbeaten(known, x, y)
    )


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


def _point(one: _Timed, metric: str, score: Proportion, axes: tuple[Axis, Axis], before: Sequence[Point]) -> Point:
    x, y = axes
    middle, low, high = (100 * share for share in (score.value, score.low, score.high))
    at, top = x.at(one.latency.p50), y.at(high)
    return Point(
        *one.shown(f"{metric} {middle:.1f} % [{low:.1f}, {high:.1f}], "),
        x=at,
        x_low=x.at(one.percentile(10)),
        x_high=x.at(one.percentile(90)),
        y=y.at(middle),
        y_low=y.at(low),
        y_high=top,
        label_y=top - 8 - 14 * _free_level(at, before),
    )


def _free_level(at: float, before: Sequence[Point]) -> int:
    """Says how high a number must stand so that it does not touch those of close points: they would overlap."""
    close = [point for point in before if abs(point.x - at) < _LABEL_ROOM]
    return len(close) % _LABEL_LEVELS


def _unbeaten(known: Sequence[tuple[_Timed, Proportion]], x: Axis, y: Axis) -> str:
    """Draws the steps along the rows that no other row beats in score at the same or a lower latency."""
    steps: list[tuple[float, float]] = []
    best = -1.0
    for one, score in sorted(known, key=lambda entry: (entry[0].latency.p50, -entry[1].value)):
        if score.value > best:
            if steps:
                steps.append((x.at(one.latency.p50), steps[-1][1]))
            steps.append((x.at(one.latency.p50), y.at(100 * score.value)))
            best = score.value
    steps.append((x.end, steps[-1][1]))
    return " ".join(f"{across},{up}" for across, up in steps)
