"""Two runs of the bench -> what got worse, by intervals; runs that cannot be compared are refused.

The intervals of a row's timed figures hold together, so that an equal program is rarely called changed in any of
them.

Source: O. J. Dunn, "Multiple comparisons among means", Journal of the American Statistical Association 56 (1961).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from edgetext.bench.accuracy import difference
from edgetext.bench.results import FAILED, MEASURED, Results, Row, check_same_rows
from edgetext.bench.rounds import batch_ratios, latency_figures, latency_rounds, round_ratios
from edgetext.errors import InputError
from edgetext.measure.otherload import disturbs, others
from edgetext.measure.stats import CONFIDENCE, mean_ratio, unpaired_ratio
from edgetext.metrics.report import FIGURES, metric_key

TIMED = ("p50", "p90", "p99", "mean", "throughput", "first")
"""Figures that change from round to round, and that have an interval for it."""

SCORES = tuple(FIGURES)
"""The metrics of the tasks, which change by points; rows have that of their own task."""

METRICS = (*TIMED, "peak_memory", *SCORES)
FIGURE_CONFIDENCE = 1 - (1 - CONFIDENCE) / len(TIMED)
"""Of each timed figure by itself, for those of a row to be in their intervals together (Bonferroni)."""

_LIMIT = re.compile(r"\s*(\w+)\s*>\s*([0-9]*\.?[0-9]+)\s*%\s*")
_NOT_NOTED = ("seed", "backends", "variants")  # settings that change no figure of a row


@dataclass(frozen=True)
class Limit:
    """By how much a metric may get worse.

    Attributes:
        metric: One of ``METRICS``.
        percent: Percent of the old figure; for the task's metric, percentage points.
    """

    metric: str
    percent: float

    def __str__(self) -> str:
        return f"{self.metric}>{self.percent:g}%"


@dataclass(frozen=True)
class Change:
    """By how much one figure of one row got worse.

    Attributes:
        metric: One of ``METRICS``.
        worse: Percent of the old figure; for the task's metric, percentage points lost. Negative where it got
            better.
        low: Lower end of the interval; those of a row's timed figures hold all of them at once in 95 of 100 cases,
            that of the task's metric by itself.
        high: Upper end of it; the same as ``low`` for the peak memory, which has one value a run and no interval.
    """

    metric: str
    worse: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """``worse``, ``better``, or ``no difference shown``."""
        return "worse" if self.low > 0 else "better" if self.high < 0 else "no difference shown"

    def __str__(self) -> str:
        """Says it with its interval, such as ``p50 +12.3 % [+10.9, +13.8] worse``; plus is always worse."""
        unit = "points" if self.metric in SCORES else "%"
        interval = "" if self.low == self.high else f" [{self.low:+.1f}, {self.high:+.1f}]"
        return f"{self.metric} {self.worse:+.1f} {unit}{interval} {self.verdict}"


@dataclass(frozen=True)
class Pair:
    """One row in both runs.

    Attributes:
        name: Backend, variant, model where a run has several, and device.
        changes: One a metric that both rows have.
    """

    name: str
    changes: tuple[Change, ...]

    def change(self, metric: str) -> Change | None:
        """Finds the change of a metric, if both rows have it."""
        return next((change for change in self.changes if change.metric == metric), None)


@dataclass(frozen=True)
class Comparison:
    """What two runs show together.

    Attributes:
        pairs: The rows that both runs measured.
        lost: Rows that the old run measured and that failed in the new one, with the reason.
        notes: What a reader must know: rows without a partner, other libraries, a busy machine.
    """

    pairs: tuple[Pair, ...]
    lost: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Turns it into JSON values; an end of an interval that one round leaves open is ``None``."""
        document = asdict(self)
        for change in (change for pair in document["pairs"] for change in pair["changes"]):
            change |= {name: None for name, value in change.items() if value == math.inf}
        return document


@dataclass(frozen=True)
class _Side:
    """One side: what it is called in errors, its results, and its rows by name and device."""

    name: str
    results: Results
    rows: dict[str, Row]

    def measured(self, name: str) -> bool:
        return self.rows[name].status == MEASURED


def read_limit(text: str) -> Limit:
    """Reads a limit such as ``p50>10%``.

    Raises:
        InputError: It has another form, or names no metric.
    """
    found = _LIMIT.fullmatch(text)
    if found is None or not math.isfinite(float(found[2])):
        raise InputError(f'--fail-if {text!r} is not of the form "METRIC>NUMBER%", such as "p50>10%"')
    if found[1] not in METRICS:
        raise InputError(f"--fail-if {text!r}: there is no metric {found[1]!r}: choose from {', '.join(METRICS)}")
    return Limit(found[1], float(found[2]))


def compare(old: Results, new: Results, names: tuple[str, str] = ("OLD", "NEW")) -> Comparison:
    """Compares two runs row by row; rows are matched by backend, variant, model and device.

    Raises:
        DataError: They predicted different rows.
        InputError: They are of different machines or numbers of threads, or have no measured row in common.
    """
    before, after = _side(names[0], old), _side(names[1], new)
    check_same_rows((names[0], old), (names[1], new), "compare")
    shared = [name for name in before.rows if name in after.rows]
    for name in shared:
        _check_machine(name, before, after)
    if not any(before.measured(name) for name in shared):
        raise InputError(f"{names[0]} and {names[1]} have no measured row in common: compare runs of the same rows")
    pairs = [
        Pair(name, tuple(_changes(before, after, name)))
        for name in shared
        if before.measured(name) and after.measured(name)
    ]
    lost = [
        f"{name} was measured in {names[0]} and failed in {names[1]}: {after.rows[name].reason}"
        for name in shared
        if before.measured(name) and after.rows[name].status == FAILED
    ]
    return Comparison(tuple(pairs), tuple(lost), tuple(_notes(before, after)))


def regressions(comparison: Comparison, limits: Sequence[Limit]) -> list[str]:
    """Says of each figure that got worse by more than a limit that it did, as far as its interval tells.

    The whole interval must lie beyond the limit: ``p50>10%`` asks whether it is sure that a tenth was lost. A row
    that failed in the new run has lost every figure.

    Raises:
        InputError: No row of the runs has the figures that a limit needs.
    """
    found = list(comparison.lost) if limits else []
    for limit in limits:
        judged = [(pair.name, change) for pair in comparison.pairs if (change := pair.change(limit.metric))]
        if not judged and comparison.pairs:
            raise InputError(
                f"--fail-if {limit}: no row has {limit.metric} in both runs, with its rounds: measure both again "
                "with this edgetext"
            )
        found += [f"{name}: {change}, beyond {limit}" for name, change in judged if change.low > limit.percent]
    return found


def _side(name: str, results: Results) -> _Side:
    rows: dict[str, Row] = {}
    for row in results.rows:
        key = f"{row.name} {row.device}"
        if key in rows:
            raise InputError(f"{name} has the row {key} more than once: compare files that are not merged")
        rows[key] = row
    return _Side(name, results, rows)


def _check_machine(name: str, old: _Side, new: _Side) -> None:
    hosts = [run.results.environment_of(run.rows[name]).get("host") for run in (old, new)]
    if hosts[0] != hosts[1]:
        raise InputError(
            f"{name}: {old.name} was measured on {hosts[0]!r} and {new.name} on {hosts[1]!r}: compare runs of the "
            "same machine"
        )
    threads = [run.rows[name].threads for run in (old, new)]
    if threads[0] != threads[1]:
        raise InputError(
            f"{name}: {old.name} was measured with {threads[0]} threads and {new.name} with {threads[1]}: "
            "compare runs with the same --threads"
        )


def _changes(before: _Side, after: _Side, name: str) -> Iterator[Change]:
    old, new = before.rows[name], after.rows[name]
    same_rounds = _same_rounds(before, after)
    for metric in TIMED:
        if change := _slower(metric, old, new, same_rounds=same_rounds):
            yield change
    if old.peak_memory_mb and new.peak_memory_mb is not None:
        worse = 100 * (new.peak_memory_mb / old.peak_memory_mb - 1)
        yield Change("peak_memory", worse, worse, worse)
    if old.predictions and new.predictions:
        lost = difference(old.predictions, new.predictions, before.results.data)
        yield Change(metric_key(before.results.data.decides), 100 * lost.value, 100 * lost.low, 100 * lost.high)


def _slower(metric: str, old: Row, new: Row, *, same_rounds: bool) -> Change | None:
    """Compares durations: round with round where both had the same rounds, else all with all."""
    before, after = _durations(metric, old), _durations(metric, new)
    if not before or not after:
        return None
    if same_rounds:
        ratios = _text_by_text(metric, old, new) or [
            above / below for above, below in zip(after, before, strict=False)
        ]
        ratio = mean_ratio(ratios, FIGURE_CONFIDENCE)
    else:
        ratio = unpaired_ratio(after, before, FIGURE_CONFIDENCE)
    return Change(metric, *(100 * (value - 1) for value in (ratio.value, ratio.low, ratio.high)))


def _durations(metric: str, row: Row) -> Sequence[float]:
    """Lists a timed figure of each round as a time: more is worse."""
    if metric == "throughput":
        return [1 / rate for rate in row.throughput_per_s.samples] if row.throughput_per_s else []
    if metric == "first":
        return tuple(row.about.get("starts_ms", ()))
    return latency_figures(row, metric)


def _text_by_text(metric: str, old: Row, new: Row) -> Sequence[float]:
    """Lists how many times longer the new row took in each common round, where its texts tell that more closely."""
    if metric == "p50":
        return round_ratios(latency_rounds(new), latency_rounds(old))
    return batch_ratios(new, old) if metric == "throughput" else []


def _same_rounds(old: _Side, new: _Side) -> bool:
    return bool(old.results.run) and old.results.run == new.results.run


def _notes(old: _Side, new: _Side) -> Iterator[str]:
    if _same_rounds(old, new):
        yield "both were measured in the same rounds: each round is compared with itself"
    else:
        yield (
            "measured in different runs: what moved the machine in between counts as a change, "
            "which 'edgetext bench NEW --beside OLD' leaves out"
        )
    for one, other in ((old, new), (new, old)):
        yield from (f"{name} is in {one.name} only" for name in one.rows if name not in other.rows)
    before, after = old.results.settings, new.results.settings
    for key in sorted({*before} & {*after} - {*_NOT_NOTED}):
        if before[key] != after[key]:
            yield f"the setting {key} is {before[key]} in {old.name} and {after[key]} in {new.name}"
    yield from _libraries(old, new)
    yield from _others(old, new)


def _libraries(old: _Side, new: _Side) -> Iterator[str]:
    before, after = (run.results.environment.get("libraries") or {} for run in (old, new))
    for library in sorted({*before, *after}):
        versions = [found.get(library, "absent") for found in (before, after)]
        if versions[0] != versions[1]:
            yield f"{library}: {versions[0]} in {old.name}, {versions[1]} in {new.name}"


def _others(old: _Side, new: _Side) -> list[str]:
    busy = [run for run in (old, new) if disturbs(run.results.environment)]
    if busy and _same_rounds(old, new):
        return [others(busy[0].results.environment)]
    return [f"{run.name}: {others(run.results.environment)}" for run in busy]
