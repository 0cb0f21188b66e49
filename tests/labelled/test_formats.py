"""Formats beside plain text files: packed ones, JSON arrays, workbooks, and folders; read alike for predicting."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from edgetext.bulk.records import good_rows, open_rows
from edgetext.checkpoint import SplitRecord
from edgetext.data.held_out import held_out
from edgetext.data.load import load
from edgetext.data.split import resolve_split
from edgetext.errors import DataError

ROWS = [("a bowl of soup", "food"), ("crème brûlée, eaten", "food"), ("a dog in the park", "not_food")]


def workbook(path: Path, *rows: tuple[object, ...], sheets: tuple[str, ...] = ("Sheet1",)) -> Path:
    book = openpyxl.Workbook()
    book.active.title = sheets[0]
    for row in rows:
        book.active.append(row)
    for name in sheets[1:]:
        book.create_sheet(name).append(("other", "things"))
    book.save(path)
    return path


def write(path: Path) -> Path:
    """Writes the rows in the format that a name ends in."""
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    records = [{"text": text, "label": label} for text, label in ROWS]
    if plain.suffix == ".json":
        plain.write_text(json.dumps(records, indent=1), "utf-8")
    elif plain.suffix == ".jsonl":
        plain.write_text("".join(json.dumps(row) + "\n" for row in records), "utf-8")
    elif plain.suffix == ".xlsx":
        workbook(plain, ("text", "label"), *ROWS)
    elif plain.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(records), plain)
    else:
        between = "\t" if plain.suffix == ".tsv" else ","
        lines = [("text", "label"), *ROWS]
        plain.write_text("".join(f'"{text}"{between}{label}\n' for text, label in lines), "utf-8")
    if plain != path:
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return path


@pytest.mark.parametrize(
    "name", ["json", "xlsx", "csv.gz", "tsv.gz", "jsonl.gz", "json.gz", "parquet.gz", "xlsx.gz", "CSV.GZ"]
)
def test_every_format_holds_the_same_rows_for_training_and_predicting(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"rows.{name.lower()}").rename(tmp_path / f"rows.{name}")
    data = load(str(path))
    assert [(row.text, row.label) for row in data.examples] == ROWS
    assert data.name == "rows"
    assert data.source.fingerprint == load(str(write(tmp_path / "same.csv"))).source.fingerprint
    with open_rows(path) as source:
        rows = list(good_rows(source))
        assert source.size and 0 < source.position() <= source.size
    assert [(row.text, row.columns["label"], row.number) for row in rows] == [
        (*row, number) for number, row in enumerate(ROWS, start=1)
    ]


def test_a_packed_file_of_texts_is_predicted(tmp_path: Path) -> None:
    path = tmp_path / "texts.txt.gz"
    path.write_bytes(gzip.compress("one\n\nthrée\n".encode()))
    with open_rows(path) as source:
        assert [row.text for row in good_rows(source)] == ["one", "", "thrée"]


@pytest.mark.parametrize("suffix", ["csv.gz", "parquet.gz"])
def test_what_unpacks_to_far_too_much_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"bomb.{suffix}"
    path.write_bytes(gzip.compress(b"text,label\n" + b"a" * (96 << 20), 9))
    with pytest.raises(DataError, match=r"bomb.*bytes hold .* or more, which no file of texts does"):
        load(str(path))


def test_json_lines_that_are_called_json_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl").rename(tmp_path / "rows.json")
    assert [(row.text, row.label) for row in load(str(path)).examples] == ROWS


def test_a_json_array_has_a_largest_size(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    with path.open("wb") as stream:
        stream.write(b"[")
        stream.truncate(65 << 20)
    with pytest.raises(DataError, match=r"larger than 64 MB.*\.jsonl"):
        load(str(path))


def test_broken_objects_of_an_array_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(
        '[{"text": "a", "label": "x"}, null, {"text": "\\ud800", "label": "y"}, {"label": "z"}]', "utf-8"
    )
    data = load(str(path), drop_invalid=True)
    assert [row.row for row in data.examples] == [1]
    assert len(data.dropped) == 3


def test_the_first_sheet_is_read_and_said(tmp_path: Path) -> None:
    path = workbook(tmp_path / "d.xlsx", (), ("text", "label", None, "note"), ("a", 1), (), ("b", 2.0, None, "n"),
                    sheets=("Texts", "Other"))  # fmt: skip
    data = load(str(path))
    assert [(row.text, row.label, row.row) for row in data.examples] == [("a", "1", 1), ("b", "2", 2)]
    assert any("'Texts'" in note and "2" in note for note in data.notes)


def test_formulas_and_errors_of_a_workbook_are_no_texts(tmp_path: Path) -> None:
    rows = [("=A3&B3", "x", 1), ("a", "#N/A", 2), ("b", "x", "=1+1"), (4, "y", 5), ("c", "x", 1, "more")]
    path = workbook(tmp_path / "d.xlsx", ("text", "label", "n"), *rows)
    with pytest.raises(DataError, match=r"row 1 \(line 2\).*'text'.*formula without a stored value.*=A3&B3"):
        load(str(path))
    data = load(str(path), drop_invalid=True)
    assert [(row.text, row.label) for row in data.examples] == [("b", "x")]
    assert len(data.dropped) == 4
    assert any("'label' is" in told or "an error of the workbook" in told for told in data.dropped)


def test_a_stored_value_of_a_formula_is_read(tmp_path: Path) -> None:
    path = workbook(tmp_path / "d.xlsx", ("text", "label"), ("=1", "x"))
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b"<v></v>" in parts[sheet] or b"<v />" in parts[sheet]
    cell = parts[sheet].replace(b'<c r="A2">', b'<c r="A2" t="str">')
    parts[sheet] = cell.replace(b"<v></v>", b"<v>stored</v>", 1).replace(b"<v />", b"<v>stored</v>", 1)
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    assert [row.text for row in load(str(path)).examples] == ["stored"]


def test_a_workbook_that_holds_far_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book, book.open("xl/huge.xml", "w") as part:
        for _ in range(320):
            part.write(b" " * (1 << 20))
    with pytest.raises(DataError, match=r"d\.xlsx: .* bytes hold"):
        load(str(path))


def test_an_empty_sheet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"d\.xlsx: the sheet is empty"):
        load(str(workbook(tmp_path / "d.xlsx")))


def folder(root: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".txt").write_text(text, "utf-8")
    return root


def test_a_folder_a_label_is_read(tmp_path: Path) -> None:
    root = folder(tmp_path / "d", pos__1="good\nfilm\n", pos__2="fine", neg__1="bad", **{".git__x": "no"})
    (root / "pos" / "about.md").write_text("no text of it", "utf-8")
    data = load(str(root))
    assert [(row.text, row.label, row.row) for row in data.examples] == [
        ("bad", "neg", 1), ("good\nfilm", "pos", 2), ("fine", "pos", 3)
    ]  # fmt: skip
    assert data.splits is None and data.name == "d"
    assert any("1 file was left out" in note for note in data.notes)


def test_parts_of_a_folder_are_parts(tmp_path: Path) -> None:
    parts = [f"{part}__{label}" for part in ("train",) * 9 + ("test",) * 2 for label in ("neg", "pos")]
    root = folder(tmp_path / "d", **{f"{part}__{number}": f"text {number}" for number, part in enumerate(parts)})
    data = load(str(root))
    assert data.splits is not None and {part: len(rows) for part, rows in data.splits.items()} == {
        "train": 18,
        "test": 4,
    }
    split = resolve_split(data)
    assert held_out(SplitRecord.from_json(split.record.to_json()), "test") == split.test


def test_a_bad_text_of_a_folder_is_named_by_its_file(tmp_path: Path) -> None:
    root = folder(tmp_path / "d", pos__1="good", neg__1="", neg__2="bad")
    with pytest.raises(DataError, match=r"row 1 \(neg/1\.txt\): .*empty"):
        load(str(root))
    (root / "neg" / "1.txt").write_bytes(b"caf\xff\xfe")
    with pytest.raises(DataError, match=r"neg/1\.txt.*not readable as text"):
        load(str(root))


def test_a_link_that_leaves_a_folder_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "d", pos__1="good", neg__1="bad")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    (root / "pos" / "2.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(DataError, match=r"pos/2\.txt is a link that leaves the folder"):
        load(str(root))
