"""Several labels a row and pairs of texts: how they stand in files, how they are split, and read again."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from edgetext.checkpoint import SplitRecord
from edgetext.data.cut import stratify
from edgetext.data.evaluation import check_labels, evaluation_rows
from edgetext.data.example import Example
from edgetext.data.held_out import held_out
from edgetext.data.load import load
from edgetext.data.split import resolve_split
from edgetext.errors import DataError
from edgetext.task import MultiLabel, SingleLabel

KINDS = [
    ("late again", ("time", "anger")),
    ("hello", ()),
    ("how much", ("price",)),
    ("too dear", ("price", "anger")),
]
ROWS = [(f"{text} {number}", labels) for number in range(6) for text, labels in KINDS]


def json_lines(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def csv_of(path: Path, header: str, *lines: str) -> Path:
    path.write_text("\n".join((header, *lines)) + "\n", "utf-8")
    return path


def several(examples: tuple[Example, ...]) -> list[tuple[object, frozenset[str]]]:
    return [(example.text, frozenset(example.labels)) for example in examples]


def in_every_form(folder: Path) -> dict[str, tuple[Path, dict[str, str]]]:
    """Writes the same rows as lists, as separated text and as a column a label."""
    import pyarrow.parquet

    lists = json_lines(folder / "lists.jsonl", *({"text": text, "labels": labels} for text, labels in ROWS))
    columns = {"text": [text for text, _ in ROWS], "labels": [list(labels) for _, labels in ROWS]}
    pyarrow.parquet.write_table(pyarrow.table(columns), folder / "lists.parquet")
    joined = csv_of(folder / "joined.csv", "text,labels", *(f"{text},{'; '.join(labels)}" for text, labels in ROWS))
    names = ("time", "price", "anger")
    flags = [f"{text},{','.join(str(int(name in labels)) for name in names)}" for text, labels in ROWS]
    return {
        "lists": (lists, {}),
        "parquet": (folder / "lists.parquet", {}),
        "joined": (joined, {"label_separator": ";"}),
        "flags": (
            csv_of(folder / "flags.csv", "text,time,price,anger", *flags),
            {"label_column": "time,price,anger"},
        ),
    }


@pytest.mark.parametrize("form", ["lists", "parquet", "joined", "flags"])
def test_several_labels_are_read_in_every_form(form: str, tmp_path: Path) -> None:
    forms = in_every_form(tmp_path)
    path, chosen = forms[form]
    data = load(str(path), **chosen)
    assert several(data.examples) == [(text, frozenset(labels)) for text, labels in ROWS]
    assert not data.one_label
    assert any("multi label" in note for note in data.notes)
    assert data.source.fingerprint == load(str(forms["lists"][0])).source.fingerprint


@pytest.mark.parametrize("form", ["lists", "parquet", "joined", "flags"])
def test_the_record_reads_rows_again_as_they_were_read(form: str, tmp_path: Path) -> None:
    path, chosen = in_every_form(tmp_path)[form]
    split = resolve_split(load(str(path), **chosen))
    assert isinstance(split.task, MultiLabel)
    record = SplitRecord.from_json(json.loads(json.dumps(split.record.to_json())))
    assert record == split.record
    for part in ("train", "validation", "test"):
        assert held_out(record, part) == getattr(split, part)


def test_a_record_of_before_still_reads() -> None:
    source = {"uri": "/a.csv", "fingerprint": "ab", "rows": 9, "text_column": "text", "label_column": "label"}
    record = SplitRecord.from_json({"sources": [source], "parts": {}, "seed": 1})
    assert (record.sources[0].text_pair_column, record.sources[0].label_separator) == (None, None)


def test_a_changed_label_or_second_text_changes_the_fingerprint(tmp_path: Path) -> None:
    def digest(*rows: dict[str, object]) -> str:
        return load(str(json_lines(tmp_path / "d.jsonl", *rows))).source.fingerprint

    several_labels = {"text": "a", "labels": ["x", "y"]}
    assert digest(several_labels) == digest({**several_labels, "labels": ["y", "x"]})
    assert digest(several_labels) != digest({**several_labels, "labels": ["x"]})
    pair = {"premise": "a", "hypothesis": "b", "label": "x"}
    assert digest(pair) != digest({**pair, "hypothesis": "c"})


def test_columns_of_numbers_are_offered_where_no_label_is_found(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "d.csv", 'comment,toxic,"mild, rude",score', "a,0,1,3", "b,1,1,4")
    with pytest.raises(DataError, match='--label-column toxic,"mild, rude"') as refusal:
        load(str(path))
    offered = str(refusal.value).partition("--label-column toxic")[2]
    data = load(str(path), label_column="toxic" + offered)
    assert [example.labels for example in data.examples] == [("mild, rude",), ("toxic", "mild, rude")]
    assert [row.labels for row in load(str(path), like=data.source).examples] == [
        row.labels for row in data.examples
    ]


def test_a_column_whose_name_holds_a_comma_is_one_column(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "d.csv", 'text,"a,b"', "x,food")
    assert load(str(path), label_column="a,b").examples[0].labels == ("food",)


def lists_of(*labels: object) -> list[dict[str, object]]:
    return [{"text": f"text {number}", "labels": each} for number, each in enumerate(labels)]


# rows, what was chosen, what the message must name
BAD_LISTS = {
    "a string among lists": (lists_of(["a"], ["b"], "a"), {}, ["row 3", "'labels'", "'a'", "a list"]),
    "no list": (lists_of(["a"], ["b"], None), {}, ["row 3", "missing", "[]"]),
    "twice": (lists_of(["a"], ["b", "a", "b"]), {}, ["row 2", "twice", "'b'"]),
    "an empty label": (lists_of(["a"], ["b", " "]), {}, ["row 2", "missing"]),
    "a list in a list": (lists_of(["a"], [["b"]]), {}, ["row 2", "a list"]),
    "a separator for lists": (lists_of(["a"], ["b"]), {"label_separator": "|"}, ["lists", "--label-separator"]),
    "an empty separator": (lists_of("a", "b"), {"label_separator": ""}, ["separator is empty"]),
    "an empty part": (lists_of("a", "b||a"), {"label_separator": "|"}, ["row 2", "'b||a'", "'|'"]),
    "a last separator": (lists_of("a", "b|"), {"label_separator": "|"}, ["row 2", "'b|'"]),
    "twice in a text": (lists_of("a", "b|b "), {"label_separator": "|"}, ["row 2", "twice"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_LISTS)
def test_bad_labels_are_named(case: str, tmp_path: Path) -> None:
    rows, chosen, expected = BAD_LISTS[case]
    path = json_lines(tmp_path / "d.jsonl", *rows)
    with pytest.raises(DataError) as refusal:
        load(str(path), **chosen)
    assert str(refusal.value).startswith(f"{path}: ")
    for part in expected:
        assert part in str(refusal.value)
    if "row" in expected[0]:
        assert len(load(str(path), drop_invalid=True, **chosen).examples) == len(rows) - 1


@pytest.mark.parametrize(
    ("lines", "chosen", "expected"),
    [
        (["a,1,0", "b,2,0"], {}, ["row 2 (line 3)", "column 'x'", "'2'", "expected 1"]),
        (["a,1,0", "b,,0"], {}, ["row 2", "column 'x'", "neither 0 nor 1"]),
        (["a,1,0"], {"label_column": "x,y,z"}, ["no column 'z'", "--label-column"]),
        (["a,1,0"], {"label_column": "x,x"}, ["'x' twice"]),
        (["a,1,0"], {"label_column": "x,text"}, ["'text' cannot be two"]),
        (["a,1,0"], {"label_separator": "|"}, ["a column each", "--label-separator"]),
    ],
)
def test_bad_columns_of_labels_are_named(
    lines: list[str], chosen: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    path = csv_of(tmp_path / "d.csv", "text,x,y", *lines)
    with pytest.raises(DataError) as refusal:
        load(str(path), **{"label_column": "x,y", **chosen})
    for part in expected:
        assert part in str(refusal.value)


def test_booleans_and_numbers_are_flags(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "d.jsonl", {"text": "a", "x": True, "y": 0}, {"text": "b", "x": "1.0", "y": False})
    assert [row.labels for row in load(str(path), label_column="x,y").examples] == [("x",), ("x",)]


def test_a_label_that_no_row_bears_is_told(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "d.csv", "text,x,y", "a,1,0", "b,0,0")
    assert any("no row has 1 in y" in note for note in load(str(path), label_column="x,y").notes)


def test_a_file_for_a_part_that_lacks_a_label_column_is_told_which(tmp_path: Path) -> None:
    train = load(str(csv_of(tmp_path / "train.csv", "text,x,y", "a,1,0", "b,0,1")), label_column="x,y")
    with pytest.raises(DataError, match=r"test\.csv: there is no column 'y'"):
        load(str(csv_of(tmp_path / "test.csv", "text,x,z", "a,1,0")), like=train.source)


def test_class_numbers_in_lists_get_their_names(tmp_path: Path) -> None:
    import datasets

    features = datasets.Features(
        {"text": datasets.Value("string"), "labels": datasets.Sequence(datasets.ClassLabel(names=["no", "yes"]))}
    )
    path = tmp_path / "d.parquet"
    datasets.Dataset.from_dict({"text": ["a", "b"], "labels": [[0, 1], []]}, features=features).to_parquet(
        str(path)
    )
    assert [row.labels for row in load(str(path)).examples] == [("no", "yes"), ()]


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ("premise,hypothesis,label", ("premise", "hypothesis")),
        ("label,Sentence2,Sentence1", ("Sentence1", "Sentence2")),
        ("query,passage,label", ("query", "passage")),
        ("premise,text,label", ("text", None)),
        ("text,sentence1,sentence2,label", ("text", None)),
    ],
)
def test_pairs_are_found_by_their_usual_names(header: str, texts: tuple[str, str], tmp_path: Path) -> None:
    path = csv_of(tmp_path / "d.csv", header, ",".join("abcd"[: header.count(",") + 1]))
    data = load(str(path))
    assert (data.source.text_column, data.source.text_pair_column) == texts
    assert isinstance(data.examples[0].text, tuple) == (texts[1] is not None)
    assert any("pair" in note for note in data.notes) == (texts[1] is not None)


def test_given_columns_decide_about_pairs(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "d.csv", "premise,hypothesis,claim,label", "a,b,c,x")
    assert load(str(path), text_column="premise").examples[0].text == "a"
    assert load(str(path), text_pair_column="hypothesis").examples[0].text == ("a", "b")
    assert load(str(path), text_column="claim", text_pair_column="premise").examples[0].text == ("c", "a")
    with pytest.raises(DataError, match=r"no column 'nope'.*--text-pair-column"):
        load(str(path), text_pair_column="nope")
    with pytest.raises(DataError, match="'claim' cannot be two"):
        load(str(path), text_column="claim", text_pair_column="claim")


def test_half_a_pair_is_a_broken_row(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "d.csv", "premise,hypothesis,label", "a,b,x", "c,,y")
    with pytest.raises(DataError, match=r"row 2.*'hypothesis': the text is empty"):
        load(str(path))


def test_a_pair_stands_on_one_side_and_its_record_reads_it_again(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["premise", "hypothesis", "label"])
        for number in range(
            60
        ):  # the same first text with two second ones, and each pair a second time in capitals
            pair = (f"text {number // 2}", f"other {number % 2}")
            for each in (pair, tuple(text.upper() for text in pair)):
                writer.writerow([*each, "yes" if number % 3 else "no"])
    split = resolve_split(load(str(path)))
    assert isinstance(split.task, SingleLabel)
    sides = [
        {tuple(text.casefold() for text in example.text) for example in part}
        for part in (split.train, split.validation, split.test)
    ]
    assert all(sides) and len(set.union(*sides)) == sum(map(len, sides)) == 60
    assert held_out(SplitRecord.from_json(split.record.to_json()), "test") == split.test


def test_the_file_for_a_part_must_be_alike(tmp_path: Path) -> None:
    single = load(str(csv_of(tmp_path / "single.csv", "text,label", "a,x", "b,y")))
    lists = load(str(json_lines(tmp_path / "lists.jsonl", *lists_of(["x"], ["y"]))))
    pairs = load(str(csv_of(tmp_path / "pairs.csv", "premise,hypothesis,label", "a,b,x", "c,d,y")))
    for first, second in ((single, lists), (lists, single), (single, pairs), (pairs, single)):
        with pytest.raises(DataError, match="has not: expected files that are alike") as refusal:
            resolve_split(first, test=second)
        assert first.source.uri in str(refusal.value) and second.source.uri in str(refusal.value)


def test_another_form_of_several_labels_will_do_for_a_part(tmp_path: Path) -> None:
    forms = in_every_form(tmp_path)
    path, chosen = forms["joined"]
    train = load(str(path), **chosen)
    test = load(str(forms["lists"][0]), like=train.source)
    assert several(test.examples) == several(train.examples)
    assert several(load(str(path), like=train.source).examples) == several(train.examples)


def test_a_label_that_training_lacks_is_named(tmp_path: Path) -> None:
    train = load(str(json_lines(tmp_path / "train.jsonl", *lists_of(["x"], ["y"], ["x", "y"], []))))
    other = load(str(json_lines(tmp_path / "test.jsonl", {"text": "q", "labels": ["x", "z"]})))
    with pytest.raises(DataError, match=r"test\.jsonl: row 1: the validation part has the label 'z'"):
        resolve_split(train, other, other)


def test_every_label_has_its_share_of_a_part_that_is_cut() -> None:
    """Labels of 60 to 600 rows, some together, and rows without any: 15 % of each, within two rows."""
    rows = [
        tuple(label for label, every in (("a", 2), ("b", 3), ("c", 7), ("d", 20)) if number % every == 0)
        for number in range(1200)
    ]
    drawn = stratify(rows, 180, seed=3)
    assert abs(len(drawn) - 180) <= 4
    whole, part = (
        Counter(label for row in some for label in row or ("none",)) for some in (rows, [rows[at] for at in drawn])
    )
    for label, count in whole.items():
        assert abs(part[label] - 0.15 * count) <= 2, label
    assert drawn == stratify(rows, 180, seed=3) != stratify(rows, 180, seed=4)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_label_loses_its_last_row(count: int, tmp_path: Path) -> None:
    labels = [[f"l{number % 30}", f"m{number % 7}"] for number in range(30 * count)]
    split = resolve_split(load(str(json_lines(tmp_path / "d.jsonl", *lists_of(*labels, *[[]] * 20)))))
    assert {label for row in split.train for label in row.labels} == {label for row in labels for label in row}


def test_evaluation_reads_another_file_as_the_training_file_was_read(tmp_path: Path) -> None:
    path, chosen = in_every_form(tmp_path)["joined"]
    split = resolve_split(load(str(path), **chosen))
    other = csv_of(tmp_path / "other.csv", "text,labels", "cheap,price", "what,", "soon,time;anger")
    rows = evaluation_rows(split.record, ("test",), str(other))
    assert [row.labels for row in rows.examples] == [("price",), (), ("time", "anger")]


def test_evaluation_refuses_single_texts_for_a_checkpoint_of_pairs(tmp_path: Path) -> None:
    rows = [f"text {number},other {number},{'yes' if number % 2 else 'no'}" for number in range(20)]
    path = csv_of(tmp_path / "pairs.csv", "premise,hypothesis,label", *rows)
    split = resolve_split(load(str(path)))
    assert evaluation_rows(split.record, ("test",), str(path)).examples == split.test
    other = csv_of(tmp_path / "single.csv", "text,label", "a,yes", "b,no")
    with pytest.raises(DataError, match="trained on pairs of texts, and these are single ones"):
        evaluation_rows(split.record, ("test",), str(other))


def test_labels_that_a_model_cannot_give_are_named() -> None:
    rows = (Example("a", ("x",), 1), Example("b", (), 2), Example("c", ("x", "z"), 3))
    with pytest.raises(DataError, match="row 3 has the label 'z', which the bundle does not know"):
        check_labels(rows, ("x", "y"), "the bundle", one_label=False)
    with pytest.raises(DataError, match=r"row 2 has 0 labels \(none\), and the bundle gives one label"):
        check_labels(rows, ("x", "y"), "the bundle")
    check_labels(rows, ("x", "y", "z"), "the bundle", one_label=False)
