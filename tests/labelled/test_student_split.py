"""Whose rows teach and judge a student, and texts without labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgetext.checkpoint import Checkpoint
from edgetext.data.settings import DataSettings
from edgetext.data.student_split import teacher_split
from edgetext.errors import DataError
from edgetext.pipeline import read_split
from edgetext.task import SingleLabel


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Gives the file that the teacher was split from: 40 rows of two labels."""
    path = tmp_path / "rows.csv"
    lines = [f"{word} {number},{word}" for number in range(20) for word in ("soup", "stone")]
    path.write_text("\n".join(["text,label", *lines]), "utf-8")
    return path


@pytest.fixture
def teacher(file: Path) -> Checkpoint:
    """Gives a checkpoint that was trained on most of that file, with its labels in an order of its own."""
    split = read_split(str(file), seed=3)
    return Checkpoint(Path("/t"), SingleLabel(("stone", "soup"), 2.0), "bert", 64, "minilm", split.record)


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["text,label", *lines]), "utf-8")
    return str(path)


def test_without_data_every_row_serves_what_it_served_the_teacher(teacher: Checkpoint) -> None:
    split = teacher_split(teacher)
    assert split.record == teacher.split
    assert split.task == SingleLabel(("stone", "soup"))  # without the teacher's temperature
    assert (len(split.train), len(split.validation), len(split.test)) == (28, 6, 6)


def test_the_teachers_file_is_split_as_it_was_whatever_the_seed_and_the_place(
    teacher: Checkpoint, file: Path, tmp_path: Path
) -> None:
    expected = teacher_split(teacher)
    moved = file.rename(tmp_path / "moved.csv")
    with pytest.raises(DataError, match="no such file"):
        teacher_split(teacher)
    assert read_split(str(moved), seed=99, teacher=teacher) == expected
    with pytest.raises(DataError, match="leave --test out"):
        read_split(DataSettings(str(moved), test=write(tmp_path / "t.csv", "soup x,soup")), teacher=teacher)


def test_the_teachers_held_out_rows_stay_held_out_beside_other_data(teacher: Checkpoint, tmp_path: Path) -> None:
    own = teacher_split(teacher)
    test_text = own.test[0].text
    other = write(tmp_path / "more.csv", "hot soup,soup", f"{test_text},{own.test[0].label}", "wet soup,soup")
    split = read_split(other, teacher=teacher)
    assert [row.text for row in split.train] == ["hot soup", "wet soup"]
    assert (split.validation, split.test) == (own.validation, own.test)
    assert split.labels == ("stone", "soup")  # all of the teacher's, though no row here is a stone
    assert split.record.sources[0].uri == other


def test_texts_that_the_teacher_learned_judge_nobody(teacher: Checkpoint, tmp_path: Path) -> None:
    learned = teacher_split(teacher).train[0]
    other = write(tmp_path / "more.csv", "hot soup,soup", "cold stone,stone")
    test = write(tmp_path / "test.csv", f"{str(learned.text).upper()},{learned.label}", "new soup,soup")
    split = read_split(DataSettings(other, test=test), teacher=teacher)
    assert [row.text for row in split.test] == ["new soup"]
    assert split.record.parts["test"].rows == (2,)
    assert any("1 held-out rows were left out" in note for note in split.notes)
    with pytest.raises(DataError, match="learned every text that is held out for test"):
        read_split(DataSettings(other, test=write(tmp_path / "t.csv", f"{learned.text},soup")), teacher=teacher)


def test_other_labels_and_pairs_are_refused(teacher: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'tea', which the teacher /t does not know"):
        read_split(write(tmp_path / "more.csv", "green,tea", "hot soup,soup"), teacher=teacher)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("premise,hypothesis,label\na,b,soup\nc,d,stone\n", "utf-8")
    settings = DataSettings(str(pairs), text_column="premise", text_pair_column="hypothesis")
    with pytest.raises(DataError, match="single texts, and these are pairs"):
        read_split(settings, teacher=teacher)


def test_held_out_rows_that_are_gone_are_asked_for(teacher: Checkpoint, file: Path, tmp_path: Path) -> None:
    file.unlink()
    other = write(tmp_path / "more.csv", "hot soup,soup", "cold stone,stone")
    with pytest.raises(DataError, match=r"must stay held out.*give --validation"):
        read_split(other, teacher=teacher)
    rows = write(tmp_path / "held.csv", "red soup,soup", "red stone,stone")
    split = read_split(DataSettings(other, validation=rows, test=rows), teacher=teacher)
    assert len(split.validation) == len(split.test) == 2
    assert any("may be held out" in note for note in split.notes)


def test_a_teacher_that_others_made_needs_data(file: Path) -> None:
    teacher = Checkpoint(Path("/t"), SingleLabel(("stone", "soup")), "bert", 64)
    with pytest.raises(DataError, match="give DATA"):
        teacher_split(teacher)
    split = read_split(str(file), teacher=teacher)
    assert len(split.train) + len(split.validation) + len(split.test) == 40
    assert any("nobody says" in note for note in split.notes)
