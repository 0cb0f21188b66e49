"""The search: every scheme that fits is built, the best by the objective go to the gate, one is taken."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from edgetext.export.candidates import Candidate, build
from edgetext.export.choosing import Choice, choose
from edgetext.export.ranking import Ranking, rank
from edgetext.export.record import SchemeOutcome, SearchRecord
from edgetext.export.workshop import FP32, Workshop
from edgetext.measure.environment import capture_environment
from edgetext.measure.otherload import OtherLoad, disturbs, others
from edgetext.runtime.manifest import Variant
from edgetext.runtime.threads import usable_threads

_BUILDING_SHARE = {"latency": 0.6, "throughput": 0.6, "size": 0.9}
"""Of the search's time; what is left goes to timing, which a search by size does without, and to the gate. Schemes
are built in the registry's order, which is that of their promise, so that those for which there is no time are the
least likely to win."""


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        best: The model to ship, in the workshop; ``None`` where the gate let none through.
        record: All that was tried.
    """

    best: Variant | None
    record: SearchRecord


@dataclass
class _Clock:
    """How long each part took, in seconds."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Counts what is done inside the block to this part."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - begin


def search(shop: Workshop) -> Found:
    """Searches for the model that is best at the objective on this machine, among those that the gate lets through.

    Args:
        shop: What candidates are made from and judged on; all of them are left in it.

    Raises:
        InputError: What was given cannot be used.
    """
    settings, threads, clock = shop.settings, usable_threads(), _Clock()
    begin = time.monotonic()
    environment = capture_environment(threads, threads)
    with clock.part("building"):
        candidates, refused = _build(shop, begin + _BUILDING_SHARE[settings.objective] * settings.search_seconds)
    others = OtherLoad()
    with clock.part("timing"):
        ranking = rank(shop, candidates, begin + settings.search_seconds)
    environment["other_load_cores"] = others.cores()
    with clock.part("gate"):
        choice = choose(shop, candidates, ranking)
    rows = {**choice.rows, **{row.scheme: row for row in refused}}
    record = SearchRecord(
        objective=settings.objective,
        rows=tuple(rows[name] for name in (FP32, *settings.schemes)),
        chosen=choice.best.scheme if choice.best else FP32,
        remarks=_remarks(choice, ranking, refused, environment),
        environment=environment,
        settings=settings.to_json(),
        seconds={**clock.seconds, "total": time.monotonic() - begin},
        rescue=choice.rescue.to_json() if choice.rescue else None,
    )
    return Found(choice.best, record)


def _build(shop: Workshop, until: float) -> tuple[list[Candidate], list[SchemeOutcome]]:
    """Builds in the given order while there is time; the first is built in any case."""
    candidates: list[Candidate] = []
    others: list[SchemeOutcome] = []
    schemes = shop.settings.schemes
    for done, scheme in enumerate(schemes):
        shop.progress.step("building candidates", done, len(schemes))
        if candidates and time.monotonic() > until:
            reason = "the time for building was used up (--search-seconds)"
            others.append(SchemeOutcome(scheme, "not_tried", reason))
            continue
        made = build(shop, scheme)
        if isinstance(made, Candidate):
            candidates.append(made)
        else:
            others.append(made)
    shop.progress.step("building candidates", len(schemes), len(schemes))
    return candidates, others


def _remarks(
    choice: Choice, ranking: Ranking, refused: list[SchemeOutcome], environment: dict[str, object]
) -> tuple[str, ...]:
    remarks = []
    best = choice.best
    if best and best.precision == "fp32":
        remarks.append(f"int8 is not faster on this machine: {best.scheme}, which is fp32, was taken")
    elif best and best.scheme in ranking.fp32_is_as_fast:
        remarks.append(f"int8 is smaller, and not faster than fp32 on this machine: see {best.scheme} and fp32")
    left_out = [row.scheme for row in refused if row.status == "not_tried"]
    if left_out:
        remarks.append(f"the search was cut short: there was no time for {', '.join(left_out)} (--search-seconds)")
    if any(row.cost_ms for row in ranking.rows.values()) and disturbs(environment):
        remarks.append(others(environment))
    return tuple(remarks)
