"""The first stage of a bundle: made, trusted as far as the gate lets it, timed, and taken or left out.

It is a table of word vectors (``edgetext.static``) that is asked before the model. How sure it must be is chosen on
the gate's rows (``edgetext.metrics.trust``), and the verdict on both together is the gate's own, with the part of
its error that the model had. ``docs/first-stage.md`` has the whole method.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from edgetext.checkpoint import Checkpoint
from edgetext.data.held_out import held_out
from edgetext.errors import DataError, ModelError
from edgetext.export.gate import Verdict, judge, look_confidence
from edgetext.export.record import FIRST_STAGE_ROW, SchemeOutcome, SearchRecord
from edgetext.export.search import Found
from edgetext.export.timing import Durations, compare, time_side_by_side
from edgetext.export.workshop import FP32, Workshop, gate_answers, open_with
from edgetext.files import sha256
from edgetext.measure.process import WorkerError
from edgetext.metrics.trust import Cascade, Choice, certainty, choose_margin
from edgetext.runtime.bundle import Bundle, write_manifest
from edgetext.runtime.encode import Encoder, load_tokenizer
from edgetext.runtime.graph import Graph
from edgetext.runtime.manifest import FirstStage
from edgetext.runtime.predictor import Predictor
from edgetext.runtime.static import FIRST_STAGE_FILE, StaticModel, StaticTable, read_static, write_static
from edgetext.runtime.threads import usable_threads

if TYPE_CHECKING:
    from edgetext.data.example import Example
    from edgetext.runtime.manifest import Variant
    from edgetext.task import FloatArray, Text

_STEP = "first stage: the model's answers"
_MOST_TOKENS = 300_000  # that the model reads of the training rows: half a minute's worth for MiniLM on two cores
_CHUNK = 256
_SEED = 42

Maker = Callable[[Workshop], tuple[StaticTable, tuple[str, ...]]]
"""Makes a table for a workshop's tokenizer, and names the labels that it should not be trusted with; a
``ModelError`` says why there can be none."""


def learned_from(checkpoint: Checkpoint, unlabelled: Sequence[Text] = ()) -> Maker:
    """Makes first stages out of a checkpoint's encoder and the fp32 graph's answers.

    Args:
        checkpoint: Its training rows are learned from.
        unlabelled: So are these texts, whose answers alone teach. They may be those that the gate looked at: a
            first stage is judged on labelled rows alone.
    """

    def make(shop: Workshop) -> tuple[StaticTable, tuple[str, ...]]:
        from edgetext.static.fit import Lesson, StaticSettings, fit_static

        rows = _training_rows(checkpoint)
        seed = checkpoint.split.seed if checkpoint.split else _SEED
        texts = [*(row.text for row in rows), *unlabelled]
        labels = [*(row.labels for row in rows), *(None for _ in unlabelled)]
        lesson = Lesson(texts, labels, _model_answers(shop, texts, seed))
        settings = StaticSettings(shop.settings.first_stage_mb, seed)
        fitted = fit_static(
            checkpoint, (shop.folder / "tokenizer.json").read_bytes(), lesson, settings, shop.progress
        )
        return fitted.table, fitted.withheld

    return make


def kept_from(bundle: Bundle) -> Maker | None:
    """Takes over the first stage of a bundle, whose margin is chosen anew; ``None`` where it has none."""
    first = bundle.manifest.first_stage
    if first is None:
        return None

    def make(_: Workshop) -> tuple[StaticTable, tuple[str, ...]]:
        with closing(bundle.first_stage(first)) as held:
            return read_static(held), first.withheld

    return make


@dataclass(frozen=True)
class StageOutcome:
    """What came of the first stage.

    Attributes:
        stage: For the manifest; ``None`` where it was left out. Its file lies in the workshop.
        record: The search's, with what was found here.
    """

    stage: FirstStage | None
    record: SearchRecord


def add_first_stage(shop: Workshop, found: Found, make: Maker | None) -> StageOutcome:
    """Makes a first stage and tries it, where the user wants one and the search left something to put it before.

    Args:
        shop: What the search was made in.
        found: What it found.
        make: Makes the table; ``None`` where nothing can.

    Returns:
        The stage, if it is taken, and the record with a row that says what came of it.
    """
    if not shop.settings.wants_first_stage:
        return StageOutcome(None, found.record)
    begin = time.monotonic()
    try:
        stage, row = _tried(shop, found, make)
    except _LeftOutError as error:
        stage, row = None, SchemeOutcome(FIRST_STAGE_ROW, "left_out", str(error))
    shop.progress.note(f"first stage: {row.reason}")
    seconds = {**found.record.seconds, "first_stage": time.monotonic() - begin}
    return StageOutcome(stage, replace(found.record, rows=(*found.record.rows, row), seconds=seconds))


class _LeftOutError(Exception):
    """There is nothing to judge; the message says why."""


@dataclass(frozen=True)
class _Stages:
    """A first stage before a model, and what both answer on the held-out texts."""

    shop: Workshop
    found: Found
    variant: Variant
    comparisons: int
    table: StaticTable
    withheld: tuple[str, ...]

    @cached_property
    def first(self) -> FloatArray:
        """The probabilities of the first stage."""
        encoder = Encoder(
            load_tokenizer((self.shop.folder / "tokenizer.json").read_bytes()),
            self.shop.manifest.max_length,
            Graph(("input_ids",), "int64", "logits"),
        )
        model = StaticModel(self.table)
        rows = [encoder.encode(text).ids for text in self.shop.texts]
        own = replace(self.shop.task, temperature=1.0)  # its logits are calibrated as they are
        return own.probabilities(np.stack([model.one(row) for row in rows]))

    @cached_property
    def model(self) -> FloatArray:
        """The probabilities of the model."""
        answers = self.found.answers
        if answers is None:
            open_with(self.shop, [self.variant])
            answers = gate_answers(self.shop, self.variant.name)
        return answers[: len(self.shop.truth)]

    @property
    def reference(self) -> FloatArray:
        """The probabilities that both are held against."""
        return self.found.reference[: len(self.shop.truth)]

    @cached_property
    def cascade(self) -> Cascade:
        """The answers of both, and of the model that they are held against."""
        task, against = self.shop.task, self.shop.against
        return Cascade(
            task,
            self.shop.truth,
            (against.task if against else task).answers(self.reference),
            task.answers(self.model),
            task.answers(self.first),
            certainty(task, self.first, self.withheld),
        )

    def choice(self) -> Choice:
        """The margin, chosen with the part of the error that the model passed by.

        That part is free again: if the model is bad, letting it through was the error already; if it is good, its
        part was not used up (F. Bretz, W. Maurer, W. Brannath, M. Posch, Statistics in Medicine 28, 2009).
        """
        return choose_margin(self.cascade, self.shop.settings.max_drop, look_confidence(self.comparisons))

    def verdict(self, margin: float) -> Verdict:
        """The gate's verdict on both together."""
        shop, chosen = self.shop, self.cascade.answered(margin)
        together = np.where(chosen[:, None], self.first, self.model)
        said = judge(
            shop.task,
            self.reference,
            together,
            shop.truth,
            shop.settings.max_drop,
            comparisons=self.comparisons,
            against=shop.against,
        )
        return replace(said, subject=f"the first stage with {self.variant.precision}")


def _tried(shop: Workshop, found: Found, make: Maker | None) -> tuple[FirstStage | None, SchemeOutcome]:
    """Makes it, and puts it to the gate and to the clock.

    Raises:
        _LeftOutError: There is nothing to try.
    """
    if found.variant is None:
        raise _LeftOutError("no model was let through that it could be put before")
    if make is None:
        raise _LeftOutError("the bundle has none to take over, and only 'edgetext export' can make one")
    if found.verdict is None or found.verdict.decision != "passed":
        raise _LeftOutError(
            f"{found.variant.precision} itself is not shown to lose less than the margin on {len(shop.texts)} "
            "held-out texts, so that nothing is put before it: give more with --data"
        )
    try:
        table, withheld = make(shop)
    except ModelError as error:
        raise _LeftOutError(f"none can be made: {error}") from error
    write_static(shop.folder / FIRST_STAGE_FILE, table)
    stages = _Stages(shop, found, found.variant, found.verdict.comparisons, table, withheld)
    choice = stages.choice()
    size = (shop.folder / FIRST_STAGE_FILE).stat().st_size
    row = SchemeOutcome(FIRST_STAGE_ROW, "left_out", choice.objection, size)
    if choice.margin is None:
        return None, _refused(stages, choice, row)
    return _timed(stages, choice.margin, row)


def _refused(stages: _Stages, choice: Choice, row: SchemeOutcome) -> SchemeOutcome:
    """Says what the gate says of the strictest margin, if there were enough texts to look at it."""
    if choice.refused is None:
        return row
    verdict = stages.verdict(choice.refused)
    why = f"{choice.objection} ({verdict.sentence})"
    return replace(row.became("left_out", why), verdict=verdict)


def _timed(stages: _Stages, margin: float, row: SchemeOutcome) -> tuple[FirstStage | None, SchemeOutcome]:
    """Holds both together against the model alone by the clock, and describes what is let through."""
    shop, verdict = stages.shop, stages.verdict(margin)
    row = replace(row, verdict=verdict)
    if verdict.decision != "passed":
        return None, row.became("left_out", verdict.sentence)
    stage = _describe(stages, margin, verdict)
    open_with(shop, [stages.variant])
    write_manifest(
        shop.folder, replace(shop.manifest, variants=(*shop.manifest.variants, stages.variant), first_stage=stage)
    )
    try:
        together, alone = _latencies(stages)
    except WorkerError as error:
        return None, row.became("left_out", f"it could not be timed: {error}")
    times = compare(alone.rounds, together.rounds)
    row = replace(row, cost_ms=together.mean_ms)
    how = f"{times.value:.2f} times ({times.low:.2f} to {times.high:.2f}) as fast in the mean as the model alone"
    if times.low <= 1 and shop.settings.first_stage != "require":
        return None, row.became("left_out", f"the two together are no faster: {how}")
    figures = {"together": _figures(together), "model_alone": _figures(alone), "times_faster": times.value}
    stage = replace(stage, evaluation={**stage.evaluation, "latency": figures})
    told = f"it answers {stage.coverage:.0%} of the held-out texts, {how}; {verdict.sentence}"
    return stage, row.became("taken", told)


def _describe(stages: _Stages, margin: float, verdict: Verdict) -> FirstStage:
    path, cascade = stages.shop.folder / FIRST_STAGE_FILE, stages.cascade
    answered = {
        "texts": int(cascade.answered(margin).sum()),
        "loss": cascade.loss_among_answered(margin),
    }
    return FirstStage(
        file=FIRST_STAGE_FILE,
        sha256=sha256(path),
        bytes=path.stat().st_size,
        margin=margin,
        variant=stages.variant.name,
        coverage=float(cascade.answered(margin).mean()),
        withheld=stages.withheld,
        evaluation={**verdict.to_json(), "answered": answered},
    )


def _latencies(stages: _Stages) -> list[Durations]:
    threads = usable_threads()
    spec: dict[str, Any] = {"bundle": str(stages.shop.folder), "variant": stages.variant.name, "threads": threads}
    shop, objective = stages.shop, stages.shop.settings.objective
    profile = "throughput" if objective == "throughput" else "latency"
    specs = [{**spec, "mode": profile, "first_stage": choice} for choice in ("auto", "off")]
    return time_side_by_side(specs, shop.texts, objective, threads, shop.progress)


def _figures(found: Durations) -> dict[str, float]:
    mean = found.mean_ms.value
    return {"mean_ms": round(mean, 4), "p50_ms": round(found.of.p50, 4), "p99_ms": round(found.of.p99, 4)}


def _training_rows(checkpoint: Checkpoint) -> tuple[Example, ...]:
    """The rows that the checkpoint was trained on.

    Raises:
        ModelError: They cannot be read again.
    """
    if checkpoint.split is None:
        raise ModelError("the checkpoint does not say which rows it was trained on")
    try:
        return held_out(checkpoint.split, "train")
    except DataError as error:
        raise ModelError(f"the training rows cannot be read: {error}") from error


def _model_answers(shop: Workshop, texts: Sequence[Text], seed: int) -> FloatArray:
    """Asks the fp32 graph about texts, about as many as there is time for; NaN for the others."""
    answers = np.full((len(texts), len(shop.task.labels)), np.nan, np.float32)
    order = random.Random(seed).sample(range(len(texts)), len(texts))
    open_with(shop, [])
    with Predictor(shop.folder, variant=FP32, profile="throughput") as classify:
        tokens, count = 0, 0
        while count < len(order) and tokens < _MOST_TOKENS:
            tokens += classify.count_tokens(texts[order[count]])
            count += 1
        for first in range(0, count, _CHUNK):
            shop.progress.step(_STEP, first, count)
            chosen = order[first : min(count, first + _CHUNK)]
            answers[chosen] = classify.predict_proba([texts[place] for place in chosen])
        shop.progress.step(_STEP, count, count)
    return answers
