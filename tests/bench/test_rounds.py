"""Ratios from a file's rounds, what the report says of them, and readers where nothing is installed."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from edgetext.bench.cells import speedup as cell
from edgetext.bench.disturbance import disturbed_share, usable_rounds
from edgetext.bench.report import report_text
from edgetext.bench.results import Calibration, Latency, Throughput, read_results, write_results
from edgetext.bench.rounds import batch_ratios, latency_rounds, round_ratios, speedup
from edgetext.bench.show import remarks
from edgetext.measure.pooled import ratios_together
from edgetext.measure.ratios import paired_ratio

FILES = Path(__file__).parents[1] / "data" / "bench"
RECORDED = read_results(FILES / "recorded.json")
SLOW, FAST = (8.0, 9.0, 8.5, 8.2, 30.0), (2.0, 2.3, 2.1, 2.0, 2.1)


def timed(medians, together=None):
    samples = tuple(middle + step for middle in medians for step in (-0.1, 0.0, 0.1))
    latency = Latency(median(medians), 31.0, 32.0, samples, (3,) * len(medians))
    calm = (1.0,) * len(medians)
    return {"latency_ms": latency, "calibration": Calibration(calm, together or calm)}


@pytest.fixture
def results():
    reference = replace(RECORDED.row("torch-cpu", "fp32"), **timed(SLOW))
    row = replace(RECORDED.row("edgetext", "int8"), **timed(FAST))
    return replace(RECORDED, rows=(reference, row))


def test_the_rounds_of_a_row_are_its_samples_cut(results):
    first, *_, last = latency_rounds(results.rows[0])
    assert first == pytest.approx((7.9, 8.0, 8.1)) and last == pytest.approx((29.9, 30.0, 30.1))
    assert latency_rounds(RECORDED.row("edgetext", "int8")) == []


def test_the_ratio_is_round_by_round_and_its_interval_is_for_two_further_runs(results):
    found = speedup(results, results.rows[1], results.rows[0])
    (expected,) = ratios_together([[slow / fast for slow, fast in zip(SLOW, FAST, strict=True)]])
    assert (found.value, found.low) == pytest.approx((expected.value, expected.low))
    assert found.rounds == 5


def test_the_spread_is_judged_by_all_rows_of_the_machine(results):
    reference, row = results.rows
    rates = [FAST, *((2.0 + step, 2.3, 2.1 - step, 2.0, 2.2) for step in (0.1, 0.2, 0.3))]
    others = [replace(row, backend=f"other {number}", **timed(rate)) for number, rate in enumerate(rates[1:])]
    elsewhere = replace(others[0], backend="elsewhere", environment={"host": "another"})
    unmeasured = replace(others[0], backend="absent", latency_ms=None)
    among = replace(results, rows=(reference, row, elsewhere, unmeasured, *others))
    expected, *_ = ratios_together([[slow / fast for slow, fast in zip(SLOW, each, strict=True)] for each in rates])
    found = speedup(among, row, reference)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.high != pytest.approx(speedup(results, row, reference).high)


def test_a_round_has_the_median_of_its_texts_own_ratios():
    assert round_ratios([(2.0, 30.0, 8.0)], [(1.0, 10.0, 8.0)]) == pytest.approx([2])
    cut_short = round_ratios([(2.0, 30.0, 8.0), (9.0,)], [(1.0, 10.0), (3.0,), (1.0,)])
    assert cut_short == pytest.approx([8 / 5.5, 3])  # other texts: the ratio of the medians; a third round had one


def test_batches_are_compared_slice_by_slice_where_they_are_the_same_texts():
    row = replace(
        RECORDED.row("edgetext", "int8"), throughput_per_s=Throughput(1, 32, 64, (10, 5), (10, 20, 5), (2, 1))
    )
    other = replace(row, throughput_per_s=Throughput(1, 32, 64, (12, 9), (20, 10, 10), (2, 1)))
    assert batch_ratios(row, other) == pytest.approx([1, 2])  # of 2 and 1/2 in equal shares, and of 2
    for fields in ({"texts": 32}, {"slices": (), "rounds": ()}):
        assert batch_ratios(row, replace(other, throughput_per_s=replace(other.throughput_per_s, **fields))) == []


def test_a_disturbed_round_of_either_row_is_left_out_of_the_ratio(results):
    slow, fast = (8.8, *SLOW), (2.2, *FAST)
    reference = replace(results.rows[0], **timed(slow, (1.0, 1.0, 1.0, 1.0, 1.0, 1.9)))
    row = replace(results.rows[1], **timed(fast))
    marked = replace(results, rows=(reference, row))
    found = speedup(marked, row, reference)
    assert (found.rounds, found.value) == (5, pytest.approx(paired_ratio(slow[:5], fast[:5]).value))
    assert str(disturbed_share(marked)).startswith("1 of 12 turns was disturbed (8 %): another load, or virtual")
    assert str(disturbed_share(marked)) in remarks(marked)
    assert f"**{disturbed_share(marked)}**" in report_text(marked)


def test_too_few_undisturbed_rounds_are_no_choice():
    assert list(usable_rounds(7, frozenset({0, 4}))) == [1, 2, 3, 5, 6]
    assert list(usable_rounds(7, frozenset({0, 1, 4}))) == [0, 1, 2, 3, 4, 5, 6]
    assert list(usable_rounds(10, frozenset(range(6)))) == list(range(10))


def test_the_cell_has_the_interval_or_says_that_no_difference_is_shown(results):
    reference, row = results.rows
    assert cell(results, row, reference) == "5.17× [1.47, 18.2]"
    same = replace(row, backend="again", **timed((2.1, 2.2, 2.2, 1.9, 2.2)))
    assert cell(results, same, row).endswith(", no difference shown")
    assert cell(results, reference, reference) == "1.00×"


def test_rows_of_two_machines_have_no_rounds_in_common(results):
    elsewhere = replace(results.rows[1], environment={"host": "another"})
    assert speedup(results, elsewhere, results.rows[0]) is None
    assert cell(results, elsewhere, results.rows[0]) == "4.05×"


def test_new_fields_are_read_as_they_were_written(results, tmp_path):
    row = replace(results.rows[1], scenarios={"single_stream": {"p90_ms": 1.5}}, mcnemar_p=0.25)
    write_results(tmp_path / "results.json", replace(results, rows=(results.rows[0], row)))
    assert read_results(tmp_path).rows == (results.rows[0], row)


def test_the_oldest_file_is_read_shown_and_compared_without_torch_onnxruntime_or_numpy(results, tmp_path):
    write_results(tmp_path / "new.json", results)
    program = (
        "import sys\n"
        "for name in ('torch', 'onnxruntime', 'transformers', 'tokenizers', 'numpy', 'scipy', 'rich', 'psutil'):\n"
        "    sys.modules[name] = None\n"
        "from edgetext.cli.main import main\n"
        "old, new, merged = sys.argv[1:]\n"
        "codes = [main(['bench', 'show', old]), main(['bench', 'report', old]),\n"
        "         main(['bench', 'compare', old, old]), main(['bench', 'merge', old, old, '-o', merged]),\n"
        "         main(['bench', 'show', new]), main(['bench', 'compare', new, new, '--fail-if', 'p50>5%'])]\n"
        "raise SystemExit(int(codes != [0] * 6))\n"
    )
    words = [FILES / "oldest.json", tmp_path / "new.json", tmp_path / "merged.json"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "edgetext int8 cpu" in done.stdout and "# Bench" in done.stdout
