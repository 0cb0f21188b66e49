"""The search: every scheme that fits is built, the best by the objective go to the gate, one is taken."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from edgetext.export.gate import Verdict, error_parts, judge, look_confidence, one_sided
from edgetext.export.ranking import FINALISTS, Ranking, rank
from edgetext.export.record import SchemeOutcome, SearchRecord
from edgetext.export.rescue import Rescue, Trial, rescue
from edgetext.export.schemes.registry import find_scheme
from edgetext.export.workshop import (
    FP32,
    Candidate,
    Workshop,
    build,
    file_answers,
    gate_answers,
    make_variant,
    open_with,
    with_integer_share,
)
from edgetext.measure.environment import capture_environment
from edgetext.measure.otherload import OtherLoad, disturbs, others
from edgetext.metrics.changed import bound_changed
from edgetext.metrics.paired import PairedCounts, score_difference
from edgetext.runtime.manifest import Variant
from edgetext.runtime.threads import usable_threads
from edgetext.task import FloatArray

_BUILDING_SHARE = {"latency": 0.6, "throughput": 0.6, "size": 0.9}
"""Of the search's time; what is left goes to timing, which a search by size does without, and to the gate. Schemes
are built in the registry's order, which is that of their promise, so that those for which there is no time are the
least likely to win."""


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    """Notes how long what is done inside the block took."""
    begin = time.monotonic()
    try:
        yield
    finally:
        seconds[part] = time.monotonic() - begin


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        variant: The model to ship, in the workshop; ``None`` where the gate let none through.
        record: All that was tried.
        reference: The answers that candidates were held against.
        verdict: What the gate said of it, if it was asked.
        answers: Those of the model to ship to the held-out texts; ``None`` where they were not kept.
    """

    variant: Variant | None
    record: SearchRecord
    reference: FloatArray
    verdict: Verdict | None = None
    answers: FloatArray | None = None


def search(shop: Workshop) -> Found:
    """Searches for the model that is best at the objective on this machine, among those that the gate lets through.

    Args:
        shop: What candidates are made from and judged on; all of them are left in it.
    """
    settings, threads = shop.settings, usable_threads()
    seconds: dict[str, float] = {}
    begin = time.monotonic()
    environment = capture_environment(threads)
    with _timed(seconds, "building"):
        candidates, refused = _build(shop, begin + _BUILDING_SHARE[settings.objective] * settings.search_seconds)
    load = OtherLoad()
    with _timed(seconds, "timing"):
        ranking = rank(shop, candidates, begin + settings.search_seconds)
    environment["other_load_cores"] = load.cores()
    with _timed(seconds, "gate"):
        judged = _choose(shop, candidates, ranking)
    rows = {**judged.rows, **{row.scheme: row for row in refused}}
    record = SearchRecord(
        objective=settings.objective,
        rows=tuple(rows[name] for name in (FP32, *settings.schemes)),
        chosen=judged.shipped.scheme if judged.shipped else FP32,
        remarks=_remarks(judged.shipped, ranking, refused, environment),
        environment=environment,
        settings=settings.to_json(),
        seconds={**seconds, "total": time.monotonic() - begin},
        rescue=judged.rescue.to_json() if judged.rescue else None,
    )
    answers = judged.answers.get(judged.best) if judged.best else None
    return Found(judged.shipped, record, judged.reference, judged.verdict, answers)


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


def _choose(shop: Workshop, candidates: Sequence[Candidate], ranking: Ranking) -> _Judging:
    """Puts the best candidates to the gate and takes the first that passed, or else the first undecided one.

    How many looks at the texts there may be, and which part of the error each has, is settled before the first.
    Only where every one of them is refused do the next candidates get a look, and then the rescue.

    Args:
        shop: What they are judged on.
        candidates: All that were built.
        ranking: Their order.
    """
    variants = {candidate.scheme: candidate.variant for candidate in candidates}
    open_with(shop, list(variants.values()))
    judging = _Judging(shop, dict(ranking.rows))
    looks = planned_looks(
        len(shop.texts), len(ranking.order), shop.settings.max_drop, unlabelled=len(shop.unlabelled)
    )
    first = ranking.order[:looks]
    judging.look(first, error_parts(looks)[: len(first)])  # none where no candidate could be built
    if judging.best is None:
        others = ranking.order[looks:FINALISTS]
        judging.look(others, [looks + len(others)] * len(others))
    if judging.best is None:
        _mend(judging, variants)
    else:
        chosen = judging.rows[judging.best]
        judging.rows[judging.best] = chosen.became("chosen", chosen.reason)
        judging.verdict = chosen.verdict
        judging.shipped = _shipped(variants[judging.best], chosen.verdict)
    return judging


def planned_looks(texts: int, candidates: int, max_drop: float, *, unlabelled: int = 0) -> int:
    """How many candidates the texts can bear: even the last look passes one without a changed answer.

    At least 1, and at most ``FINALISTS``: with one point of margin 381 texts bear one look, 741 four; where some
    have no labels, 437 and 643.

    Args:
        texts: How many held-out texts there are.
        candidates: How many could be judged.
        max_drop: The margin.
        unlabelled: How many texts without labels there are beside them.
    """

    def enough(looks: int) -> bool:
        confidence = look_confidence(max(error_parts(looks)), 2 if unlabelled else 1)
        if -score_difference(PairedCounts(texts, 0, 0, 0), confidence).low < max_drop:
            return True
        return bool(unlabelled) and bound_changed(0, texts + unlabelled, one_sided(confidence)).at_most < max_drop

    looks = 1
    while looks < min(FINALISTS, candidates) and enough(looks + 1):
        looks += 1
    return looks


class _Judging:
    """The gate's looks, and what they left: the model to ship, if any, the rows of all, and the rescue, if any.

    Args:
        shop: What is judged, and on what.
        rows: What is known of each candidate so far.
    """

    def __init__(self, shop: Workshop, rows: dict[str, SchemeOutcome]) -> None:
        self.shop, self.rows = shop, rows
        self.looks = 0
        self.verdict: Verdict | None = None
        self.best: str | None = None
        self.shipped: Variant | None = None
        self.rescue: Rescue | None = None
        self.answers: dict[str, FloatArray] = {}

    @cached_property
    def reference(self) -> FloatArray:
        """The fp32 model's answers, as exported."""
        return gate_answers(self.shop, FP32) if self.shop.reference is None else self.shop.reference

    def judge(self, answers: FloatArray, comparisons: int) -> Verdict:
        """The gate's verdict, with one of so many parts of its error."""
        shop, rows = self.shop, len(self.shop.truth)
        return judge(
            shop.task,
            self.reference[:rows],
            answers[:rows],
            shop.truth,
            shop.settings.max_drop,
            comparisons=comparisons,
            unlabelled=(self.reference[rows:], answers[rows:]) if shop.unlabelled else None,
            against=shop.against,
        )

    def look(self, names: Sequence[str], parts: Sequence[int]) -> None:
        """Judges these candidates, each with its part of the error, and notes the best that is let through."""
        self.looks += len(names)
        for name, part in zip(names, parts, strict=True):
            self.answers[name] = gate_answers(self.shop, name)
            verdict = self.judge(self.answers[name], part)
            row = self.rows[name].became(verdict.decision, verdict.sentence)
            self.rows[name] = replace(row, verdict=verdict)
            self.shop.progress.note(f"{name}: {verdict.sentence}")
        wanted = ["passed"] if self.shop.settings.strict else ["passed", "undecided"]
        for status in wanted:
            good = [name for name in names if self.rows[name].status == status]
            self.best = self.best or (good[0] if good else None)


def _mend(judging: _Judging, variants: Mapping[str, Variant]) -> None:
    """Tries to mend the int8 candidate that lost least."""
    judged = {name: row.verdict.loss for name, row in judging.rows.items() if row.verdict}
    losses = {name: loss for name, loss in judged.items() if variants[name].precision != "fp32"}
    if not losses:
        return
    shop, name = judging.shop, min(losses, key=lambda name: losses[name])
    if shop.against and (fp32 := judging.judge(gate_answers(shop, FP32), judging.looks)).decision == "failed":
        points = f"{100 * fp32.loss:.2f} points of {fp32.metric}"
        shop.progress.note(f"fp32 itself loses {points} against {shop.against.name}: no layer in fp32 would help")
        return
    shop.progress.note(f"no candidate was let through: looking for the layers of {name} that must stay fp32")
    trial = Trial(
        shop.judged_texts,
        partial(file_answers, shop),
        lambda answers, looks: judging.judge(answers, judging.looks + looks),
        shop.settings.strict,
    )
    target = shop.folder / f"{name}-rescued.onnx"
    found = rescue(shop.source, find_scheme(name).build, target, trial, progress=shop.progress)
    judging.rescue = found
    if not found.succeeded:
        return
    precision = variants[name].precision
    mended = with_integer_share(
        make_variant(shop.folder, name, target.name, precision=precision, session=found.session), shop.folder
    )
    reason = f"with {len(found.kept)} layers back in fp32 {found.verdict.sentence}"
    judging.rows[name] = SchemeOutcome(name, "chosen", reason, bytes=mended.bytes, verdict=found.verdict)
    judging.verdict = found.verdict
    judging.shipped = _shipped(mended, found.verdict, kept_fp32=list(found.kept))


def _shipped(variant: Variant, verdict: Verdict | None, **more: Any) -> Variant:
    return replace(variant, evaluation={**variant.evaluation, **(verdict.to_json() if verdict else {}), **more})


def _remarks(
    best: Variant | None, ranking: Ranking, refused: list[SchemeOutcome], environment: dict[str, object]
) -> tuple[str, ...]:
    remarks = []
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
