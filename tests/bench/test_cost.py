"""Money for a million predictions, and machines for a load, against figures that are known."""

import math

import pytest

from edgetext.bench.cost import capacities, cost_per_million, costs, erlang_c, machines_shared, waits_longer
from edgetext.bench.results import Latency, Row, Throughput
from edgetext.errors import InputError


def make_row(**more):
    return Row(
        "edgetext",
        "int8",
        "cpu",
        2,
        "measured",
        latency_ms=Latency(1.0, 2.0, 3.0, (1.0, 3.0)),
        throughput_per_s=Throughput(1000.0, 32, 64, (1000.0,)),
        about={"installed_bytes": {"numpy": 2_000_000, "onnxruntime": 500_000}, "joules_per_text": {"cpu": 0.5}},
        **more,
    )


def test_a_machine_of_3_60_an_hour_costs_a_thousandth_a_second():
    assert cost_per_million(3.6, 1000) == pytest.approx(1.0)
    (cost,) = costs([make_row(), Row("torch-cuda", "fp32", "cuda", 2, "not_measured")], 3.6)
    assert cost.name == "edgetext int8"
    assert (cost.per_million, cost.per_million_singly) == (pytest.approx(1.0), pytest.approx(2.0))
    assert (cost.installed_mb, cost.joules_per_text) == (2.5, {"cpu": 0.5})


@pytest.mark.parametrize("price", [-1, math.nan, math.inf])
def test_a_price_that_is_none_is_refused(price):
    with pytest.raises(InputError, match="price per hour"):
        cost_per_million(price, 1)


@pytest.mark.parametrize(
    ("servers", "load", "expected"),
    [
        (1, 0.6, 0.6),  # M/M/1: the server is busy
        (2, 1.0, 1 / 3),  # 2 rho^2 / (1 + rho)
        (3, 2.0, 4 / 9),
        (14, 10.0, 0.17413),  # Erlang's table: B(14, 10) is 0.05682
        (5, 5.0, 1.0),
    ],
)
def test_erlang_c_is_that_of_the_textbooks(servers, load, expected):
    assert erlang_c(servers, load) == pytest.approx(expected, abs=5e-5)


def test_erlang_c_does_not_overflow():
    assert 0 < erlang_c(2000, 1900.0) < 0.05


def test_the_wait_on_one_machine_is_that_of_mm1():
    # M/M/1 with lambda 50, mu 100: P(W > t) = rho exp(-(mu - lambda) t)
    assert waits_longer(1, 50, 0.01, 0.02) == pytest.approx(0.5 * math.exp(-1))
    assert waits_longer(1, 100, 0.01, 0.02) == 1


def test_machines_are_the_fewest_that_keep_the_bound():
    count = machines_shared(1000, 0.01, 0.005)
    assert waits_longer(count, 1000, 0.01, 0.005) <= 0.009 < waits_longer(count - 1, 1000, 0.01, 0.005)
    assert machines_shared(1, 0.001, 0.05) == 1
    assert machines_shared(1000, 0.01, -0.001) is None


def test_a_table_has_both_answers_for_every_load():
    scenarios = {
        "single_stream": {"mean_ms": 10.0, "percentiles_ms": {"99.9": 12.0}},
        "server": {"rate_per_s": 60.0, "p99_bound_ms": 50.0},
    }
    one, hundred = capacities([make_row(scenarios=scenarios), make_row()], [1, 100])
    assert (one.split, one.shared, one.bound_ms) == (1, 1, 50.0)
    assert hundred.split == 2
    assert hundred.shared == machines_shared(100, 0.01, 0.038)


def test_a_bound_that_nothing_keeps_has_no_machines():
    scenarios = {
        "single_stream": {"mean_ms": 80.0, "percentiles_ms": {"99.9": 90.0}},
        "server": {"rate_per_s": None, "p99_bound_ms": 50.0},
    }
    (found,) = capacities([make_row(scenarios=scenarios)], [10])
    assert (found.split, found.shared) == (None, None)


def test_what_cannot_be_answered_is_refused():
    with pytest.raises(InputError, match="--scenarios single_stream,server"):
        capacities([make_row()], [10])
    with pytest.raises(InputError, match="above 0 and at most 1e\\+09, found 0"):
        capacities([make_row()], [0])
