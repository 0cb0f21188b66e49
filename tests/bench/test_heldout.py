from dataclasses import replace
from pathlib import Path

import pytest

from edgetext.bench.heldout import find_held_out
from edgetext.checkpoint import Checkpoint, SplitPart, SplitRecord
from edgetext.data.evaluation import evaluation_rows
from edgetext.data.load import load
from edgetext.errors import DataError, InputError
from edgetext.runtime.bundle import open_bundle
from edgetext.task import SingleLabel


def write_rows(path, count, word="text"):
    path.write_text("text,label\n" + "".join(f"{word} {row},{'ab'[row % 2]}\n" for row in range(1, count + 1)))
    return str(path)


@pytest.fixture
def files(tmp_path):
    return write_rows(tmp_path / "train.csv", 20), write_rows(tmp_path / "test.csv", 6, "other")


@pytest.fixture
def checkpoint(files):
    """Trained on rows 1 to 15 of train.csv, the best epoch chosen by 16 to 20, with test.csv left alone."""
    parts = {
        "train": SplitPart(0, tuple(range(1, 16))),
        "validation": SplitPart(0, (16, 17, 18, 19, 20)),
        "test": SplitPart(1, (1, 2, 3, 4, 5, 6)),
    }
    record = SplitRecord(tuple(load(file).source for file in files), parts, 0)
    return Checkpoint(Path("ckpt"), SingleLabel(("a", "b")), "bert", 64, split=record)


def without(checkpoint, part):
    parts = {name: rows for name, rows in checkpoint.split.parts.items() if name != part}
    return replace(checkpoint, split=replace(checkpoint.split, parts=parts))


def test_the_test_rows_of_the_split_are_the_first_choice(checkpoint):
    found = find_held_out(checkpoint)
    assert [example.text for example in found.examples] == [f"other {row}" for row in range(1, 7)]
    assert (found.name, found.note) == ("test (test)", "The test rows, by which nothing was chosen")


def test_without_test_rows_the_validation_rows_do_and_it_is_said(checkpoint):
    found = find_held_out(without(checkpoint, "test"))
    assert [example.row for example in found.examples] == [16, 17, 18, 19, 20]
    assert found.note.startswith("The validation rows, by which the best epoch was chosen")


def test_a_file_that_the_split_knows_gives_its_held_out_rows(checkpoint, files):
    assert [example.row for example in find_held_out(checkpoint, files[0]).examples] == [16, 17, 18, 19, 20]
    assert len(find_held_out(checkpoint, files[1]).examples) == 6


def test_any_held_out_part_of_a_file_will_do_where_the_file_is_given(checkpoint, files):
    found = evaluation_rows(checkpoint.split, ("validation",), files[1])
    assert (found.part, len(found.examples)) == ("test", 6)
    assert evaluation_rows(checkpoint.split, ("validation",), files[0]).part == "validation"


def test_a_copy_of_that_file_does_too(checkpoint, files, tmp_path):
    copy = tmp_path / "elsewhere.csv"
    copy.write_text(Path(files[0]).read_text())
    assert find_held_out(checkpoint, str(copy)).name == "elsewhere (validation)"


def test_any_other_file_gives_all_its_rows_and_it_is_said(checkpoint, tmp_path):
    file = write_rows(tmp_path / "new.csv", 9, "new")
    found = find_held_out(checkpoint, file)
    assert (len(found.examples), found.note) == (
        9,
        "All rows of the file: the checkpoint was not split from this file",
    )
    assert find_held_out(None, file).note == "All rows of the file: no checkpoint tells which were trained on"


def test_rows_that_were_trained_on_are_refused(checkpoint, files):
    with pytest.raises(DataError, match=r"train\.csv: the checkpoint was trained on these rows: give a file"):
        find_held_out(without(checkpoint, "validation"), files[0])


def test_a_changed_file_is_refused(checkpoint, files):
    write_rows(Path(files[1]), 7, "changed")
    with pytest.raises(DataError, match=r"test\.csv: its rows are not those"):
        find_held_out(checkpoint)


def test_neither_data_nor_split_is_refused(checkpoint):
    for nothing in (replace(checkpoint, split=None), None):
        with pytest.raises(InputError, match="there are no held-out rows to predict: give --data"):
            find_held_out(nothing)


def test_a_limit_draws_rows_by_the_seed(checkpoint):
    found = find_held_out(checkpoint, limit=3, seed=1)
    assert found.examples == find_held_out(checkpoint, limit=3, seed=1).examples
    rows = [example.row for example in found.examples]
    assert len(rows) == 3 and rows == sorted(rows)
    assert found.note.endswith("; 3 of 6 rows, drawn at random with seed 1")
    assert find_held_out(checkpoint, limit=100) == find_held_out(checkpoint)
    with pytest.raises(InputError, match="limit must be at least 1"):
        find_held_out(checkpoint, limit=0)


def test_the_fingerprint_is_of_texts_and_labels(checkpoint, files):
    found = find_held_out(checkpoint)
    changed = replace(found, examples=(replace(found.examples[0], labels=("a",)), *found.examples[1:]))
    assert found.fingerprint == find_held_out(None, files[1]).fingerprint != changed.fingerprint


def trained_on(checkpoint, rows, name):
    part = SplitPart(1, rows)
    return replace(checkpoint, path=Path(name), split=replace(checkpoint.split, parts={"train": part}))


def test_rows_that_any_of_the_models_was_trained_on_are_left_out(checkpoint):
    """Of the six rows of test.csv, which the baseline left alone."""
    others = [
        trained_on(checkpoint, (1, 2), "one"),
        trained_on(checkpoint, (2, 6), "two"),
        replace(checkpoint, split=None),
    ]
    found = find_held_out(checkpoint, others=others)
    assert [example.row for example in found.examples] == [3, 4, 5]
    assert found.note.endswith("; without 2 rows that one was trained on; without 1 rows that two was trained on")
    with pytest.raises(DataError, match="two was trained on all of these rows"):
        find_held_out(checkpoint, others=[trained_on(checkpoint, (1, 2, 3, 4, 5, 6), "two")])


def test_rows_of_another_file_may_have_the_same_numbers(checkpoint, files):
    other = trained_on(checkpoint, (16, 17), "one")  # of test.csv, were it as long
    assert len(find_held_out(checkpoint, files[0], others=[other]).examples) == 5


def test_without_a_baseline_the_first_split_says_what_was_held_out(checkpoint):
    first = replace(checkpoint, split=None)
    assert (
        find_held_out(first, others=[checkpoint])
        == find_held_out(None, others=[checkpoint])
        == find_held_out(checkpoint)
    )


def test_a_bundle_that_was_made_of_the_file_is_told(tiny_bundle, files):
    bundle = open_bundle(tiny_bundle)
    provenance = {"data": [{"fingerprint": load(files[1]).source.fingerprint}]}
    made_of_it = replace(bundle, manifest=replace(bundle.manifest, provenance=provenance))
    assert "bundle was made of this very file" in find_held_out(None, files[1], others=[made_of_it]).note
    assert "made of" not in find_held_out(None, files[1], others=[bundle]).note
