"""The report, the terminal's table and merging, from a recorded file."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edgetext.bench import cells
from edgetext.bench.merge import merge
from edgetext.bench.report import report_text, write_report
from edgetext.bench.results import Proportion, read_results
from edgetext.bench.show import columns, remarks, table_rows, title
from edgetext.errors import DataError, InputError

RECORDED = Path(__file__).parents[1] / "data" / "bench" / "recorded.json"


@pytest.fixture
def recorded():
    return read_results(RECORDED)


def table_of(text):
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_of_the_report_cell_by_cell(recorded):
    header, _, *rows = table_of(report_text(recorded))
    assert header == [
        "backend", "variant", "device", "threads", "accuracy [95 %]", "difference, points [95 %]", "frontier",
        "mean ms [95 %]", "p50 ms", "p90 ms", "p99 ms", "tokenizing ms", "texts/s", "model MB", "peak MB",
        "first ms", "faster than baseline", "faster than pipeline", "faster on average than baseline",
        "faster on average than pipeline",
    ]  # fmt: skip
    assert rows[0] == [
        "torch-cuda", "fp32", "cuda", "2", "not measured (no CUDA device on this machine)", *["–"] * 15,
    ]  # fmt: skip
    assert rows[1] == [
        "torch-cpu", "fp32", "cpu", "2", "95.0 % [91.0, 97.3]", "baseline", "beaten", "7.56", "7.20", "8.78",
        "9.30", "–", "176", "90.9", "531", "4512", "1.00×", "1.06×", "1.00×", "1.06×",
    ]  # fmt: skip
    assert rows[2][4] == "failed (its process ended during 'latency' with signal SIGSEGV)"
    assert rows[5] == [
        "edgetext", "int8", "cpu", "2", "95.5 % [91.7, 97.6]", "+0.50 [-1.87, +3.13]", "yes", "0.69", "0.66",
        "0.81", "0.85", "–", "2510", "23.0", "100", "159", "10.9×", "11.5×", "10.9×", "11.5×",
    ]  # fmt: skip


def test_coverage_is_shown_where_any_row_has_a_first_stage(recorded):
    assert cells.COVERAGE not in cells.headings(recorded) and cells.COVERAGE not in columns(recorded)
    row = recorded.row("edgetext", "int8")
    staged = replace(row, latency_ms=replace(row.latency_ms, first=(1, 1, 0, 1, 0)))
    results = replace(recorded, rows=tuple(staged if each is row else each for each in recorded.rows))
    place = cells.headings(results).index(cells.COVERAGE)
    assert [cells.figures(results, each)[place] for each in (recorded.rows[1], staged)] == ["–", "60.0 %"]
    said = report_text(results).replace("\\", "")
    assert (
        "**first stage of edgetext int8**: of 5 timed texts the first stage answered 3, at a p50 of 0.627 ms"
        in said
    )
    assert "the model answered 2, at a p50 of 0.759 ms" in said


def test_the_report_says_how_and_on_what(recorded):
    text = report_text(recorded)
    assert "Data: 200 rows of captions (test). The test rows, by which nothing was chosen." in text
    assert "accuracy minus that of torch-cpu fp32 on the same texts" in text
    assert (
        "in 5 rounds of shuffled turns" in text
        and "256 texts a round, as many as there is time for, in batches of 32" in text
    )
    assert "- isa: avx2, avx512_vnni" in text and "numpy 2.4.6, onnxruntime 1.32.0" in text
    assert (
        "disturbed" not in text and "- **others**: Other programs took 1 % of the machine's time meanwhile." in text
    )


def test_a_busy_machine_is_told(recorded):
    busy = replace(recorded, environment={**recorded.environment, "other_load_cores": 1.24})
    warning = "Other programs took 62 % of the machine's time meanwhile: the times are disturbed; measure again."
    assert f"**{warning}**" in report_text(busy)
    assert warning in remarks(busy)


def test_report_and_results_are_written_together(recorded, tmp_path):
    write_report(tmp_path, recorded)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.md", "results.json"]
    assert (tmp_path / "report.md").read_text("utf-8") == report_text(read_results(tmp_path))


def test_the_terminals_table_is_narrower(recorded):
    rows = table_rows(recorded)
    assert {len(row) for row in rows} == {len(columns(recorded))} == {12}
    assert rows[0][:3] == ["torch-cuda fp32", "not measured", "–"]
    assert rows[5] == [
        "edgetext int8", "95.5 % [91.7, 97.6]", "+0.50 [-1.87, +3.13]", "yes", "0.69", "0.66", "0.85", "2510",
        "23.0", "100", "159", "11.5×",
    ]  # fmt: skip
    assert title(recorded) == "A Processor, 2 cores, 2 threads; 200 rows of captions (test)"
    assert remarks(recorded)[1] == "torch-cuda fp32: not measured (no CUDA device on this machine)"


def test_merged_rows_name_their_machine_and_share_a_baseline(recorded):
    gpu_row = replace(
        recorded.row("torch-cpu", "fp32"), backend="torch-cuda", device="cuda", accuracy_difference=None
    )
    gpu = replace(recorded, environment={**recorded.environment, "host": "Another, a GPU"}, rows=(gpu_row,))
    merged = merge([gpu, recorded], ["gpu.json", "cpu.json"])
    assert len(merged.rows) == 7
    assert [row.environment["host"] for row in merged.rows[:2]] == ["Another, a GPU", "A Processor, 2 cores"]
    assert merged.rows[0].accuracy_difference.value == 0
    header, _, first, *_ = table_of(report_text(merged))
    assert (header[-1], first[-1]) == ("machine", "Another, a GPU")
    assert table_rows(merged)[0][0] == "torch-cuda fp32 @ Another, a GPU"


def test_results_of_other_rows_are_not_merged(recorded):
    other = replace(recorded, data=replace(recorded.data, fingerprint="cd" * 32, rows=7))
    with pytest.raises(DataError, match=r"^b.json and a.json were measured on different rows \(7 of captions"):
        merge([recorded, other], ["a.json", "b.json"])
    with pytest.raises(InputError, match="at least two"):
        merge([recorded], ["a.json"])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.6612, "0.66"),
        (9.994, "9.99"),
        (12.34, "12.3"),
        (99.96, "100.0"),
        (2510.5, "2510"),
        (0.0412, "0.041"),
        (0.0, "0.00"),
        (None, "–"),
    ],
)
def test_numbers_have_about_three_digits(value, text):
    assert cells.number(value) == text


def test_a_difference_has_its_sign():
    assert cells.points(Proportion(-0.0012, -0.0043, 0.0019)) == "-0.12 [-0.43, +0.19]"


def test_readers_need_no_more_than_numpy():
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from edgetext.bench.report import report_text\n"
        "from edgetext.bench import merge, show\n"
        "from edgetext.bench.results import read_results\n"
        f"results = read_results(Path({str(RECORDED)!r}))\n"
        "report_text(results), show.table_rows(results)\n"
        "heavy = {'scipy', 'onnxruntime', 'tokenizers', 'torch', 'transformers', 'rich', 'datasets', 'sklearn'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
