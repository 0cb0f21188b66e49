"""An interrupted training goes on where it was, with the same end; what it left is checked, told and removed."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edgetext.data.example import Split
from edgetext.data.load import load
from edgetext.data.split import resolve_split
from edgetext.errors import InputError, ModelError, OutputExistsError
from edgetext.train import TrainArguments, fit
from edgetext.train.resume import working_place

ARGUMENTS = TrainArguments(epochs=4, batch_size=8, learning_rate=5e-3, bf16=False)
STEPS = 6  # an epoch


class Stopping:
    """Progress that stops at a step as Ctrl-C does, and remembers what was noted."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.first, self.notes = at, -1, list[str]()

    def step(self, name: str, done: int, total: int) -> None:
        if name != "train":
            return
        self.first = done if self.first < 0 else self.first
        if done == self.at:
            raise KeyboardInterrupt

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture(scope="module")
def split(tiny_rows: Path) -> Split:
    return resolve_split(load(str(tiny_rows)))


@pytest.fixture(scope="module")
def left(split: Split, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives the folder in which a training for ``c`` was stopped in its third epoch; copy it."""
    folder = tmp_path_factory.mktemp("left")
    heard = Stopping(at=2 * STEPS + 2)
    with pytest.raises(KeyboardInterrupt):
        fit(split, str(tiny_base), folder / "c", ARGUMENTS, heard)
    assert any("2 epochs kept" in note and "--resume" in note for note in heard.notes)
    assert [path.name for path in folder.iterdir()] == [".c.training"]
    return folder


@pytest.fixture
def output(left: Path, tmp_path: Path) -> Path:
    shutil.copytree(left, tmp_path / "runs")
    return tmp_path / "runs" / "c"


def test_going_on_ends_with_the_same_bytes(output: Path, split: Split, tiny_base: Path, tmp_path: Path) -> None:
    heard = Stopping()
    resumed = fit(split, str(tiny_base), output, ARGUMENTS, heard, resume=True)
    assert heard.first == 2 * STEPS
    assert any("going on after 2 epochs" in note for note in heard.notes)
    whole = fit(split, str(tiny_base), tmp_path / "whole", ARGUMENTS)
    weights = "model.safetensors"
    assert (resumed.path / weights).read_bytes() == (whole.path / weights).read_bytes()
    for field in ("metrics", "history", "best_epoch", "temperature"):
        assert resumed.training[field] == whole.training[field]
    assert [path.name for path in output.parent.iterdir()] == ["c"]


def test_without_resume_what_is_left_is_told_and_replaced(output: Path, split: Split, tiny_base: Path) -> None:
    heard = Stopping()
    fit(split, str(tiny_base), output, TrainArguments(epochs=1, bf16=False), heard)
    assert any("left 2 epochs" in note and "--resume" in note for note in heard.notes)
    assert [path.name for path in output.parent.iterdir()] == ["c"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arguments": TrainArguments(epochs=4, batch_size=8, learning_rate=1e-3, bf16=False)}, "learning rate"),
        ({"rows": slice(1, None)}, "rows"),
    ],
)
def test_other_rows_or_arguments_are_refused(
    change: dict[str, object], said: str, output: Path, split: Split, tiny_base: Path
) -> None:
    from dataclasses import replace

    rows = split.train[change.get("rows", slice(None))]  # type: ignore[index]
    arguments = change.get("arguments", ARGUMENTS)
    with pytest.raises(InputError, match=f"begun with other .*{said}"):
        fit(replace(split, train=rows), str(tiny_base), output, arguments, resume=True)  # type: ignore[arg-type]
    assert fit(split, str(tiny_base), output, ARGUMENTS, resume=True).training["best_epoch"]


def test_what_is_done_is_left_as_it_is_and_other_choices_are_refused(
    split: Split, tiny_base: Path, tmp_path: Path
) -> None:
    once, heard = TrainArguments(epochs=1, bf16=False), Stopping()
    made = fit(split, str(tiny_base), tmp_path / "c", once)
    before = {file.name: file.stat().st_mtime_ns for file in made.path.iterdir()}
    assert fit(split, str(tiny_base), made.path, once, heard, resume=True) == made
    assert heard.first == -1 and any("is done" in note for note in heard.notes)
    with pytest.raises(InputError, match=f"{made.path} is done already, with other"):
        fit(split, str(tiny_base), made.path, ARGUMENTS, resume=True)
    assert {file.name: file.stat().st_mtime_ns for file in made.path.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


class Touch:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.file),)


def plant_pickle(working: Path) -> None:
    (working / "checkpoint-12" / "rng_state.pth").write_bytes(pickle.dumps(Touch(working.parent / "ran")))


def spoil_begun(working: Path) -> None:
    (working / "begun.json").write_text("{", "utf-8")


def cut_short(working: Path) -> None:
    file = working / "checkpoint-12" / "optimizer.pt"
    file.write_bytes(file.read_bytes()[:1000])


def lay_a_stranger(working: Path) -> None:
    (working / "precious.txt").write_text("keep me", "utf-8")


def open_to_others(working: Path) -> None:
    working.chmod(0o777)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (plant_pickle, ModelError),
        (spoil_begun, ModelError),
        (cut_short, ModelError),
        (lay_a_stranger, OutputExistsError),
        (open_to_others, OutputExistsError),
    ],
)
def test_what_is_not_as_it_was_left_is_refused(
    spoil: Callable[[Path], None], error: type[InputError], output: Path, split: Split, tiny_base: Path
) -> None:
    working = working_place(output)
    spoil(working)
    with pytest.raises(error, match=str(working)):
        fit(split, str(tiny_base), output, ARGUMENTS, resume=True)
    assert not (output.parent / "ran").exists() and not output.exists()
    assert spoil is not lay_a_stranger or (working / "precious.txt").read_text("utf-8") == "keep me"


def test_an_epoch_that_was_being_written_does_not_count(output: Path, split: Split, tiny_base: Path) -> None:
    (working_place(output) / "checkpoint-12" / "trainer_state.json").write_text('{"epoch": 2', "utf-8")
    heard = Stopping()
    fit(split, str(tiny_base), output, ARGUMENTS, heard, resume=True)
    assert heard.first in (0, STEPS)  # the first epoch may have been removed, if the second was better


def test_nothing_to_go_on_from_is_told(split: Split, tiny_base: Path, tmp_path: Path) -> None:
    heard = Stopping()
    fit(split, str(tiny_base), tmp_path / "c", TrainArguments(epochs=1, bf16=False), heard, resume=True)
    assert any("begins at the first" in note for note in heard.notes)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_end_and_two_at_once_are_refused(
    tiny_base: Path, tiny_rows: Path, split: Split, tmp_path: Path
) -> None:
    output, arguments = tmp_path / "c", TrainArguments(epochs=12, batch_size=4, learning_rate=1e-3, bf16=False)
    words = [sys.executable, "-m", "edgetext", "train", str(tiny_rows), "-o", str(output), "--base", str(tiny_base),
             "--epochs", "12", "--batch-size", "4", "--no-bf16", "--learning-rate", "1e-3"]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 200
        while not list(working_place(output).glob("checkpoint-*/trainer_state.json")) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(OutputExistsError, match="another run"):
            fit(split, str(tiny_base), output, arguments)
        process.send_signal(signal.SIGKILL)
    assert working_place(output).is_dir() and not output.exists()
    heard = Stopping()
    resumed = fit(split, str(tiny_base), output, arguments, heard, resume=True)
    whole = fit(split, str(tiny_base), tmp_path / "whole", arguments)
    assert heard.first > 0
    # One began in a process of its own, and sums of floats need not be those of this one to the last bit.
    assert resumed.training["temperature"] == pytest.approx(whole.training["temperature"], rel=0.02)
    assert resumed.training["metrics"] == whole.training["metrics"]
    losses = [[step["loss"] for step in made.training["history"]["validation"]] for made in (resumed, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "whole"]
