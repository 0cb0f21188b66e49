"""One reader of rows for training and predicting: what a file is, is found from its bytes, and said."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from edgetext.bulk.records import Broken, OpenRows, TextColumns, open_rows, stream_of_lines
from edgetext.data import lines as data_lines
from edgetext.data.lines import Line, Lines
from edgetext.data.load import load
from edgetext.data.separated import find_separator
from edgetext.errors import DataError, InputError

ROWS = [("a bowl of soup", "food"), ("crème brûlée, eaten", "food"), ("l’été à “Köln” – 5 €", "not_food")]
PLAIN = "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in ROWS)
NOTED = "d.csv: the texts are taken from"


def rows_of(source: OpenRows) -> list[tuple[str, ...]]:
    return [() if isinstance(row, Broken) else tuple(map(str, row.columns.values())) for row in source.records]


def both(path: Path) -> tuple[list[tuple[str, ...]], list[str]]:
    """Gives the rows that predicting reads and what it says, once training is seen to read and say the same."""
    notes: list[str] = []
    with open_rows(path, note=notes.append) as source:
        rows = rows_of(source)
    data = load(str(path))
    assert [(example.text, example.label) for example in data.examples] == [
        (row[0], row[1]) if data.source.text_column == "text" else row for row in rows
    ]
    assert list(data.notes) == [note for note in notes if NOTED not in note]
    return rows, [note.removeprefix(f"{path}: ") for note in notes]


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (PLAIN.encode(), ""),
        (PLAIN.encode("utf-8-sig"), ""),
        (PLAIN.replace("\n", "\r\n").encode(), ""),
        (PLAIN.replace("\n", "\r").encode(), ""),
        (PLAIN.encode("utf-16"), "read as UTF-16"),
        (PLAIN.encode("utf-16-le"), "read as UTF-16"),
        (PLAIN.encode("utf-16-be"), "read as UTF-16"),
        (PLAIN.replace("\n", "\r").encode("utf-16"), "read as UTF-16"),
        (PLAIN.encode("utf-32"), "read as UTF-32"),
        (PLAIN.encode("cp1252"), "read as Windows-1252"),
        (PLAIN.replace('",', '";').replace("text,", "text;").encode(), "separated by semicolons"),
        (PLAIN.replace('",', '"\t').replace("text,", "text\t").encode(), "separated by tabs"),
        (PLAIN.replace('",', '"|').replace("text,", "text|").encode(), "separated by '|'"),
        (("sep=;\n" + PLAIN.replace('",', '";').replace("text,", "text;")).encode(), "separated by semicolons"),
        (("sep=~\n" + PLAIN.replace('",', '"~').replace("text,", "text~")).encode(), "separated by '~'"),
    ],
)
def test_encoding_line_ends_and_separator_are_found(content: bytes, note: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    rows, notes = both(path)
    assert rows == ROWS
    assert [note in said for said in notes] == ([True] if note else [])


def test_tabs_are_no_news_in_a_tsv_and_commas_are(tmp_path: Path) -> None:
    path = tmp_path / "d.tsv"
    path.write_text("text\tlabel\na, b\tx\n", "utf-8")
    assert both(path) == ([("a, b", "x")], [])
    path.write_text('text,label\n"a\tb",x\n', "utf-8")
    assert both(path) == ([("a\tb", "x")], ["its fields are separated by commas"])


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["text,label\n", "a;b,x\n", "c;d,y\n"], ","),
        (["text;label, english\n", "a, b, c;x\n", "d;y\n"], ";"),
        (["id,text;label\n", "1,a;x\n", "2,b;y\n", "3,c\n"], ","),
        (["text\n", "a, b\n"], ","),
        (["text|label\n"], "|"),
        ([], ","),
    ],
)
def test_the_separator_is_the_one_that_the_rows_agree_on(lines: list[str], found: str) -> None:
    assert find_separator(lines, ",") == found


@pytest.mark.parametrize("encoding", ["cp1251", "cp1250", "mac-roman", "koi8-r", "gbk", "shift-jis"])
def test_what_is_not_western_is_not_read_as_such(encoding: str, tmp_path: Path) -> None:
    text = {"cp1250": "mała łyżka", "mac-roman": "crème brûlée", "gbk": "一碗汤面", "shift-jis": "うどん一杯"}
    path = tmp_path / "d.txt"
    path.write_bytes(f"hello\n{text.get(encoding, 'привет')}\n".encode(encoding))
    with open_rows(path) as source:
        first, second = source.records
    assert first.text == "hello" and isinstance(second, Broken)  # type: ignore[union-attr]


def test_a_good_file_with_one_wrong_byte_stays_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_bytes("crème\n".encode() + b"caf\xe9\n" + "brûlée\n".encode())
    with open_rows(path) as source:
        assert rows_of(source) == [("crème",), (), ("brûlée",)]


def test_a_letter_cut_in_two_where_the_sample_ends_is_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_lines, "_EVIDENCE_BYTES", 7)
    path = tmp_path / "d.txt"
    path.write_bytes("hello é\n".encode())  # é is byte 6 and byte 7
    with open_rows(path) as source:
        assert rows_of(source) == [("hello é",)]


def test_a_stream_is_read_as_what_it_begins_with() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert rows_of(stream_of_lines(io.BytesIO("a dog\r\n\r\nÉté".encode(encoding)), "stdin")) == [
            ("a dog",),
            ("",),
            ("Été",),
        ]


def test_utf_16_that_breaks_off_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_lines, "_EVIDENCE_BYTES", 20)
    path = tmp_path / "d.txt"
    path.write_bytes("hello world\nsecond\n".encode("utf-16") + b"x")
    with open_rows(path) as source, pytest.raises(DataError, match=r"d\.txt: after line 2: .* expected UTF-16"):
        list(source.records)


def test_a_line_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_lines, "LONGEST_LINE", 8)
    lines = Lines(io.BytesIO(b"\xef\xbb\xbfab\r\n" + b"c" * 30 + b"\nd"), "d.txt")
    long = "the line is longer than 33,554,432 characters"
    assert list(lines) == [Line(1, "ab\r\n"), Line(2, "cccccccc...\n", long), Line(3, "d")]
    with pytest.raises(DataError, match="no text"):
        list(Lines(io.BytesIO(b"c" * 8 * 50), "d.txt"))


def csv_rows(content: str, tmp_path: Path) -> list[object]:
    path = tmp_path / "in.csv"
    path.write_bytes(content.encode())
    with open_rows(path) as source:
        return [record.raw if isinstance(record, Broken) else dict(record.columns) for record in source.records]


def test_quotes_hold_lines_together(tmp_path: Path) -> None:
    assert csv_rows('text,b\n"a\r\nb",1\n\n"c ""d"" ",2\n', tmp_path) == [
        {"text": "a\r\nb", "b": "1"},
        {"text": 'c "d" ', "b": "2"},
    ]


def test_a_broken_row_takes_its_own_lines_only(tmp_path: Path) -> None:
    assert csv_rows('text,b\n"a\nb" c,1\nd,2\n', tmp_path) == ['"a\nb" c,1', {"text": "d", "b": "2"}]
    assert csv_rows('text,b\n"a,1\nb,2\n"c,3\nd,4\n', tmp_path)[-1] == {"text": "d", "b": "4"}


def test_columns_without_a_name_are_called_by_their_place(tmp_path: Path) -> None:
    assert csv_rows("text,,\na,1,2\n", tmp_path) == [{"text": "a", "column 2": "1", "column 3": "2"}]
    with pytest.raises(DataError, match="the column 'a' twice"):
        csv_rows("text,a,a\nx,1,2\n", tmp_path)


def test_a_line_separator_of_unicode_is_no_line_end(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": "a\u2028b\x85c"}\n', "utf-8")
    with open_rows(path) as source:
        assert rows_of(source) == [("a\u2028b\x85c",)]


@pytest.mark.parametrize(
    ("header", "column", "text", "said"),
    [
        ("subject,body,queue", TextColumns(trained="subject"), "s", []),
        ("subject,body,queue", TextColumns("queue", "subject"), "q", []),
        (
            "title,body,queue",
            TextColumns(trained="subject"),
            "b",
            ["'body'", "'subject', which the model was trained"],
        ),
        ("subject,body,queue", TextColumns(), "b", ["'body'"]),
        ("id,text,queue", TextColumns(), "b", []),
    ],
)
def test_the_column_of_training_is_taken_and_another_one_is_named(
    header: str, column: TextColumns, text: str, said: list[str], tmp_path: Path
) -> None:
    path, notes = tmp_path / "d.csv", list[str]()
    path.write_text(f"{header}\ns,b,q\n")
    with open_rows(path, column, notes.append) as source:
        assert [row.text for row in source.records] == [text]  # type: ignore[union-attr]
    assert len(notes) == bool(said)
    assert all(part in notes[0] for part in said)


def test_json_lines_choose_by_their_first_row(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('oops\n{"body": "b", "subject": "s"}\n{"body": "c"}\n')
    with open_rows(path, TextColumns(trained="subject")) as source:
        assert rows_of(source) == [(), ("b", "s"), ()]
    with pytest.raises(InputError, match="which column holds the text"), open_rows(path) as source:
        path.write_text('{"a": "b", "c": "s"}\n')
        list(source.records)


@pytest.mark.parametrize("name", ["data[1]", "data*", "da?a", "data{1,2}", "hub", "~data"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_exactly_the_file_that_was_named_is_opened(name: str, suffix: str, tmp_path: Path) -> None:
    for stem, text in ((name, "right"), ("data1", "wrong"), ("data2", "wrong")):
        path = tmp_path / f"{stem}{suffix}"
        if suffix == ".csv":
            path.write_text(f"text,label\n{text},x\n")
        else:
            pyarrow.parquet.write_table(pyarrow.table({"text": [text], "label": ["x"]}), path)
    assert both(tmp_path / f"{name}{suffix}")[0] == [("right", "x")]


def test_parquet_with_twin_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], ["text", "text"])
    pyarrow.parquet.write_table(table, path)
    with pytest.raises(DataError, match="the column 'text' twice"), open_rows(path):
        pass


@pytest.mark.parametrize("cells", ["many", "large"])
def test_parquet_that_holds_far_more_than_its_size_is_refused(cells: str, tmp_path: Path) -> None:
    path = tmp_path / "d.parquet"
    text = "x" * (1 << 20 if cells == "many" else 300 << 20)
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * (100_000 if cells == "many" else 1)), [text])
    pyarrow.parquet.write_table(pyarrow.table({"text": column}), path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match="which no file of texts does"), open_rows(path) as source:
        list(source.records)
