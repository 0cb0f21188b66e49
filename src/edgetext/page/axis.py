"""The scale of a plot: where a value lies, and which values are worth a mark."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 5.0)
_FEWEST_MARKS = 4


@dataclass(frozen=True)
class Axis:
    """A stretch of values over a stretch of pixels.

    Attributes:
        low: The value at ``start``.
        high: The value at ``end``, above ``low``.
        start: In pixels.
        end: In pixels; below ``start`` where the axis points up.
        log: Whether equal steps are equal ratios; then ``low`` is above 0.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Finds the pixel of a value, rounded to a tenth; values outside lie on the border."""
        share = self._share(min(max(value, self.low), self.high))
        return round(self.start + share * (self.end - self.start), 1)

    def marks(self) -> list[tuple[float, str]]:
        """Places the marks: pixel and text of each."""
        values = self._log_marks() if self.log else self._even_marks()
        return [(self.at(value), f"{value:.10g}") for value in values if self.low <= value <= self.high]

    def _share(self, value: float) -> float:
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def _log_marks(self) -> Iterator[float]:
        for power in range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1):
            for step in _STEPS:
                yield step * 10.0**power

    def _even_marks(self) -> Iterator[float]:
        rough = (self.high - self.low) / _FEWEST_MARKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = max(step * power for step in _STEPS if step * power <= rough)
        for number in range(math.ceil(self.low / step), math.floor(self.high / step) + 1):
            yield number * step


def log_axis(low: float, high: float, start: float, end: float) -> Axis:
    """Makes a logarithmic axis with a little room on both sides.

    Args:
        low: The smallest value, above 0.
        high: The largest.
        start: In pixels.
        end: In pixels.
    """
    room = 1.15
    return Axis(low / room, high * room, start, end, log=True)


def percent_axis(low: float, high: float, start: float, end: float) -> Axis:
    """Makes an even axis in percent, with a point of room on both sides where there is.

    Args:
        low: The smallest share, 0 to 1.
        high: The largest share.
        start: In pixels.
        end: In pixels.
    """
    return Axis(max(0.0, 100 * low - 1), min(100.0, 100 * high + 1), start, end)
