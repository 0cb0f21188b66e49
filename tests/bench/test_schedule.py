"""Rounds until the intervals are narrow enough: which interval counts, and whether it still holds the truth."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from edgetext.bench.measurement import Measurement
from edgetext.bench.plan import RowPlan
from edgetext.bench.registry import BUNDLE, Backend
from edgetext.bench.schedule import Width, widest
from edgetext.bench.settings import FIRST_ROUNDS, BenchSettings
from edgetext.errors import InputError
from edgetext.measure.process import WorkerError
from edgetext.measure.stats import mean_ratio, paired_ratio

SETTINGS = BenchSettings(within=5.0)
OWN, OTHER = (2.0, 2.2, 2.1, 2.0, 2.3, 2.1), (2.1, 2.0, 2.2, 2.1, 2.0, 2.2)
EVEN = (100.0,) * len(OWN)


def row(medians, rates=EVEN, name="edgetext", model=""):
    backend = Backend(name, "unused:load", BUNDLE, (), "cpu", 1)
    one = Measurement(RowPlan(backend, "int8", {}, model=model), SETTINGS)
    one.latencies_ms = [[middle - 0.1, middle, middle + 5] for middle in medians]
    one.rates_per_s = [[rate] for rate in rates]
    return one


def percent(ratio):
    return 100 * (ratio.high / ratio.value - 1)


def typical(over, under):
    """The ratio of two rows of ``row``: in each round the middle one of the three texts' ratios."""
    steps = (-0.1, 0.0, 5.0)
    return mean_ratio(
        [
            sorted((above + step) / (below + step) for step in steps)[1]
            for above, below in zip(over, under, strict=True)
        ]
    )


def test_the_widest_interval_is_that_of_any_row_with_the_first_at_95_percent():
    rows = [row(OWN), row(OWN, name="same"), row(OTHER, name="other")]
    found = widest(rows)
    assert found.percent == pytest.approx(percent(typical(OWN, OTHER))) and found.percent > 5
    assert found.name == "p50 of other int8"


def test_throughput_counts_as_well():
    rates = (100.0, 110.0, 90.0, 100.0, 120.0, 95.0)
    found = widest([row(OWN), row(OWN, rates, model="old")])
    assert found.percent == pytest.approx(percent(paired_ratio(EVEN, rates)))
    assert found.name == "throughput of edgetext int8 (old)"


def test_of_several_models_only_rows_that_are_alike_are_compared():
    rows = [row(OWN), row(OTHER, name="torch-cpu"), row(OWN, model="old")]
    assert widest(rows).percent == pytest.approx(0)


def test_failed_rows_are_passed_over():
    failed = replace(row(OTHER, name="failed"), error=WorkerError("it crashed"))
    assert widest([row(OWN), row(OWN, name="same"), failed]).percent == pytest.approx(0)
    assert widest([row(OWN), failed]) is None


def test_the_rounds_to_come_grow_with_the_square_of_the_width():
    assert Width(5.0, "p50").rounds_for(5.0, 12) == 12
    assert Width(10.0, "p50").rounds_for(5.0, 12) == 48
    assert Width(5.01, "p50").rounds_for(5.0, 12) == 13
    assert Width(math.inf, "p50").rounds_for(5.0, 12) > 1000


@pytest.mark.parametrize("rounds", [10, 15, 25])
def test_the_interval_at_the_end_holds_the_truth_as_often_as_it_says(rounds):
    """The width asked for is the one that so many rounds have on average."""
    random, spread, runs = np.random.default_rng(rounds), 0.05, 1000
    aim = 100 * (math.exp(NormalDist().inv_cdf(0.975) * spread / math.sqrt(rounds)) - 1)
    held, counts = 0, []
    for _ in range(runs):
        ratios = np.exp(random.normal(math.log(1.05), spread, 200)).tolist()
        count = next(
            count
            for count in range(FIRST_ROUNDS, 200)
            if 100 * (mean_ratio(ratios[:count]).high / mean_ratio(ratios[:count]).value - 1) <= aim
        )
        found = mean_ratio(ratios[:count])
        held += found.low <= 1.05 <= found.high
        counts.append(count)
    assert 0.93 < held / runs < 0.97
    assert rounds - 1 < np.mean(counts) < rounds + 5


def test_rounds_that_can_never_be_enough_are_refused():
    with pytest.raises(InputError, match="max_rounds must be at least 10, found 5"):
        BenchSettings(within=2, max_rounds=5)
    with pytest.raises(InputError, match="within must be a positive number, found 0"):
        BenchSettings(within=0)
    assert (BenchSettings(rounds=5).least_rounds, BenchSettings(rounds=5).most_rounds) == (5, 5)
    assert (BenchSettings(rounds=12, within=1).least_rounds, BenchSettings(within=1).most_rounds) == (12, 100)
