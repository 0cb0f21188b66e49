"""What the two plots show, in pixels: each row's latencies as a shape, and accuracy against latency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetext.bench.results import Estimate, Latency, Row
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
class Lane:
    """The latencies of one row.

    Attributes:
        number: The row's number in the table.
        name: Backend and variant.
        ours: Whether it is edgetext's.
        shape: Outline of the distribution, as the points of an SVG polygon.
        p10: Pixel of the 10th percentile.
        p50: Pixel of the median.
        p90: Pixel of the 90th percentile.
        p99: Pixel of the 99th percentile.
        y: Pixel of the lane's middle.
        said: The figures as text.
    """

    number: int
    name: str
    ours: bool
    shape: str
    p10: float
    p50: float
    p90: float
    p99: float
    y: float
    said: str


@dataclass(frozen=True)
class Latencies:
    """The plot of all lanes, on one logarithmic axis in milliseconds."""

    width: float
    height: float
    lanes: tuple[Lane, ...]
    marks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Point:
    """One row in the plot of accuracy against median latency.

    Attributes:
        number: The row's number in the table.
        name: Backend and variant.
        ours: Whether it is edgetext's.
        x: Pixel of the median latency.
        x_low: Pixel of the 10th percentile.
        x_high: Pixel of the 90th percentile.
        y: Pixel of the accuracy.
        y_low: Pixel of the lower end of its interval.
        y_high: Pixel of the upper end of its interval.
        label_y: Pixel of the number above it.
        said: The figures as text.
    """

    number: int
    name: str
    ours: bool
    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float
    label_y: float
    said: str


@dataclass(frozen=True)
class Frontier:
    """Accuracy against latency; ``line`` goes along the rows that none beats in both."""

    width: float
    height: float
    points: tuple[Point, ...]
    x_marks: tuple[tuple[float, str], ...]
    y_marks: tuple[tuple[float, str], ...]
    line: str


def latencies(rows: Sequence[tuple[int, Row]]) -> Latencies | None:
    """Lays the distributions out, or gives ``None`` where no row has latencies.

    Args:
        rows: Number and row, as in the table.
    """
    timed = [(number, row, row.latency_ms) for number, row in rows if row.latency_ms and row.latency_ms.samples]
    if not timed:
        return None
    lowest = min(min(latency.samples) for _, _, latency in timed)
    highest = max(float(np.percentile(latency.samples, 99)) for _, _, latency in timed)
    axis = log_axis(lowest, highest, _LEFT, _RIGHT)
    lanes = tuple(
        _lane(number, row, latency, axis, (place + 0.5) * _LANE)
        for place, (number, row, latency) in enumerate(timed)
    )
    return Latencies(_WIDTH, len(timed) * _LANE, lanes, tuple(axis.marks()))


def frontier(rows: Sequence[tuple[int, Row]]) -> Frontier | None:
    """Lays accuracy against latency out, or gives ``None`` where no row has both.

    Args:
        rows: Number and row, as in the table.
    """
    known = [
        (number, row, row.latency_ms, row.accuracy)
        for number, row in rows
        if row.latency_ms and row.latency_ms.samples and row.accuracy
    ]
    if not known:
        return None
    spans = [np.percentile(latency.samples, (10, 90)) for _, _, latency, _ in known]
    x = log_axis(min(float(low) for low, _ in spans), max(float(high) for _, high in spans), _FRONTIER_LEFT, _RIGHT)
    y = percent_axis(
        min(accuracy.low for *_, accuracy in known),
        max(accuracy.high for *_, accuracy in known),
        _FRONTIER_HEIGHT - 24,
        54,
    )
    points: list[Point] = []
    for number, row, latency, accuracy in sorted(known, key=lambda entry: entry[2].p50):
        points.append(_point(number, row, latency, accuracy, x, y, points))
    return Frontier(
        _WIDTH, _FRONTIER_HEIGHT, tuple(points), tuple(x.marks()), tuple(y.marks()), _unbeaten(known, x, y)
    )


def _lane(number: int, row: Row, latency: Latency, axis: Axis, y: float) -> Lane:
    p10, p90 = (float(value) for value in np.percentile(latency.samples, (10, 90)))
    return Lane(
        number=number,
        name=f"{row.backend} {row.variant}",
        ours=row.backend == "edgetext",
        shape=_outline(latency.samples, axis, y),
        p10=axis.at(p10),
        p50=axis.at(latency.p50),
        p90=axis.at(p90),
        p99=axis.at(latency.p99),
        y=y,
        said=_said(latency),
    )


def _outline(samples: Sequence[float], axis: Axis, y: float) -> str:
    """Gives the polygon around a smoothed histogram, mirrored at the lane's middle."""
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


def _point(
    number: int, row: Row, latency: Latency, accuracy: Estimate, x: Axis, y: Axis, before: Sequence[Point]
) -> Point:
    p10, p90 = (float(value) for value in np.percentile(latency.samples, (10, 90)))
    at = x.at(latency.p50)
    top = y.at(100 * accuracy.high)
    return Point(
        number=number,
        name=f"{row.backend} {row.variant}",
        ours=row.backend == "edgetext",
        x=at,
        x_low=x.at(p10),
        x_high=x.at(p90),
        y=y.at(100 * accuracy.value),
        y_low=y.at(100 * accuracy.low),
        y_high=top,
        label_y=top - 8 - 14 * _free_level(at, before),
        said=f"accuracy {100 * accuracy.value:.1f} % [{100 * accuracy.low:.1f}, {100 * accuracy.high:.1f}], "
        + _said(latency),
    )


def _free_level(at: float, before: Sequence[Point]) -> int:
    """Gives how high a number must stand so that it does not touch those of close points: they would overlap."""
    close = [point for point in before if abs(point.x - at) < _LABEL_ROOM]
    return len(close) % _LABEL_LEVELS


def _unbeaten(known: Sequence[tuple[int, Row, Latency, Estimate]], x: Axis, y: Axis) -> str:
    """Gives the steps along the rows that no other row beats in accuracy at the same or a lower latency."""
    steps: list[tuple[float, float]] = []
    best = -1.0
    for _, _, latency, accuracy in sorted(known, key=lambda entry: (entry[2].p50, -entry[3].value)):
        if accuracy.value > best:
            if steps:
                steps.append((x.at(latency.p50), steps[-1][1]))
            steps.append((x.at(latency.p50), y.at(100 * accuracy.value)))
            best = accuracy.value
    steps.append((x.end, steps[-1][1]))
    return " ".join(f"{across},{up}" for across, up in steps)


def _said(latency: Latency) -> str:
    return f"p50 {latency.p50:.2f} ms, p90 {latency.p90:.2f} ms, p99 {latency.p99:.2f} ms"
