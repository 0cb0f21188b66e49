"""The bench itself: a process a row, one active at a time, in shuffled turns, on the same texts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgetext.bench.accuracy import with_differences
from edgetext.bench.cells import status_text
from edgetext.bench.heldout import HeldOut
from edgetext.bench.measuring import Measurement
from edgetext.bench.plan import plan_rows
from edgetext.bench.registry import choose_backends
from edgetext.bench.results import DataInfo, Results
from edgetext.bench.rows import make_row
from edgetext.bench.settings import BenchSettings
from edgetext.checkpoint import open_checkpoint
from edgetext.data.evaluation import check_labels
from edgetext.errors import DataError
from edgetext.measure.environment import capture_environment
from edgetext.measure.otherload import OtherLoad
from edgetext.measure.turns import shuffled_turns
from edgetext.progress import Progress, Silent
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.threads import usable_threads

_SETTLE_S = 0.05  # the threads of the program before may still spin for some milliseconds


def run_bench(
    bundle: Path | None,
    baseline: Path | None,
    rows: HeldOut,
    *,
    settings: BenchSettings | None = None,
    backends: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Results:
    """Measures a bundle and its baseline.

    Args:
        bundle: The bundle; ``None`` leaves its rows out.
        baseline: The checkpoint it was exported from; ``None`` leaves the torch rows out.
        rows: The held-out rows that every backend predicts (see ``heldout.find_held_out``).
        settings: How much is measured.
        backends: Names from the registry; all by default.
        progress: Told of each step, and of each row that could not be measured.

    Raises:
        InputError: A model cannot be opened or does not know a row's label, or nothing can be measured.
    """
    settings = settings or BenchSettings()
    settings = replace(settings, threads=settings.threads or usable_threads())
    opened = open_bundle(bundle) if bundle else None
    checkpoint = open_checkpoint(baseline) if baseline else None
    plans = plan_rows(opened, checkpoint, choose_backends(backends), settings.threads)
    labels = opened.manifest.labels if opened else checkpoint.labels if checkpoint else ()
    data = describe_data(rows, labels, str(bundle or baseline))
    measured = [Measurement(plan, settings) for plan in plans]
    environment = capture_environment(settings.threads, usable_threads())
    others = OtherLoad()
    _measure(measured, [example.text for example in rows.examples], settings, progress or Silent())
    return Results(
        environment={**environment, "other_load_cores": others.cores()},
        data=data,
        settings=settings.to_json(),
        rows=with_differences([make_row(one, data) for one in measured], data.expected),
    )


def describe_data(rows: HeldOut, labels: Sequence[str], owner: str) -> DataInfo:
    """Describes the held-out rows without their texts.

    Args:
        rows: The rows.
        labels: The labels that the models know, in the order of their indices.
        owner: What to call the models in an error.

    Raises:
        DataError: There is no row, or one has a label that the models do not know.
    """
    if not rows.examples:
        raise DataError(f"{rows.name}: there is no row to predict")
    check_labels(rows.examples, labels, owner)
    index = {label: number for number, label in enumerate(labels)}
    return DataInfo(
        name=rows.name,
        fingerprint=rows.fingerprint,
        rows=len(rows.examples),
        labels=tuple(labels),
        expected=tuple(index[example.label] for example in rows.examples),
        note=rows.note,
    )


def _measure(
    measured: Sequence[Measurement], texts: list[str], settings: BenchSettings, progress: Progress
) -> None:
    """Starts every row, gives them their turns, and leaves no process behind, whatever happens."""
    total = len(measured) * (settings.rounds + 1)
    try:
        for done, one in enumerate(measured):
            progress.step("bench", done, total)
            one.begin(texts)
            _tell(one, progress)
        for done, turn in enumerate(shuffled_turns(measured, settings.rounds, settings.seed), len(measured)):
            progress.step("bench", done, total)
            one = measured[turn.index]
            if one.error is None:
                time.sleep(_SETTLE_S)
                one.turn(turn.round, texts)
                _tell(one, progress)
        for one in measured:
            one.end()
        progress.step("bench", total, total)
    finally:
        for one in measured:
            one.stop(at_once=True)


def _tell(one: Measurement, progress: Progress) -> None:
    if one.error is not None:
        progress.note(f"{one.plan.name}: {status_text(one.error.status, str(one.error))}")
