"""The bench itself: a process a row, one active at a time, in shuffled turns, on the same texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from edgetext.bench.accuracy import check_differences, with_differences
from edgetext.bench.heldout import HeldOut, describe_data
from edgetext.bench.measurement import Measurement, make_row
from edgetext.bench.models import open_models
from edgetext.bench.plan import RowPlan, plan_rows
from edgetext.bench.registry import choose_backends
from edgetext.bench.results import MEASURED, DataInfo, Results
from edgetext.bench.schedule import Schedule
from edgetext.bench.settings import BenchSettings
from edgetext.measure.environment import capture_environment
from edgetext.measure.otherload import OtherLoad
from edgetext.progress import Progress, Silent
from edgetext.runtime.threads import usable_threads


class BenchInterrupted(KeyboardInterrupt):
    """Ctrl-C came while rows were measured; whoever does not look at it sees a plain interruption.

    Attributes:
        results: What was measured so far; unfinished rows say so in their reason.
    """

    def __init__(self, results: Results) -> None:
        super().__init__()
        self.results = results


def run_bench(
    models: Path | str | Sequence[Path | str] | None,
    baseline: Path | str | None,
    rows: HeldOut,
    *,
    settings: BenchSettings | None = None,
    progress: Progress | None = None,
) -> Results:
    """Measures any number of bundles and checkpoints in the same rounds, and the baseline.

    Args:
        models: A bundle or a checkpoint, or several of them, each of which has a row then (see ``plan.plan_rows``);
            ``None`` for the baseline alone.
        baseline: The checkpoint that they are compared with; ``None`` leaves its torch rows out.
        rows: The held-out rows that every backend predicts (see ``heldout.find_held_out``).
        settings: How much is measured, and with which backends and variants.
        progress: Told of each step, and of each row that could not be measured.

    Raises:
        InputError: A model cannot be opened or does not know a row's label, they do not all know the same labels,
            or nothing can be measured.
        BenchInterrupted: Ctrl-C came after at least one row had a turn; it holds what there is.
    """
    settings = settings or BenchSettings()
    settings = replace(settings, threads=settings.threads or usable_threads())
    paths = [models] if isinstance(models, Path | str) else models or []
    opened = open_models(paths, baseline)
    plans = plan_rows(opened, choose_backends(settings.backends), settings)
    task = opened[0].task
    check_differences(task)
    data = describe_data(rows, task, str(paths[0] if paths else baseline))
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
