"""The bench from plans to rows, with fake backends in real worker processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgetext.bench import run as bench_run
from edgetext.bench.heldout import HeldOut
from edgetext.bench.registry import CHECKPOINT, Backend
from edgetext.bench.results import read_results
from edgetext.bench.run import BenchInterrupted, run_bench
from edgetext.bench.settings import BenchSettings
from edgetext.cli.main import main
from edgetext.data.example import Example
from edgetext.errors import BundleError, DataError, InputError
from foreign_folder import write_weights

ROWS = tuple(
    Example(
        f"text {row} {'hard' if row % 10 == 0 else 'easy'} {('yes', 'no')[row % 2]}", (("yes", "no")[row % 2],), row
    )
    for row in range(1, 41)
)
HELD_OUT = HeldOut("fakes", ROWS, "Made up")
SETTINGS = BenchSettings(threads=1, rounds=3, latency_texts=7, throughput_texts=64, batch=8)


def backend(name, runner, variant="fp32", device="cpu"):
    return Backend(name, f"bench_runners:{runner}", CHECKPOINT, (variant,), device, 4)


@pytest.fixture
def fakes(monkeypatch, tmp_path):
    """Gives a function that runs the bench with fake backends on a checkpoint that holds labels alone."""
    (tmp_path / "config.json").write_text(
        '{"architectures": ["XForSequenceClassification"], "id2label": {"0": "no", "1": "yes"}}'
    )
    write_weights(tmp_path / "model.safetensors", {"classifier.weight": (2, 4)})
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))

    def run(*backends, settings=SETTINGS, rows=HELD_OUT, progress=None):
        monkeypatch.setattr(bench_run, "choose_backends", lambda names: backends)
        return run_bench(None, tmp_path, rows, settings=settings, progress=progress)

    return run


class Notes:
    def __init__(self):
        self.steps, self.notes = [], []

    def step(self, name, done, total):
        self.steps.append((done, total))

    def note(self, message):
        self.notes.append(message)


def test_a_row_holds_every_figure(fakes):
    results = fakes(backend("torch-cpu", "LastWord"), backend("other", "Wrong"))
    reference, other = results.rows
    assert (reference.status, reference.threads, reference.device) == ("measured", 1, "cpu")
    assert len(reference.latency_ms.samples) == 21 and reference.latency_ms.rounds == (7, 7, 7)
    assert (reference.throughput_per_s.batch, reference.throughput_per_s.texts) == (8, 64)
    assert len(reference.throughput_per_s.samples) == 3
    assert reference.model_bytes == 1234
    assert 5 < reference.peak_memory_mb < 200
    starts = reference.about["starts_ms"]
    assert len(starts) == 2 and reference.first_prediction_ms == pytest.approx(sum(starts) / 2, abs=0.1)
    assert (reference.accuracy.value, other.accuracy.value) == (1.0, 0.9)
    assert (reference.accuracy.low, reference.accuracy.high) == pytest.approx((0.9124, 1.0), abs=1e-4)
    assert other.accuracy_difference.value == pytest.approx(-0.1)
    assert other.accuracy_difference.low < -0.1 < other.accuracy_difference.high < 0.02
    assert (other.agreement.value, other.mcnemar_p) == (0.9, 2 / 2**4)
    assert other.per_label["yes"] == {"rows": 20, "recall": 0.8, "precision": 1.0}
    assert other.per_label["no"] == {"rows": 20, "recall": 1.0, "precision": 1.0}


def test_a_row_tells_which_of_the_timed_texts_its_first_stage_answered(fakes):
    alone, staged = fakes(backend("torch-cpu", "LastWord"), backend("edgetext", "Staged", "int8")).rows
    assert alone.latency_ms.first == () and alone.coverage is None
    timed = [ROWS[index % len(ROWS)].text for index in range(21)]
    assert staged.latency_ms.first == tuple(int("hard" not in text) for text in timed)
    assert staged.coverage == 19 / 21
    assert len(staged.latency_ms.by_stage(1)) == 19 and len(staged.latency_ms.by_stage(0)) == 2


def test_the_data_is_described_without_its_texts(fakes):
    data = fakes(backend("torch-cpu", "LastWord")).data
    assert (data.name, data.rows, data.labels, data.note) == ("fakes", 40, ("no", "yes"), "Made up")
    assert data.expected[:3] == (0, 1, 0)
    assert data.fingerprint == HELD_OUT.fingerprint and len(data.fingerprint) == 64


def test_a_label_that_the_model_alone_knows_is_counted_as_wrong(fakes):
    (row,) = fakes(backend("torch-cpu", "Wrong")).rows
    assert row.predictions[:10] == (0, 1, 0, 1, 0, 1, 0, 1, 0, -1)


def test_a_crash_or_a_missing_device_costs_its_own_row_only(fakes):
    notes = Notes()
    rows = fakes(
        backend("torch-cuda", "unable", device="cuda"),
        backend("crashing", "Crashing"),
        backend("hanging", "Interrupting"),
        backend("torch-cpu", "LastWord"),
        settings=BenchSettings(threads=1, rounds=3, latency_texts=3, throughput_texts=8, batch=8, timeout_s=3),
        progress=notes,
    ).rows
    assert [row.status for row in rows] == ["not_measured", "failed", "failed", "measured"]
    assert [row.reason for row in rows] == [
        "no CUDA device on this machine",
        "its process ended during 'throughput' with exit code 7",
        "it did not answer to 'predict' within 3 s and was stopped",
        None,
    ]
    assert all(row.latency_ms is None and row.accuracy is None for row in rows[:3])
    assert sorted(notes.notes) == [
        "crashing fp32: failed (its process ended during 'throughput' with exit code 7)",
        "hanging fp32: failed (it did not answer to 'predict' within 3 s and was stopped)",
        "torch-cuda fp32: not measured (no CUDA device on this machine)",
    ]
    assert notes.steps[0] == (0, 28) and notes.steps[-1] == (28, 28)


def test_a_device_that_one_row_missed_is_not_looked_for_again(fakes):
    rows = fakes(
        backend("torch-cuda", "unable", device="cuda"),
        backend("other-cuda", "Crashing", device="cuda"),
        backend("torch-cpu", "LastWord"),
    ).rows
    assert [(row.status, row.reason) for row in rows] == [
        ("not_measured", "no CUDA device on this machine"),
        ("not_measured", "no CUDA device on this machine"),
        ("measured", None),
    ]


def test_rounds_are_added_until_the_intervals_are_narrow_enough(fakes):
    few = {"threads": 1, "latency_texts": 2, "throughput_texts": 8, "batch": 8, "rounds": 3, "slices": 1}
    wide, narrow = Notes(), Notes()
    rows = backend("torch-cpu", "LastWord"), backend("other", "LastWord")
    for notes, within, rounds in ((wide, 1e9, 10), (narrow, 1e-6, 12)):
        results = fakes(*rows, settings=BenchSettings(**few, within=within, max_rounds=12), progress=notes)
        assert [len(row.latency_ms.rounds) for row in results.rows] == [rounds, rounds]
        assert [row.reason for row in results.rows] == [None, None]
        assert notes.steps[-1] == (2 * (rounds + 1), 2 * (rounds + 1))
    assert wide.notes == []
    (note,) = narrow.notes
    assert note.startswith("ended after 12 rounds: the interval of ") and note.endswith(" to one side, not 1e-06 %")


def test_ctrl_c_keeps_what_was_measured(fakes):
    notes = Notes()
    with pytest.raises(BenchInterrupted) as caught:
        fakes(backend("torch-cpu", "LastWord"), backend("pressing", "PressingCtrlC"), progress=notes)
    reference, pressing = caught.value.results.rows
    assert (pressing.status, pressing.reason) == ("measured", "unfinished: interrupted after 1 of 3 rounds")
    assert (pressing.latency_ms.rounds, len(pressing.throughput_per_s.samples)) == ((7, 3), 1)
    assert (pressing.accuracy.value, pressing.agreement.value) == (1, 1)
    assert 5 < pressing.peak_memory_mb < 200
    had = reference.latency_ms.rounds.count(7)
    assert had in (1, 2) and reference.reason == f"unfinished: interrupted after {had} of 3 rounds"
    assert len(reference.throughput_per_s.samples) == len(reference.latency_ms.rounds) in (had, had + 1)
    assert reference.peak_memory_mb > 5
    assert notes.notes == ["interrupted: what was measured so far is kept"]


def test_ctrl_c_writes_what_was_measured_and_exits_with_130(tmp_path, monkeypatch, capsys):
    (tmp_path / "config.json").write_text(
        '{"architectures": ["XForSequenceClassification"], "id2label": {"0": "no", "1": "yes"}}'
    )
    write_weights(tmp_path / "model.safetensors", {"classifier.weight": (2, 4)})
    (tmp_path / "rows.csv").write_text("text,label\na yes,yes\na no,no\n")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    chosen = (backend("torch-cpu", "PressingCtrlC"),)
    monkeypatch.setattr(bench_run, "choose_backends", lambda names: chosen)
    out = tmp_path / "out"
    words = ["bench", tmp_path, "--data", tmp_path / "rows.csv", "-o", out, "--threads", "1"]
    assert main([str(word) for word in words]) == 130
    assert "unfinished: interrupted after 1 of 5 rounds" in capsys.readouterr().out
    assert "**torch-cpu fp32 is unfinished: interrupted after 1 of 5 rounds.**" in (out / "report.md").read_text()
    assert read_results(out).rows[0].latency_ms.rounds == (60, 30)


def test_without_the_cpu_the_gpu_is_the_baseline(fakes):
    rows = fakes(backend("torch-cuda", "LastWord"), backend("edgetext", "Wrong", "int8")).rows
    assert rows[0].accuracy_difference.value == 0
    assert rows[1].accuracy_difference.value == pytest.approx(-0.1)


def test_without_any_baseline_there_is_no_difference(fakes):
    (row,) = fakes(backend("edgetext", "LastWord", "int8")).rows
    assert row.accuracy.value == 1 and row.accuracy_difference is None


def test_a_row_with_an_unknown_label_is_refused_before_anything_runs(fakes):
    rows = HeldOut("fakes", (*ROWS, Example("a text", ("maybe",), 41)), "")
    with pytest.raises(
        DataError, match=r"^row 41 has the label 'maybe', which .* does not know: expected one of no, yes$"
    ):
        fakes(backend("torch-cpu", "Crashing"), rows=rows)


def test_no_rows_are_refused(fakes):
    with pytest.raises(DataError, match="there is no row to predict"):
        fakes(backend("torch-cpu", "LastWord"), rows=HeldOut("none", (), ""))


def test_a_bundle_of_other_labels_is_refused(tiny_bundle, tmp_path):
    (tmp_path / "config.json").write_text(
        '{"architectures": ["XForSequenceClassification"], "id2label": {"0": "no", "1": "yes"}}'
    )
    write_weights(tmp_path / "model.safetensors", {"classifier.weight": (2, 4)})
    with pytest.raises(BundleError, match="know different labels"):
        run_bench(tiny_bundle, tmp_path, HELD_OUT)


def test_nothing_to_measure_is_refused(tiny_bundle):
    with pytest.raises(InputError, match="nothing to measure with torch-cpu: torch needs --baseline"):
        run_bench(tiny_bundle, None, HELD_OUT, settings=BenchSettings(backends=("torch-cpu",)))


@pytest.mark.parametrize("name", ["rounds", "slices", "batch", "latency_texts"])
def test_settings_that_measure_nothing_are_refused(name):
    with pytest.raises(InputError, match=f"{name} must be at least 1, found 0"):
        BenchSettings(**{name: 0})


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_an_interrupted_bench_leaves_no_process_and_no_folder(tmp_path):
    marker = f"marker-{os.getpid()}-{time.monotonic_ns()}"
    (tmp_path / "config.json").write_text(
        '{"architectures": ["XForSequenceClassification"], "id2label": {"0": "no", "1": "yes"}}'
    )
    write_weights(tmp_path / "model.safetensors", {"classifier.weight": (2, 4)})
    (tmp_path / "rows.csv").write_text("text,label\na yes,yes\na no,no\n")
    output = tmp_path / "out"
    program = (
        "import sys\n"
        "from edgetext.bench import plan, run, registry\n"
        "run.choose_backends = lambda names: (registry.Backend("
        "'torch-cpu', 'bench_runners:Interrupting', 'checkpoint', ('fp32',), 'cpu', 1),)\n"
        "from edgetext.cli.bench import run as command\n"
        "import argparse\n"
        "from edgetext.cli.main import build_parser\n"
        f"words = ['bench', {str(tmp_path)!r}, "
        f"'--data', {str(tmp_path / 'rows.csv')!r}, "
        f"'-o', {str(output)!r}]\n"
        "command(build_parser(words).parse_args(words))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "BENCH_TEST_MARKER": marker}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE)
    wait_for(lambda: len(processes_with(marker)) >= 2 and list(tmp_path.glob(".out.*")))
    time.sleep(1)
    process.send_signal(2)
    _, errors = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in errors
    wait_for(lambda: not processes_with(marker))
    assert not output.exists() and not list(tmp_path.glob(".out.*"))


def processes_with(marker):
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and marker.encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
        except OSError:
            continue
    return found


def wait_for(condition, seconds=30):
    stop = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < stop, "it did not happen in time"
        time.sleep(0.1)
