"""Which candidates are best at the objective: an order to put them to the gate in, and a row for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from edgetext.export.record import SchemeOutcome, Status
from edgetext.export.timing import Stopwatch, Timing, compare, halve
from edgetext.export.workshop import FP32, Candidate, Workshop, changes, open_with
from edgetext.measure.stats import mean_ratio
from edgetext.runtime.threads import usable_threads

FINALISTS = 4
"""How many candidates are timed to the end, and how many the gate looks at in a search."""

_SAME_SIZE = 1.01  # a difference that no user would see


@dataclass(frozen=True)
class Ranking:
    """The candidates by the objective.

    Attributes:
        order: Those to put to the gate, the best first; of those that are equally fast the one that changes the
            fp32 model's probabilities least, an int8 model before an fp32 one.
        rows: What is known of each candidate so far, by scheme; the reference is among them.
        fp32_is_as_fast: The schemes of whose int8 models nothing shows that they are faster than fp32.
    """

    order: tuple[str, ...]
    rows: Mapping[str, SchemeOutcome]
    fp32_is_as_fast: frozenset[str] = field(default_factory=frozenset)


def rank(shop: Workshop, candidates: Sequence[Candidate], until: float) -> Ranking:
    """Orders the candidates by size or by measured time; a single one is not timed.

    Args:
        shop: What they are judged on.
        candidates: In the registry's order.
        until: When the time is up, by ``time.monotonic()``.
    """
    if shop.settings.objective == "size" or len(shop.settings.schemes) == 1:
        return rank_by_size(shop.manifest.variant(FP32).bytes, candidates)
    return _rank_by_time(shop, candidates, until)


def rank_by_size(reference_bytes: int, candidates: Sequence[Candidate]) -> Ranking:
    """Orders the candidates by the size of their model files.

    Args:
        reference_bytes: Of the fp32 graph.
        candidates: In the registry's order.
    """
    size = {candidate.scheme: candidate.variant.bytes for candidate in candidates}
    order = by_preference(sorted(size, key=lambda name: size[name]), list(size), partial(_clearly_larger, size))
    rows = {FP32: SchemeOutcome(FP32, "reference", "the graph as exported", reference_bytes)}
    for candidate in candidates:
        times = candidate.variant.bytes / min(size.values())
        status: Status = "larger" if times > _SAME_SIZE else "not_judged"
        rows[candidate.scheme] = _row(candidate).became(status, f"{times:.2f} times the size of the smallest")
    return Ranking(order, rows)


def by_preference(
    best_first: Sequence[str], preferred: Sequence[str], worse: Callable[[str, str], bool]
) -> tuple[str, ...]:
    """Orders names so that of those that are not clearly worse than the best left the preferred one goes first.

    Args:
        best_first: The names, by their figures.
        preferred: All names in the order that decides between equals.
        worse: Whether the first is clearly worse than the second.
    """
    left, order = list(best_first), []
    while left:
        equal = [name for name in left if name == left[0] or not worse(name, left[0])]
        order.append(min(equal, key=preferred.index))
        left.remove(order[-1])
    return tuple(order)


def _rank_by_time(shop: Workshop, candidates: Sequence[Candidate], until: float) -> Ranking:
    open_with(shop, [candidate.variant for candidate in candidates])
    watch = Stopwatch(
        bundle=shop.folder,
        objective=shop.settings.objective,
        texts=shop.texts,
        threads=usable_threads(),
        reference=FP32,
        until=until,
        progress=shop.progress,
    )
    names = [candidate.scheme for candidate in candidates]
    timings = halve(names, watch, FINALISTS)
    last = max((timing.rung for timing in timings.values()), default=0)
    finalists = [name for name, timing in timings.items() if timing.rung == last]
    change = changes(shop, finalists)
    preferred = by_change(candidates, change)
    order = by_preference(finalists, preferred, partial(_clearly_slower, timings))
    rows = {FP32: _reference_row(shop, watch, timings, finalists)}
    rows |= {one.scheme: _timed_row(one, timings.get(one.scheme), watch) for one in candidates}
    rows |= {name: replace(rows[name], change=value) for name, value in change.items()}
    as_fast = {name for name in finalists if _no_faster(timings[name], watch.reference_rounds)}
    return Ranking(order, rows, frozenset(as_fast))


def by_change(candidates: Sequence[Candidate], changes: Mapping[str, float]) -> list[str]:
    """Orders the candidates by preference where their times do not: the registry decides only between equals."""

    def rank(candidate: Candidate) -> tuple[bool, float]:
        return candidate.variant.precision == "fp32", changes.get(candidate.scheme, 0.0)

    return [candidate.scheme for candidate in sorted(candidates, key=rank)]


def _reference_row(
    shop: Workshop, watch: Stopwatch, timings: Mapping[str, Timing], finalists: Sequence[str]
) -> SchemeOutcome:
    size = shop.manifest.variant(FP32).bytes
    if not watch.reference_rounds or not finalists:
        return SchemeOutcome(FP32, "reference", watch.failed.get(FP32, "the graph as exported"), size)
    fastest = timings[finalists[0]]
    against = compare(watch.reference_rounds, fastest.rounds)
    cost = mean_ratio(watch.reference_rounds)
    return SchemeOutcome(FP32, "reference", "the graph as exported", size, cost, against, fastest.rung)


def _timed_row(candidate: Candidate, timing: Timing | None, watch: Stopwatch) -> SchemeOutcome:
    row = _row(candidate)
    if timing is None:
        return row.became("failed", f"it could not be timed: {watch.failed[candidate.scheme]}")
    times = timing.ratio
    factor = f"{times.value:.2f} times ({times.low:.2f} to {times.high:.2f})"
    reason = f"{factor} the time of the fastest, over {len(timing.rounds)} rounds"
    row = row.became("slower" if times.low > 1 else "not_judged", reason)
    return replace(row, cost_ms=timing.cost_ms, ratio=times, rung=timing.rung)


def _row(candidate: Candidate) -> SchemeOutcome:
    size, seconds = candidate.variant.bytes, candidate.build_seconds
    return SchemeOutcome(candidate.scheme, "not_judged", bytes=size, build_seconds=seconds)


def _clearly_slower(timings: Mapping[str, Timing], one: str, other: str) -> bool:
    return compare(timings[one].rounds, timings[other].rounds).low > 1


def _clearly_larger(size: Mapping[str, int], one: str, other: str) -> bool:
    return size[one] > _SAME_SIZE * size[other]


def _no_faster(timing: Timing, reference: Sequence[float]) -> bool:
    return bool(reference) and compare(timing.rounds, reference).high >= 1
