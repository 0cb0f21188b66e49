"""The environment fails: a full or read-only disk, signals, standard streams that are closed or lead nowhere."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from edgetext.bulk import job as bulk_job
from edgetext.cli.console import open_console
from edgetext.cli.main import main
from edgetext.cli.streams import _Steady
from edgetext.errors import WriteError
from edgetext.files import new_folder, refuse_file
from edgetext.ours import CHECKPOINT, PREDICTIONS
from edgetext.stopping import stop_as_interrupted


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Gives a file system of 128 kB of its own; ``remount`` changes it."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def remount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_predict_on_a_full_disk_keeps_what_resume_goes_on_from(
    tiny_bundle: Path, tmp_path: Path, disk: Path, suffix: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(bulk_job, "CHUNK_ROWS", 400)
    source, whole, target = tmp_path / "in.csv", tmp_path / f"whole{suffix}", disk / f"out{suffix}"
    source.write_text("id,text\n" + "".join(f"{number},a dog in the park\n" for number in range(4000)))
    words = ["predict", str(tiny_bundle), "-i", str(source), "--variant", "int8"]
    assert main([*words, "-o", str(whole)]) == 0
    capsys.readouterr()
    assert main([*words, "-o", str(target)]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert "no space left on the disk" in said and str(target) in said
    assert "rows are done and kept: --resume goes on from there" in said
    assert {path.name for path in disk.iterdir()} == {f".out{suffix}.unfinished", f".out{suffix}.unfinished.json"}
    remount(disk, "size=8m")
    assert main([*words, "-o", str(target), "--resume"]) == 0
    assert target.read_bytes() == whole.read_bytes()
    assert [path.name for path in disk.iterdir()] == [target.name]


def test_predict_that_cannot_keep_a_row_leaves_nothing(
    tiny_bundle: Path, tmp_path: Path, disk: Path, capsys: Any
) -> None:
    source = tmp_path / "in.txt"
    source.write_text("a dog in the park\n" * 4000)
    assert main(["predict", str(tiny_bundle), "-i", str(source), "-o", str(disk / "out.jsonl")]) == 2
    said = capsys.readouterr().err
    assert "no space left on the disk" in said and "--resume" not in said
    assert list(disk.iterdir()) == []


def test_training_on_a_full_disk_leaves_nothing(tiny_base: Path, tiny_rows: Path, disk: Path, capsys: Any) -> None:
    words = ["train", str(tiny_rows), "--base", str(tiny_base), "-o", str(disk / "c"), "--epochs", "1"]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert str(disk / "c") in said and "about ten times the model's size" in said
    assert list(disk.iterdir()) == []


def write_torch(file: Path) -> None:
    import torch

    torch.save(torch.zeros(100_000), file)


def write_safetensors(file: Path) -> None:
    import numpy
    from safetensors.numpy import save_file

    save_file({"a": numpy.zeros(100_000)}, file)


def write_onnx(file: Path) -> None:
    import numpy
    import onnx

    tensor = onnx.numpy_helper.from_array(numpy.ones(100_000), "a")
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], [tensor])), file)


def write_parquet(file: Path) -> None:
    import numpy
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"a": numpy.random.default_rng(0).random(100_000)}), file)


@pytest.mark.parametrize("write", [write_torch, write_safetensors, write_onnx, write_parquet])
def test_every_library_that_writes_is_understood(disk: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(WriteError, match="no space left on the disk"), new_folder(disk / "a", CHECKPOINT) as folder:
        write(folder / "file")
    assert list(disk.iterdir()) == []


def test_a_read_only_disk_is_refused_before_the_work(disk: Path) -> None:
    remount(disk, "ro")
    with pytest.raises(WriteError, match="read-only"), new_folder(disk / "deep" / "a", CHECKPOINT):
        pytest.fail("the work had begun")
    with pytest.raises(WriteError, match="read-only"):
        refuse_file(disk / "a.csv", "--output", PREDICTIONS)


def test_a_mount_point_is_refused_before_the_work(disk: Path) -> None:
    with pytest.raises(WriteError.__base__, match="a mount point"), new_folder(disk, CHECKPOINT):  # type: ignore[arg-type]
        pytest.fail("the work had begun")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_training_and_leaves_whole_epochs_alone(
    tiny_base: Path, tiny_rows: Path, tmp_path: Path, number: signal.Signals, capsys: Any
) -> None:
    place = tmp_path / "out"

    def stop_after_a_whole_epoch() -> None:
        while not any(map(whole, place.glob(".c.training/checkpoint-*/trainer_state.json"))):
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    def whole(state: Path) -> bool:
        with suppress(OSError, ValueError):
            return bool(json.loads(state.read_bytes()))
        return False

    signal.signal(number, signal.SIG_DFL)
    threading.Thread(target=stop_after_a_whole_epoch, daemon=True).start()
    words = ["train", str(tiny_rows), "--base", str(tiny_base), "-o", str(place / "c"), "--epochs", "500"]
    assert main(words) == 128 + number
    said = capsys.readouterr().err
    assert "interrupted; nothing half-written was left behind" in said
    assert "kept, and --resume goes on" in said
    assert [path.name for path in place.iterdir()] == [".c.training"]
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_signal_that_a_library_swallowed_stops_the_work_at_its_next_step(capsys: Any) -> None:
    with pytest.raises(KeyboardInterrupt), stop_as_interrupted() as stopped, open_console().progress() as progress:
        progress.step("train", 0, 2)
        with suppress(BaseException):
            signal.raise_signal(signal.SIGTERM)
        progress.step("train", 1, 2)
    assert stopped.number == signal.SIGTERM
    assert "1/2" not in capsys.readouterr().err


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with stop_as_interrupted() as stopped:
            signal.raise_signal(signal.SIGHUP)
        assert stopped.number == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_reader_that_has_left_does_not_end_the_work() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError), io.TextIOWrapper(io.BufferedWriter(_Steady(writing, None))) as stream:
        print("an answer", file=stream, flush=True)
    stream = io.TextIOWrapper(io.BufferedWriter(_Steady(writing, BrokenPipeError)))
    print("progress", file=stream, flush=True)
    print("more", file=stream, flush=True)
    os.close(writing)


@pytest.mark.parametrize(
    ("words", "redirection", "code", "said"),
    [
        ("inspect BUNDLE", ">&-", 0, ""),
        ("inspect BUNDLE", "| true; exit ${PIPESTATUS[0]}", 0, ""),
        ("inspect BUNDLE", ">/dev/full", 2, "standard output cannot be written"),
        ("predict BUNDLE x", ">&-", 0, ""),
        ("predict BUNDLE <(yes)", "| head -1 >/dev/null; exit ${PIPESTATUS[0]}", 0, ""),
        ("predict nowhere x", "2>&-", 2, ""),
    ],
)
def test_standard_streams_that_lead_nowhere(
    tiny_bundle: Path, words: str, redirection: str, code: int, said: str
) -> None:
    line = words.replace("BUNDLE", str(tiny_bundle))
    line = line.replace(" <(yes)", " < <(yes a dog)")
    found = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m edgetext {line} {redirection}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (found.returncode, found.stdout) == (code, "")
    assert said in found.stderr and "Traceback" not in found.stderr and "Exception ignored" not in found.stderr
    assert bool(found.stderr) == bool(said)
