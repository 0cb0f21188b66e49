"""The bench itself: a process a row, one active at a time, in shuffled turns, on the same texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from edgetext.bench.accuracy import check_differences, with_differences
from edgetext.bench.heldout import HeldOut, describe_data
from edgetext.bench.measurement import Measurement, make_row
from edgetext.bench.plan import RowPlan, plan_beside, plan_rows
from edgetext.bench.registry import choose_backends
from edgetext.bench.results import MEASURED, DataInfo, Results
from edgetext.bench.schedule import Schedule
from edgetext.bench.settings import BenchSettings
from edgetext.checkpoint import open_checkpoint
from edgetext.measure.environment import capture_environment
from edgetext.measure.otherload import OtherLoad
from edgetext.progress import Progress, Silent
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.threads import usable_threads
from edgetext.task import SingleLabel


class BenchInterrupted(KeyboardInterrupt):
    """Ctrl-C came while rows were measured; whoever does not look at it sees a plain interruption.

    Attributes:
        results: What was measured so far; unfinished rows say so in their reason.
    """

    def __init__(self, results: Results) -> None:
        super().__init__()
        self.results = results


def run_bench(
    bundle: Path | str | None,
    baseline: Path | str | None,
    rows: HeldOut,
    *,
    beside: Path | str | None = None,
    settings: BenchSettings | None = None,
    progress: Progress | None = None,
) -> Results:
    """Measures a bundle and its baseline.

    Args:
        bundle: The bundle; ``None`` leaves its rows out.
        baseline: The checkpoint it was exported from; ``None`` leaves the torch rows out.
        rows: The held-out rows that every backend predicts (see ``heldout.find_held_out``).
        beside: Another bundle, to be measured in the same rounds; ``merge.split`` parts the two.
        settings: How much is measured, and with which backends.
        progress: Told of each step, and of each row that could not be measured.

    Raises:
        InputError: A model cannot be opened or does not know a row's label, or nothing can be measured.
        BenchInterrupted: Ctrl-C came after at least one row had a turn; it holds what there is.
    """
    settings = settings or BenchSettings()
    settings = replace(settings, threads=settings.threads or usable_threads())
    opened = open_bundle(bundle) if bundle else None
    checkpoint = open_checkpoint(Path(baseline)) if baseline else None
    chosen = choose_backends(settings.backends)
    plans = plan_rows(opened, checkpoint, chosen, settings.threads)
    if opened and beside:
        plans += plan_beside(open_bundle(beside), opened, chosen, settings.threads)
    task = opened.manifest.decides if opened else checkpoint.task if checkpoint else SingleLabel(())
    check_differences(task)
    data = describe_data(rows, task, str(bundle or baseline))
    return measure_plans(plans, rows, data, settings, progress)


def measure_plans(
    plans: Sequence[RowPlan],
    rows: HeldOut,
    data: DataInfo,
    settings: BenchSettings,
    progress: Progress | None = None,
) -> Results:
    """Measures rows that are already planned, over held-out rows and their description; ``threads`` is above 0.

    Raises:
        BenchInterrupted: Ctrl-C came after at least one row had a turn; it holds what there is.
    """
    measured = [Measurement(plan, settings) for plan in plans]
    environment = capture_environment(settings.threads)
    others = OtherLoad()
    schedule = Schedule(measured, [example.text for example in rows.examples], settings, progress or Silent())
    whole = schedule.run()
    found = [make_row(one, data) for one in measured]
    results = Results(
        environment={**environment, "other_load_cores": others.cores()},
        data=data,
        settings=settings.to_json(),
        run=uuid4().hex,
        rows=with_differences(found, data),
    )
    if whole:
        return results
    if any(row.status == MEASURED for row in found):
        raise BenchInterrupted(results)
    raise KeyboardInterrupt
