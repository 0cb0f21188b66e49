"""The protocol between ``measure.process`` and ``measure.worker``, with small fake runners."""

import os
import subprocess
import sys
import threading
import time
from importlib.metadata import PackageNotFoundError
from itertools import pairwise
from pathlib import Path

import fake_runners
import pytest

from edgetext.measure.loadgen import LoadTest
from edgetext.measure.process import Worker, WorkerError
from edgetext.measure.runner import CannotMeasureError, answers, load_runner
from edgetext.measure.worker import Session

TEXTS = ["a", "bb", "ccc"]


def make_worker(name, spec=None, **options):
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    return Worker(f"fake_runners:{name}", spec or {}, threads=3, environment=environment, **options)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_runner_is_started_timed_and_asked():
    with make_worker("Length", {"a": 1}) as worker:
        start = worker.start("four")
        assert start.labels == ("4",)
        assert start.first_prediction_ms > start.load_ms + start.first_ms > 0
        assert worker.predict(TEXTS, 2) == [("1",), ("2",), ("3",)]
        assert len(worker.latency(TEXTS, warm_up=1)) == 3
        assert worker.throughput(TEXTS * 100, 2) > 1000
        peak, about = worker.memory()
    assert 5e6 < peak < 100e6
    assert about == {"threads": "3", "spec": {"a": 1}}


class Recorder:
    """Answers with the text itself as the label, and remembers the order in which it was asked."""

    def many(self, texts, batch):
        self.asked = [list(texts[begin : begin + batch]) for begin in range(0, len(texts), batch)]
        return [(text,) for text in texts]


def test_texts_are_answered_in_batches_of_like_length_and_given_back_in_order():
    runner, texts = Recorder(), ["ccc", "a", "dddd", "bb", "a"]
    assert answers(runner, texts, 2) == [(text,) for text in texts]
    assert runner.asked == [["a", "a"], ["bb", "ccc"], ["dddd"]]


def test_a_pair_is_as_long_as_both_of_its_texts():
    runner = Recorder()
    answers(runner, [("a", "bbb"), "cc", ("d", "ef"), "f"], 1)
    assert runner.asked == [["f"], ["cc"], [("d", "ef")], [("a", "bbb")]]


def test_a_pair_arrives_as_a_pair():
    with make_worker("Length") as worker:
        assert worker.start(("x", "yy")).labels == ("2",)  # a tuple of two
        assert worker.predict([("a", "b"), "abc"], 1) == [("2",), ("3",)]


def test_a_label_by_itself_is_no_answer():
    runner = Recorder()
    runner.many = lambda texts, _: list(texts)
    with pytest.raises(RuntimeError, match="it gave the label 'a' by itself"):
        answers(runner, TEXTS, 2)


def test_too_few_labels_are_noticed():
    runner = Recorder()
    runner.many = lambda texts, _: list(texts)[1:]
    with pytest.raises(RuntimeError, match="it gave 2 answers for 3 texts"):
        answers(runner, TEXTS, 2)


def test_what_a_runner_prints_does_not_disturb_the_answers():
    with make_worker("Loud") as worker:
        assert worker.start("four").labels == ("4",)
        assert worker.latency(TEXTS) and worker.predict(TEXTS, 1) == [("1",), ("2",), ("3",)]


def test_a_text_with_a_line_break_or_a_surrogate_arrives_as_it_is():
    with make_worker("Length") as worker:
        worker.start("x")
        assert worker.predict(["a\nb", "\ud800", "\u2028é"], 1) == [("3",), ("1",), ("2",)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Crashing", "its process ended during 'predict' with exit code 3 (the last words)"),
        ("Killed", "its process was killed during 'predict', by the system for want of memory as a rule"),
        ("Raising", "ValueError: the batch is odd"),
        ("Forgetful", "RuntimeError: it gave 1 answers for 3 texts"),
    ],
)
def test_a_failure_is_one_sentence(name, reason):
    with make_worker(name) as worker:
        worker.start("x")
        with pytest.raises(WorkerError) as failure:
            worker.predict(TEXTS, 1)
    assert (str(failure.value), failure.value.status) == (reason, "failed")


def test_a_runner_that_raised_can_be_asked_again():
    with make_worker("Raising") as worker:
        worker.start("x")
        with pytest.raises(WorkerError):
            worker.predict(TEXTS, 1)
        assert len(worker.latency(TEXTS)) == 3


def test_a_runner_that_hangs_is_stopped():
    worker = make_worker("Hanging", timeout_s=1.5)
    with worker:
        worker.start("x")
        pid = worker._process.pid
        begin = time.monotonic()
        with pytest.raises(WorkerError, match=r"^it did not answer to 'predict' within 1.5 s and was stopped$"):
            worker.predict(TEXTS, 1)
        assert time.monotonic() - begin < 10
    assert not alive(pid)


def test_a_hanging_runner_is_stopped_even_when_it_does_not_read_its_texts():
    with make_worker("Hanging", timeout_s=1.5) as worker:
        worker.start("x")
        with pytest.raises(WorkerError):
            worker.predict(["x" * 1000] * 10_000, 1)  # 10 MB, far more than a pipe holds


@pytest.mark.parametrize(
    ("name", "reason", "no_device"),
    [
        ("unable", "no CUDA device on this machine", True),
        ("not_installed", "the package 'a_package_that_nobody_has' is not installed", False),
    ],
)
def test_what_a_machine_lacks_is_not_a_failure(name, reason, no_device):
    with make_worker(name) as worker, pytest.raises(WorkerError) as failure:
        worker.start("x")
    assert (str(failure.value), failure.value.status) == (reason, "not_measured")
    assert failure.value.no_device == no_device


def test_an_interruption_ends_the_process():
    worker = make_worker("Length")
    with pytest.raises(KeyboardInterrupt), worker:
        worker.start("x")
        pid = worker._process.pid
        raise KeyboardInterrupt
    assert not alive(pid)


def test_latency_stops_when_its_time_is_over(tmp_path):
    with make_worker("Slow", {"notes": str(tmp_path / "notes")}) as worker:
        worker.start("x")
        assert 1 <= len(worker.latency(["x"] * 100, seconds=0.1)) <= 7


def test_only_one_worker_works_at_a_time(tmp_path):
    notes = tmp_path / "notes"
    workers = [make_worker("Slow", {"notes": str(notes)}) for _ in range(2)]
    for worker in workers:
        worker.start("x")
    threads = [threading.Thread(target=worker.latency, args=[["x"] * 10]) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.close()
    spans = sorted(tuple(map(float, line.split())) for line in notes.read_text().splitlines())
    assert len(spans) == 22
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_peak_memory_is_the_runners_and_not_the_parents():
    ballast = bytearray(b"x") * 300_000_000
    with make_worker("Hoarder") as worker:
        worker.start("x")
        peak, _ = worker.memory()
    assert len(ballast) == 300_000_000
    assert 50e6 < peak < 150e6


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModuleNotFoundError("No module named 'x'", name="x"), CannotMeasureError),
        (PackageNotFoundError("'y>=2' is needed\nTry something"), CannotMeasureError),
        (ModuleNotFoundError("No module named 'edgetext.x'", name="edgetext.x"), ModuleNotFoundError),
    ],
)
def test_only_packages_of_others_may_be_missing(monkeypatch, error, kind):
    def factory(spec):
        raise error

    monkeypatch.setattr(fake_runners, "unable", factory)
    with pytest.raises(kind):
        load_runner("fake_runners:unable", {})


def test_a_cold_start_pays_for_little_of_the_workers_own():
    slow = {"importlib.metadata", "subprocess", "platform", "edgetext.measure.loadgen", "numpy"}
    program = f"import sys, edgetext.measure.worker, edgetext.measure.processor; print({slow} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_training_is_no_part_of_a_cold_start(monkeypatch):
    session = Session()
    monkeypatch.setattr("edgetext.measure.worker.perf_counter", iter([0.0, 1.0, 1.5]).__next__)
    answer = session.answer({"command": "start", "runner": "fake_runners:Trained", "spec": {}, "text": "four"})
    assert answer == {"labels": ("4",), "load_ms": 800.0, "first_ms": 500.0, "prepared_ms": 200.0}


def test_the_cost_names_what_the_runner_imported_and_the_energy_a_text(monkeypatch):
    monkeypatch.setattr("edgetext.measure.usage.Energy.joules", lambda self: {"cpu": 6.0})
    session = Session()
    session._modules = frozenset(sys.modules) - {"pytest"}
    session.answer({"command": "start", "runner": "fake_runners:Length", "spec": {}, "text": "x"})
    for _ in range(2):
        assert "seconds" in session.answer({"command": "throughput", "texts": TEXTS, "batch": 2, "warm_up": True})
    assert session.answer({"command": "energy"}) == {"joules_per_text": {"cpu": 2.0}}
    installed = session.answer({"command": "installed"})["installed_bytes"]
    assert installed.keys() == {"pytest"}
    assert 500_000 < installed["pytest"] < 20_000_000


def test_a_machine_that_does_not_count_energy_tells_none():
    with make_worker("Length") as worker:
        worker.start("x")
        assert worker.joules_per_text().keys() <= {"cpu", "gpu"}
        assert worker.installed_bytes() == {}


def test_loadgen_asks_the_runner_in_its_process(tmp_path):
    notes = tmp_path / "notes"
    with make_worker("Slow", {"notes": str(notes)}) as worker:
        worker.start("x")
        found = worker.load(["x"], LoadTest("single_stream", 0.1, 100.0))
    assert found["queries"] == len(notes.read_text().splitlines()) - 1 >= 64
    assert found["percentiles_ms"]["50"] >= 20


def test_a_path_without_a_colon_is_refused():
    with pytest.raises(ValueError, match="'fake_runners' is not of the form"):
        load_runner("fake_runners", {})
