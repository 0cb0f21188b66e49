"""Which candidates are best at the objective: an order to put them to the gate in, and a row for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from edgetext.export.candidates import FP32, Candidate, Workshop
from edgetext.export.halving import Estimate, Timing, clearly_slower, compare, halve
from edgetext.export.record import Row, Status
from edgetext.export.timing import Stopwatch
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
    rows: Mapping[str, Row]
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
    rows = {FP32: Row(FP32, "reference", "the graph as exported", reference_bytes)}
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
    shop.open([candidate.variant for candidate in candidates])
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
    changes = shop.changes(finalists)
    preferred = by_change(candidates, changes)
    order = by_preference(finalists, preferred, lambda one, other: clearly_slower(timings[one], timings[other]))
    rows = {FP32: _reference_row(shop, watch, timings, finalists)}
    rows |= {one.scheme: _timed_row(one, timings.get(one.scheme), watch) for one in candidates}
    rows |= {name: replace(rows[name], change=change) for name, change in changes.items()}
    as_fast = {name for name in finalists if _no_faster(timings[name], watch.reference_rounds)}
    return Ranking(order, rows, frozenset(as_fast))


def by_change(candidates: Sequence[Candidate], changes: Mapping[str, float]) -> list[str]:
    """Orders the candidates by preference where their times do not: the registry decides only between equals."""

    def rank(candidate: Candidate) -> tuple[bool, float]:
        return candidate.variant.precision == "fp32", changes.get(candidate.scheme, 0.0)

    return [candidate.scheme for candidate in sorted(candidates, key=rank)]


def _reference_row(
    shop: Workshop, watch: Stopwatch, timings: Mapping[str, Timing], finalists: Sequence[str]
) -> Row:
    size = shop.manifest.variant(FP32).bytes
    if not watch.reference_rounds or not finalists:
        return Row(FP32, "reference", watch.failed.get(FP32, "the graph as exported"), size)
    fastest = timings[finalists[0]]
    against = compare(watch.reference_rounds, fastest.rounds)
    cost = Timing(watch.reference_rounds, fastest.rung, against).estimate
    return Row(FP32, "reference", "the graph as exported", size, cost, against, fastest.rung)


def _timed_row(candidate: Candidate, timing: Timing | None, watch: Stopwatch) -> Row:
    row = _row(candidate)
    if timing is None:
        return row.became("failed", f"it could not be timed: {watch.failed[candidate.scheme]}")
    times = timing.ratio
    return Row(
        scheme=row.scheme,
        status="slower" if times.low > 1 else "not_judged",
        reason=f"{_times(times)} the time of the fastest, over {len(timing.rounds)} rounds",
        bytes=row.bytes,
        cost_ms=timing.estimate,
        ratio=times,
        rung=timing.rung,
        build_seconds=row.build_seconds,
    )


def _row(candidate: Candidate) -> Row:
    return Row(candidate.scheme, "not_judged", bytes=candidate.variant.bytes, build_seconds=candidate.build_seconds)


def _clearly_larger(size: Mapping[str, int], one: str, other: str) -> bool:
    return size[one] > _SAME_SIZE * size[other]


def _no_faster(timing: Timing, reference: Sequence[float]) -> bool:
    return bool(reference) and compare(timing.rounds, reference).high >= 1


def _times(ratio: Estimate) -> str:
    return f"{ratio.value:.2f} times ({ratio.low:.2f} to {ratio.high:.2f})"
