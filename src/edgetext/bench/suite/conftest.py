"""A runner for each row that the given models allow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from edgetext.bench.accuracy import score
from edgetext.bench.backends._shared import task_of
from edgetext.bench.heldout import HeldOut, describe_data, find_held_out
from edgetext.bench.plan import RowPlan
from edgetext.bench.results import Proportion
from edgetext.bench.suite.plugin import PLANS
from edgetext.checkpoint import open_checkpoint
from edgetext.errors import MissingExtraError
from edgetext.measure.process import thread_environment
from edgetext.measure.runner import CannotMeasureError, Runner, answers, load_runner
from edgetext.metrics.report import metric_key
from edgetext.task import Text

_BATCH = 32


@dataclass(frozen=True)
class Loaded:
    """A program that is ready, and what it was shown to be worth.

    Attributes:
        runner: The program.
        texts: The held-out texts.
        batch: Texts in a batch.
        metric: The task's, as reports key it: ``accuracy``.
        score: How good its answers are in it, with the 95 % interval.
    """

    runner: Runner
    texts: tuple[Text, ...]
    batch: int
    metric: str
    score: Proportion


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes a test a row."""
    plans = metafunc.config.stash[PLANS]
    metafunc.parametrize("plan", plans, ids=[plan.name.replace(" ", "-") for plan in plans], scope="module")


@pytest.fixture(scope="session")
def held_out(pytestconfig: pytest.Config) -> HeldOut:
    """Finds the rows that every backend predicts."""
    checkpoint = pytestconfig.getoption("checkpoint")
    return find_held_out(
        open_checkpoint(checkpoint) if checkpoint else None,
        pytestconfig.getoption("data"),
        text_column=pytestconfig.getoption("text_column"),
        label_column=pytestconfig.getoption("label_column"),
    )


@pytest.fixture(scope="module")
def loaded(plan: RowPlan, held_out: HeldOut) -> Iterator[Loaded]:
    """Loads a row's program, has it predict every row, and lets go of it before the next one is loaded."""
    os.environ.update(thread_environment(plan.spec["threads"]))
    try:
        runner = load_runner(plan.backend.runner, plan.spec)
    except (CannotMeasureError, MissingExtraError) as error:
        pytest.skip(f"not measured ({error})")
    data = describe_data(held_out, task_of(plan.spec), plan.name)
    texts = tuple(example.text for example in held_out.examples)
    given = data.answers(answers(runner, texts, plan.answers_in_batches))
    yield Loaded(runner, texts, _BATCH, metric_key(data.decides), score(given, data))
    runner.close()
