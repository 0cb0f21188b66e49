"""Texts without labels, in every kind of file that labelled rows come in, and a text a line."""

from __future__ import annotations

import json

import pytest

from edgetext.data.texts import load_texts
from edgetext.errors import DataError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("texts.txt", "one\ntwo\n"),
        ("rows.csv", "id,text\n1,one\n2,two\n"),
        ("rows.jsonl", '{"text": "one"}\n{"text": "two"}\n'),
        ("rows.json", json.dumps([{"Text": "one"}, {"Text": "two"}])),
        ("labelled.tsv", "label\tsentence\nx\tone\n\ttwo\n"),
    ],
)
def test_every_reader_serves(tmp_path, name, content):
    (tmp_path / name).write_text(content, "utf-8")
    found = load_texts(str(tmp_path / name))
    assert (found.texts, found.name, found.notes) == (("one", "two"), name.partition(".")[0], ())


def test_the_column_of_training_is_taken_where_it_is_there(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,words,premise,hypothesis\na,b,c,d\n", "utf-8")
    assert load_texts(str(path), "words").texts == ("b",)
    assert load_texts(str(path), "gone", "").texts == ("a",)
    assert load_texts(str(path), "premise", "hypothesis").texts == (("c", "d"),)


def test_rows_without_a_text_are_left_out_and_counted(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("one\n\n  \ntwo\n", "utf-8")
    found = load_texts(str(path))
    assert found.texts == ("one", "two")
    assert len(found.notes) == 1
    assert "left out 2 rows" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "named"), [("\n \n", "row 1"), ("", "texts.txt")], ids=["blank lines", "an empty file"]
)
def test_a_file_without_a_text_is_refused(tmp_path, content, named):
    path = tmp_path / "texts.txt"
    path.write_text(content, "utf-8")
    with pytest.raises(DataError, match=named):
        load_texts(str(path))


def test_a_file_without_a_column_of_texts_is_refused(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(DataError, match="no column looks like the text"):
        load_texts(str(path))
