"""Ratios from a file's rounds, what the report says of them, and readers where nothing is installed."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from edgetext.bench.cells import speedup as cell
from edgetext.bench.results import Latency, Throughput, read_results, write_results
from edgetext.bench.rounds import batch_ratios, latency_rounds, round_ratios, speedup
from edgetext.measure.stats import paired_ratio

FILES = Path(__file__).parents[1] / "data" / "bench"
RECORDED = read_results(FILES / "recorded.json")
SLOW, FAST = (8.0, 9.0, 8.5, 8.2, 30.0), (2.0, 2.3, 2.1, 2.0, 2.1)


def timed(medians):
    samples = tuple(middle + step for middle in medians for step in (-0.1, 0.0, 0.1))
    latency = Latency(median(medians), 31.0, 32.0, samples, (3,) * len(medians))
    return {"latency_ms": latency}


@pytest.fixture
def results():
    reference = replace(RECORDED.row("torch-cpu", "fp32"), **timed(SLOW))
    row = replace(RECORDED.row("edgetext", "int8"), **timed(FAST))
    return replace(RECORDED, rows=(reference, row))


def test_the_rounds_of_a_row_are_its_samples_cut(results):
    first, *_, last = latency_rounds(results.rows[0])
    assert first == pytest.approx((7.9, 8.0, 8.1)) and last == pytest.approx((29.9, 30.0, 30.1))
    assert latency_rounds(RECORDED.row("edgetext", "int8")) == []


def test_the_ratio_is_round_by_round_with_students_interval(results):
    assert speedup(results, results.rows[1], results.rows[0]) == paired_ratio(SLOW, FAST)


def test_the_other_rows_of_a_run_do_not_count(results):
    reference, row = results.rows
    others = [replace(row, backend=f"other {number}", **timed((2.0, 9.0, 1.0 + number))) for number in range(4)]
    among = replace(results, rows=(reference, row, *others))
    assert speedup(among, row, reference) == speedup(results, row, reference)


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


def test_the_cell_has_the_interval_or_says_that_no_difference_is_shown(results):
    reference, row = results.rows
    assert cell(results, row, reference) == "5.17× [2.56, 10.5]"
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


def test_the_oldest_file_is_read_shown_and_compared_with_numpy_alone(results, tmp_path):
    write_results(tmp_path / "new.json", results)
    program = (
        "import sys\n"
        "for name in ('torch', 'onnxruntime', 'transformers', 'tokenizers', 'scipy', 'rich', 'psutil'):\n"
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
