"""Reading labelled text: formats, encodings, columns, rows left out, and the fingerprint."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgetext.data.example import Example
from edgetext.data.load import load
from edgetext.errors import DataError

ROWS = [("a bowl of soup", "food"), ('she said "no", and left', "not_food"), ("two\nlines", "food")]


def write_csv(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = ("text", "label")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",").writerows([header, *rows])
    return path


def write_json_lines(path: Path, rows: list[tuple[object, ...]]) -> Path:
    lines = (json.dumps(dict(zip(("text", "label", "split"), row, strict=False))) for row in rows)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def pairs(examples: tuple[Example, ...]) -> list[tuple[str, str]]:
    return [(example.text, example.label) for example in examples]


@pytest.mark.parametrize("name", ["d.csv", "d.tsv", "d.jsonl", "d.ndjson", "d.parquet"])
def test_every_format_gives_the_same_rows_and_fingerprint(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if path.suffix in (".csv", ".tsv"):
        write_csv(path, ROWS)
    elif path.suffix == ".parquet":
        import datasets

        columns = {"text": [text for text, _ in ROWS], "label": [label for _, label in ROWS]}
        datasets.Dataset.from_dict(columns).to_parquet(str(path))
    else:
        write_json_lines(path, ROWS)
    data = load(str(path))
    assert pairs(data.examples) == ROWS
    assert [example.row for example in data.examples] == [1, 2, 3]
    assert (data.name, data.source.uri, data.source.rows) == ("d", str(path), 3)
    assert (data.source.text_column, data.source.label_column, data.source.split_column) == ("text", "label", None)
    assert data.source.fingerprint == load(str(write_csv(tmp_path / "same.csv", ROWS))).source.fingerprint
    assert data.splits is None


def test_a_changed_text_changes_the_fingerprint(tmp_path: Path) -> None:
    before = load(str(write_csv(tmp_path / "a.csv", ROWS))).source.fingerprint
    after = load(str(write_csv(tmp_path / "b.csv", [("a bowl of soap", "food"), *ROWS[1:]]))).source.fingerprint
    assert before != after
    assert len(before) == 64


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark_are_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes("text,label\r\ncrème brûlée 🍮,food\r\n椅子,not_food\r\n".encode(encoding))
    assert pairs(load(str(path)).examples) == [("crème brûlée 🍮", "food"), ("椅子", "not_food")]


def test_semicolons_separate_where_the_header_says_so(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("text;label\nsoup, bread;food\n", "utf-8")
    assert pairs(load(str(path)).examples) == [("soup, bread", "food")]


@pytest.mark.parametrize(
    ("header", "text", "label"),
    [
        ("id,Sentence,Intent", "Sentence", "Intent"),
        ("utterance,category,x2", "utterance", "category"),
        ("label,label_text,text", "text", "label_text"),
        (" text , label ,other", "text", "label"),
        ("review,sentiment,title", "review", "sentiment"),
    ],
)
def test_columns_are_found_by_their_usual_names(header: str, text: str, label: str, tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(f"{header}\na,b,c\n", "utf-8")
    source = load(str(path)).source
    assert (source.text_column, source.label_column) == (text, label)


def test_given_columns_go_first(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "d.csv", [("a", "b", "c", "d")], ("text", "label", "words", "kind"))
    assert pairs(load(str(path), text_column="words", label_column="kind").examples) == [("c", "d")]


def test_numbers_and_booleans_serve_as_labels(tmp_path: Path) -> None:
    path = write_json_lines(tmp_path / "d.jsonl", [("a", 0), ("b", 1), ("c", True), ("d", " spaced ")])
    assert [example.label for example in load(str(path)).examples] == ["0", "1", "true", "spaced"]


def test_class_names_in_parquet_are_used(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )
    path = tmp_path / "d.parquet"
    datasets.Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features).to_parquet(str(path))
    assert [example.label for example in load(str(path)).examples] == ["yes", "no"]


def test_blank_lines_do_not_count_as_rows(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n\n\n{"text": "b", "label": "y"}\n', "utf-8")
    assert [example.row for example in load(str(path)).examples] == [1, 2]


def test_dropped_rows_are_counted_by_reason(tmp_path: Path) -> None:
    rows = [("a", "x"), ("", "x"), ("b", ""), ("  ", "y"), ("c", "y"), ("d", "y", "z")]
    path = write_csv(tmp_path / "d.csv", rows)
    data = load(str(path), drop_invalid=True)
    assert [example.row for example in data.examples] == [1, 5]
    assert data.source.rows == 6
    assert data.dropped == (
        f"{path}: left out 2 rows: column 'text': the text is empty (first: row 2 (line 3))",
        f"{path}: left out 1 row: column 'label': the label is missing (first: row 3 (line 4))",
        f"{path}: left out 1 row: not as many fields as the header (first: row 6 (line 7))",
    )


def test_a_split_column_gives_the_parts(tmp_path: Path) -> None:
    rows = [("a", "x", "train"), ("b", "y", "Dev"), ("c", "x", "TEST"), ("d", "y", "training"), ("e", "y", "val")]
    data = load(str(write_csv(tmp_path / "d.csv", rows, ("text", "label", "Split"))))
    assert data.source.split_column == "Split"
    assert data.splits is not None
    found = {part: [example.text for example in examples] for part, examples in data.splits.items()}
    assert found == {"train": ["a", "d"], "validation": ["b", "e"], "test": ["c"]}


def test_large_fields_are_read_and_the_limit_is_put_back(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = write_csv(tmp_path / "d.csv", [("word " * 100_000, "x"), ("b", "y")])
    assert len(load(str(path)).examples[0].text) == 500_000
    assert csv.field_size_limit() == before


def test_the_builtin_data_opens_by_its_bare_name() -> None:
    data = load("food_not_food")
    assert (data.name, data.source.uri, len(data.examples)) == ("food_not_food", "builtin:food_not_food", 2200)
    assert data.source.fingerprint == load("builtin:food_not_food").source.fingerprint


def test_text_files_need_the_standard_library_alone(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "d.csv", ROWS)
    code = f"""
import sys
from edgetext.data.load import load
assert len(load({str(path)!r}).examples) == 3
heavy = {{"numpy", "datasets", "sklearn", "pyarrow", "torch", "transformers", "rich"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_hub_data_set_is_read_with_its_parts_and_class_names(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}
    )

    def part(texts: list[str], labels: list[int]) -> datasets.Dataset:
        return datasets.Dataset.from_dict({"text": texts, "label": labels}, features=features)

    asked = []

    def load_dataset(name: str, config: str | None, *, revision: str | None) -> dict[str, datasets.Dataset]:
        asked.append((name, config, revision))
        return {"test": part(["c"], [-1]), "unsupervised": part(["u"], [0]), "train": part(["a", "b"], [1, 0])}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    data = load("hub:owner/name:small@v1", drop_invalid=True)
    assert asked == [("owner/name", "small", "v1")]
    assert [(example.text, example.label, example.row) for example in data.examples] == [
        ("a", "yes", 1),
        ("b", "no", 2),
    ]
    assert data.dropped[0].startswith(
        "hub:owner/name:small@v1: left out 1 row: column 'label': the label is missing"
    )
    assert (data.source.uri, data.source.split_column) == ("hub:owner/name:small@v1", "split")


def test_one_rule_for_labels_in_every_format(tmp_path: Path) -> None:
    values = [1, 1.0, "1", "1.0", 0.0, "-0.0", 1.5, "1.50", "007", "-3.00", True, "1e3", 10**400]
    expected = ["1", "1", "1", "1", "0", "0", "1.5", "1.50", "007", "-3", "true", "1e3", str(10**400)]
    path = write_json_lines(tmp_path / "d.jsonl", [("a", value) for value in values])
    assert [example.label for example in load(str(path)).examples] == expected
    as_text = [("a", "true" if value is True else str(value)) for value in values]
    assert [example.label for example in load(str(write_csv(tmp_path / "d.csv", as_text))).examples] == expected
    import pyarrow.parquet

    table = pyarrow.table({"text": ["a", "b"], "label": pyarrow.array([1.0, 2.5])})
    pyarrow.parquet.write_table(table, tmp_path / "d.parquet")
    assert [example.label for example in load(str(tmp_path / "d.parquet")).examples] == ["1", "2.5"]


def test_a_column_called_split_that_names_no_parts_is_ignored_and_said(tmp_path: Path) -> None:
    rows = [("a", "x", "yes"), ("b", "y", "no"), ("c", "x", "yes")]
    path = write_csv(tmp_path / "d.csv", rows, ("text", "label", "split"))
    data = load(str(path))
    assert (len(data.examples), data.splits, data.source.split_column) == (3, None, None)
    assert "the column 'split' is ignored: it says 'yes', 'no'" in data.notes[0]
    with pytest.raises(DataError, match="'yes'"):
        load(str(path), split_column="split")


def test_a_column_of_parts_can_be_ignored(tmp_path: Path) -> None:
    rows = [("a", "x", "train"), ("b", "y", "test")]
    path = write_csv(tmp_path / "d.csv", rows, ("text", "label", "split"))
    assert load(str(path)).splits is not None
    data = load(str(path), split_column="")
    assert (data.splits, data.source.split_column, data.notes) == (None, None, ())


def test_the_columns_of_the_file_that_it_goes_with_are_taken(tmp_path: Path) -> None:
    trained = load(str(write_csv(tmp_path / "a.csv", [("s", "q")], ("subject", "queue"))), text_column="subject",
                   label_column="queue")  # fmt: skip
    other = write_csv(tmp_path / "b.csv", [("b", "s", "l", "q")], ("body", "subject", "label", "queue"))
    assert pairs(load(str(other)).examples) == [("b", "l")]
    assert pairs(load(str(other), like=trained.source).examples) == [("s", "q")]
    assert pairs(load(str(other), like=trained.source, text_column="body").examples) == [("b", "q")]


@pytest.mark.parametrize("uri", ["hub:/etc/passwd", "hub:../x", "hub:a/b/c", "hub:", "hub:./data"])
def test_a_name_that_is_none_of_the_hub_is_refused(uri: str) -> None:
    with pytest.raises(DataError, match="is no name on the Hub"):
        load(uri)


def test_a_folder_is_not_taken_for_a_name_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="also lies in this folder"):
        load("hub:owner/name")


def test_labels_that_other_readers_take_for_nothing_are_labels(tmp_path: Path) -> None:
    rows = [("a", "NA"), ("b", "None"), ("c", "null"), ("d", "nan"), ("e", "N/A")]
    assert pairs(load(str(write_csv(tmp_path / "d.csv", rows))).examples) == rows


def test_categories_of_parquet_are_labels(tmp_path: Path) -> None:
    import pyarrow.parquet

    labels = pyarrow.array(["x", "y", "x"]).dictionary_encode()
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b", "c"], "label": labels}), tmp_path / "d.parquet")
    assert pairs(load(str(tmp_path / "d.parquet")).examples) == [("a", "x"), ("b", "y"), ("c", "x")]


def test_600_labels_and_labels_with_one_row_are_split(tmp_path: Path) -> None:
    from edgetext.data.split import resolve_split

    rows = [(f"text {number}", f"label {number % 600}") for number in range(2400)] + [("alone", "once")]
    split = resolve_split(load(str(write_csv(tmp_path / "d.csv", rows))))
    assert len(split.labels) == 601 and "once" in {example.label for example in split.train}
    assert len({example.label for example in split.validation}) > 200
