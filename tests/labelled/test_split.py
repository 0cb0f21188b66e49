"""Splitting: given parts, cut parts, leaks, rare labels, and the record that finds the rows again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from edgetext.checkpoint import DataSource, SplitRecord
from edgetext.data.example import Example, LabelledData
from edgetext.data.held_out import held_out
from edgetext.data.load import load
from edgetext.data.split import Shares, resolve_split
from edgetext.errors import DataError


def data_of(*rows: tuple[str, ...], name: str = "d") -> LabelledData:
    examples = tuple(Example(row[0], (row[1],), number) for number, row in enumerate(rows, start=1))
    splits = None
    if rows and len(rows[0]) == 3:
        parts = dict.fromkeys(row[2] for row in rows)
        splits = {
            part: tuple(example for example, row in zip(examples, rows, strict=True) if row[2] == part)
            for part in parts
        }
    return LabelledData(name, DataSource(f"{name}.csv", "0" * 64, len(rows), "text", "label"), examples, (), splits)


def many(count: int, *labels: str) -> list[tuple[str, str]]:
    return [(f"text {number} about {label}", label) for label in labels for number in range(count)]


def test_parts_are_cut_stratified_and_by_the_seed() -> None:
    data = data_of(*many(100, "a", "b"))
    split = resolve_split(data, seed=7)
    assert (len(split.train), len(split.validation), len(split.test)) == (140, 30, 30)
    assert Counter(example.label for example in split.validation) == {"a": 15, "b": 15}
    assert Counter(example.label for example in split.test) == {"a": 15, "b": 15}
    rows = [example.row for part in (split.train, split.validation, split.test) for example in part]
    assert sorted(rows) == list(range(1, 201))
    assert resolve_split(data, seed=7) == split
    assert resolve_split(data, seed=8).validation != split.validation
    assert split.labels == ("a", "b")
    assert split.notes[0] == "test: 30 of 200 rows were held back for it (seed 7)"


def test_a_part_that_is_cut_has_a_largest_size() -> None:
    split = resolve_split(data_of(*many(100, "a", "b")), shares=Shares(most=20))
    assert (len(split.train), len(split.validation), len(split.test)) == (160, 20, 20)


def test_the_parts_of_a_split_column_are_taken_as_they_are() -> None:
    split = resolve_split(
        data_of(("t1", "a", "train"), ("t2", "b", "train"), ("v", "a", "validation"), ("e", "b", "test"))
    )
    assert [example.text for example in split.train] == ["t1", "t2"]
    assert [example.text for example in split.validation] == ["v"]
    assert [example.text for example in split.test] == ["e"]
    assert split.record.parts["test"].rows == (4,)
    assert split.notes == ()


def test_a_split_column_without_validation_gets_one_and_without_test_gets_none() -> None:
    rows = [(text, label, "train") for text, label in many(50, "a", "b")]
    split = resolve_split(data_of(*rows))
    assert (len(split.train), len(split.validation), len(split.test)) == (85, 15, 0)
    assert set(split.record.parts) == {"train", "validation"}
    assert "the data names no test part, so the bench will look at the validation rows" in split.notes


def test_files_of_their_own_go_before_the_column() -> None:
    data = data_of(*[(text, label, "train") for text, label in many(20, "a", "b")], ("old", "a", "test"))
    test = data_of(("new", "b"), name="test")
    split = resolve_split(data, test=test)
    assert [example.text for example in split.test] == ["new"]
    assert split.record.sources[split.record.parts["test"].source].uri == "test.csv"
    assert split.record.parts["test"].rows == (1,)


def test_a_file_with_a_split_column_serves_by_that_part_alone() -> None:
    data = data_of(*many(20, "a", "b"))
    both = data_of(("v", "a", "validation"), ("e", "b", "test"), name="both")
    split = resolve_split(data, both, both)
    assert [example.text for example in split.validation] == ["v"]
    assert [example.text for example in split.test] == ["e"]
    with pytest.raises(DataError, match=r"only\.csv: none of its rows is for test"):
        resolve_split(data, test=data_of(("v", "a", "validation"), name="only"))


def test_texts_that_stand_on_both_sides_leave_training() -> None:
    train = [("A  bowl of Soup", "a"), ("STRASSE", "b"), ("kept", "a"), ("kept too", "b")]
    held = data_of(("a bowl of\tsoup ", "a"), ("Straße", "b"), name="held")
    split = resolve_split(data_of(*train), held, held)
    assert [example.text for example in split.train] == ["kept", "kept too"]
    assert split.record.parts["train"].rows == (3, 4)
    assert "2 training rows were taken out: the same text also stands in a held-out part" in split.notes


def test_a_label_whose_texts_all_leak_is_told_of() -> None:
    held = data_of(("x", "c"), ("y", "a"), name="held")
    split = resolve_split(data_of(("p", "a"), ("q", "b"), ("X", "c")), held, held)
    assert split.labels == ("a", "b", "c")
    assert "no training text is left for 'c': all of them also stand in a held-out part" in split.notes


def test_duplicates_stay_on_one_side() -> None:
    rows = [(f"Text {number}", label) for number in range(40) for label in ("a", "b")[number % 2 : number % 2 + 1]]
    split = resolve_split(data_of(*rows, *[(text.upper(), label) for text, label in rows]))
    sides = [{example.text.casefold() for example in part} for part in (split.train, split.validation, split.test)]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    assert not any("taken out" in note for note in split.notes)


def test_a_label_seen_once_is_kept_for_training_and_named() -> None:
    split = resolve_split(data_of(*many(30, "a", "b"), ("only one", "rare")))
    assert "rare" in {example.label for example in split.train}
    assert split.labels == ("a", "b", "rare")
    assert any(note.startswith("'rare' is a label seen once only: kept for training") for note in split.notes)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_no_label_is_cut_out_of_training_however_few_its_texts(count: int) -> None:
    labels = [f"label {number:02}" for number in range(40)]
    split = resolve_split(data_of(*many(count, *labels)))
    assert {example.label for example in split.train} == set(labels)
    assert split.validation and split.test


def test_one_text_with_two_labels_does_not_cost_a_label() -> None:
    rows = [("same", "a"), ("same", "c"), ("same two", "a"), ("same two", "c"), *many(10, "a", "b")]
    for seed in range(20):
        split = resolve_split(data_of(*rows), seed=seed)
        assert {example.label for example in split.train} == {"a", "b", "c"}


def test_the_record_finds_the_rows_again(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    lines = [f"{text},{label}" for text, label in many(20, "a", "b")]
    path.write_text("\n".join(["text,label", *lines, ",a"]) + "\n", "utf-8")
    split = resolve_split(load(str(path), drop_invalid=True))
    record = SplitRecord.from_json(split.record.to_json())
    assert held_out(record, "validation") == split.validation
    assert held_out(record, "test") == split.test
    moved = path.rename(tmp_path / "moved.csv")
    with pytest.raises(DataError, match=r"d\.csv: there is no such file"):
        held_out(record, "test")
    assert held_out(record, "test", str(moved)) == split.test
    moved.write_text(moved.read_text("utf-8").replace("text 3 about b", "text 3 about c"), "utf-8")
    with pytest.raises(DataError, match=r"moved\.csv: its rows are not those that the checkpoint was split by"):
        held_out(record, "test", str(moved))


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    rows = [("t1", "a", "train"), ("t2", "b", "train"), ("v", "a", "validation")]
    record = resolve_split(data_of(*rows)).record
    with pytest.raises(DataError, match=r"no part 'test': it has train, validation"):
        held_out(record, "test")


def test_the_builtin_split_is_kept() -> None:
    split = resolve_split(load("food_not_food"))
    assert (len(split.train), len(split.validation), len(split.test)) == (600, 1200, 400)
    assert split.notes == ()
