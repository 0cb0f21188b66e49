"""The gate over the best candidates, and the choice among those that it lets through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from edgetext.export.candidates import Candidate, file_answers, gate_answers, open_with
from edgetext.export.gate import Probabilities, Verdict, judge
from edgetext.export.ranking import FINALISTS, Ranking
from edgetext.export.record import SchemeOutcome
from edgetext.export.rescue import Rescue, Trial, rescue
from edgetext.export.schemes.registry import find_scheme
from edgetext.export.workshop import FP32, Workshop, make_variant
from edgetext.metrics.paired import CONFIDENCE, PairedCounts, score_difference
from edgetext.runtime.manifest import Variant


@dataclass(frozen=True)
class Choice:
    """What the gate left.

    Attributes:
        best: The model to ship, with the gate's verdict in it; ``None`` where none was let through.
        rows: By scheme, all outcomes included.
        rescue: How layers were given back to fp32, where every candidate had failed.
    """

    best: Variant | None
    rows: Mapping[str, SchemeOutcome]
    rescue: Rescue | None = None


def choose(shop: Workshop, candidates: Sequence[Candidate], ranking: Ranking) -> Choice:
    """Puts the best candidates to the gate and takes the first that passed, or else the first undecided one.

    How many looks at the texts there may be is settled before the first, and each verdict allows for all of them.
    Only where every one of them is refused do the next candidates get a look, and then the rescue.

    Args:
        shop: What they are judged on.
        candidates: All that were built.
        ranking: Their order.
    """
    variants = {candidate.scheme: candidate.variant for candidate in candidates}
    open_with(shop, list(variants.values()))
    judging = _Judging(shop, dict(ranking.rows))
    looks = planned_looks(len(shop.texts), len(ranking.order), shop.settings.max_drop)
    judging.look(ranking.order[:looks])
    if judging.best is None:
        judging.look(ranking.order[looks:FINALISTS])
    if judging.best is None:
        return _rescued(judging, variants)
    chosen = judging.rows[judging.best]
    judging.rows[judging.best] = chosen.became("chosen", chosen.reason)
    return Choice(_shipped(variants[judging.best], chosen.verdict), judging.rows)


def planned_looks(texts: int, candidates: int, max_drop: float) -> int:
    """How many candidates the texts can bear: with so many looks one without a changed answer still passes.

    At least 1, and at most ``FINALISTS``: with one point of margin 381 texts bear one look, 618 four.

    Args:
        texts: How many held-out texts there are.
        candidates: How many could be judged.
        max_drop: The margin.
    """
    unchanged = PairedCounts(texts, 0, 0, 0)
    looks = 1
    while looks < min(FINALISTS, candidates):
        if -score_difference(unchanged, 1 - (1 - CONFIDENCE) / (looks + 1)).low >= max_drop:
            break
        looks += 1
    return looks


class _Judging:
    """The gate's looks so far."""

    def __init__(self, shop: Workshop, rows: dict[str, SchemeOutcome]) -> None:
        self.shop, self.rows = shop, rows
        self.looks = 0
        self.best: str | None = None

    @cached_property
    def reference(self) -> Probabilities:
        """The fp32 model's answers, as exported."""
        return gate_answers(self.shop, FP32) if self.shop.reference is None else self.shop.reference

    def judge(self, answers: Probabilities, looks: int) -> Verdict:
        """The gate's verdict, where there are so many looks in all."""
        shop = self.shop
        return judge(
            self.reference,
            answers,
            shop.truth,
            shop.settings.max_drop,
            comparisons=looks,
            thresholds=shop.manifest.thresholds,
        )

    def look(self, names: Sequence[str]) -> None:
        """Judges these candidates, and notes the best of them that is let through."""
        self.looks += len(names)
        for name in names:
            verdict = self.judge(gate_answers(self.shop, name), self.looks)
            self.rows[name] = replace(
                self.rows[name], status=verdict.decision, reason=verdict.sentence, verdict=verdict
            )
            self.shop.progress.note(f"{name}: {verdict.sentence}")
        wanted = ["passed"] if self.shop.settings.strict else ["passed", "undecided"]
        for status in wanted:
            good = [name for name in names if self.rows[name].status == status]
            self.best = self.best or (good[0] if good else None)


def _rescued(judging: _Judging, variants: Mapping[str, Variant]) -> Choice:
    """Tries to mend the int8 candidate that lost least."""
    judged = {name: row.verdict.loss for name, row in judging.rows.items() if row.verdict}
    losses = {name: loss for name, loss in judged.items() if variants[name].precision != "fp32"}
    if not losses:
        return Choice(None, judging.rows)
    shop, name = judging.shop, min(losses, key=lambda name: losses[name])
    shop.progress.note(f"no candidate was let through: looking for the layers of {name} that must stay fp32")
    trial = Trial(
        shop.texts,
        partial(file_answers, shop),
        lambda answers, looks: judging.judge(answers, judging.looks + looks),
        shop.settings.strict,
    )
    target = shop.folder / f"{name}-rescued.onnx"
    found = rescue(shop.source, find_scheme(name).build, target, trial, progress=shop.progress)
    if not found.succeeded:
        return Choice(None, judging.rows, found)
    precision = variants[name].precision
    mended = make_variant(shop.folder, name, target.name, precision=precision, session=found.session)
    reason = f"with {len(found.kept)} layers back in fp32 {found.verdict.sentence}"
    judging.rows[name] = SchemeOutcome(name, "chosen", reason, bytes=mended.bytes, verdict=found.verdict)
    return Choice(_shipped(mended, found.verdict, kept_fp32=list(found.kept)), judging.rows, found)


def _shipped(variant: Variant, verdict: Verdict | None, **more: Any) -> Variant:
    return replace(variant, evaluation={**(verdict.to_json() if verdict else {}), **more})
