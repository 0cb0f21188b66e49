"""What slices and rounds become in a row."""

from edgetext.bench.measurement import Measurement, make_row
from edgetext.bench.plan import RowPlan
from edgetext.bench.registry import CHECKPOINT, Backend
from edgetext.bench.results import DataInfo
from edgetext.bench.settings import BenchSettings
from edgetext.measure.process import Start

BACKEND = Backend("some", "some:load", CHECKPOINT, ("fp32",), "cpu", 1)
DATA = DataInfo("two", "f" * 64, 2, ("no", "yes"), (0, 1))


def measured(**fields):
    settings = BenchSettings(threads=1, rounds=2, slices=3)
    return Measurement(
        RowPlan(BACKEND, "fp32", {"threads": 1}, 10),
        settings,
        starts=[Start(first, 1.0, 1.0, "no") for first in (900.0, 300.0, 200.0)],
        labels=[("no",), ("no",)],
        latencies_ms=[[1.0, 2.0, 9.0], [4.0]],
        throughput_texts=8,
        **fields,
    )


def test_a_round_has_the_median_of_its_slices():
    rates = [[10.0, 30.0, 500.0], [20.0, 40.0, 1.0]]
    joules = [{"cpu": 1.0, "gpu": 5.0}, {"cpu": 3.0}]
    row = make_row(measured(rates_per_s=rates, joules=joules), DATA)
    assert (row.status, row.reason, row.accuracy.value, row.first_prediction_ms) == ("measured", None, 0.5, 250.0)
    assert (row.throughput_per_s.samples, row.throughput_per_s.value) == ((30.0, 20.0), 25.0)
    assert (row.throughput_per_s.slices, row.throughput_per_s.rounds) == (
        (10.0, 30.0, 500.0, 20.0, 40.0, 1.0),
        (3, 3),
    )
    assert (row.latency_ms.samples, row.latency_ms.rounds) == ((1.0, 2.0, 9.0, 4.0), (3, 1))
    assert row.latency_ms.mean == 4.0
    assert row.about["joules_per_text"] == {"cpu": 2.0}  # the GPU did not count in every round


def test_a_round_that_lacks_slices_is_unfinished():
    row = make_row(measured(rates_per_s=[[10.0, 30.0, 500.0], []]), DATA)
    assert row.reason == "unfinished: interrupted after 1 of 2 rounds"
    assert row.throughput_per_s.samples == (30.0,)
