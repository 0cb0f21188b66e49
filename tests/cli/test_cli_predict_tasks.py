"""``edgetext predict`` where a text may bear several labels, where it is a pair, and where answers are unsure."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from edgetext import Predictor
from edgetext.bulk.write import Added
from edgetext.cli.main import main

TEXTS = [
    "a bowl of ramen",
    "the road to the mountain",
    "egg",
    "a dog in the park",
    "beef stew",
    "rain over the city",
]
PAIRS = [("a bus at the school", "egg"), ("egg", "a dog in the park"), ("beef stew", "a lamp"), ("a", "fried rice")]


def write_rows(path: Path, rows: list[dict[str, str]]) -> Path:
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def pairs_file(path: Path, first: str = "premise", second: str = "hypothesis") -> Path:
    return write_rows(path, [{"id": str(n), first: one, second: two} for n, (one, two) in enumerate(PAIRS)])


def predict(*words: object) -> int:
    return main(["predict", *map(str, words)])


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_label_that_is_given_is_written(tiny_several: Path, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS])
    for suffix in (".csv", ".jsonl", ".parquet"):
        assert predict(tiny_several, "-i", source, "-o", tmp_path / f"out{suffix}", "--deterministic") == 0
    with Predictor(tiny_several, deterministic=True, profile="throughput") as classify:
        expected = [prediction.labels for prediction in classify.predict(TEXTS)]
    assert {len(labels) for labels in expected} > {1}
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [tuple(row["predicted_labels"]) for row in rows] == expected
    assert [*rows[0]] == ["text", "predicted_labels", "predicted_score", "predicted_scores"]
    assert [row["predicted_labels"] for row in read_csv(tmp_path / "out.csv")] == [
        ",".join(one) for one in expected
    ]
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert [tuple(labels) for labels in table["predicted_labels"].to_pylist()] == expected
    assert table.schema.field("predicted_labels").type == pyarrow.list_(pyarrow.string())


def test_labels_are_printed_with_commas_or_in_a_list(
    tiny_several: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(tiny_several, *TEXTS) == 0
    plain = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert predict(tiny_several, *TEXTS, "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [fields[0] for fields in plain] == [",".join(value["labels"]) or "-" for value in found]
    assert "-" in [fields[0] for fields in plain] and "sure" not in found[0]


def test_no_label_holds_the_separator() -> None:
    class Two:
        labels, min_confidence, first_stage = ("a,b", "c;d"), None, None

        class task:
            one_label = False

    assert Added.by(Two).separator == "|"  # type: ignore[arg-type]


def test_both_texts_of_pairs_are_read_and_sure_answers_told(tiny_pairs: Path, tmp_path: Path) -> None:
    with Predictor(tiny_pairs, deterministic=True, profile="throughput") as classify:
        expected = classify.predict(PAIRS)
    assert {prediction.sure for prediction in expected} == {True, False}
    for suffix in (".csv", ".jsonl", ".parquet"):
        source, target = pairs_file(tmp_path / f"in{suffix}"), tmp_path / f"out{suffix}"
        assert predict(tiny_pairs, "-i", source, "-o", target, "--deterministic") == 0
    rows = read_csv(tmp_path / "out.csv")
    assert [*rows[0]] == ["id", "premise", "hypothesis", "predicted_label", "predicted_score", "predicted_sure"]
    assert [(row["predicted_label"], row["predicted_sure"]) for row in rows] == [
        (prediction.label, str(prediction.sure).lower()) for prediction in expected
    ]
    values = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [value["predicted_sure"] for value in values] == [prediction.sure for prediction in expected]
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["predicted_sure"].to_pylist() == [prediction.sure for prediction in expected]


def test_who_answered_is_told_where_there_is_a_first_stage(
    tiny_first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Predictor(tiny_first, deterministic=True, profile="throughput") as classify:
        expected = [prediction.stage for prediction in classify.predict(TEXTS)]
        share = f"{classify.answered.first} of {len(TEXTS)} texts ({classify.answered.coverage:.1%})"
    assert {*expected} == {"first", "model"}
    source = write_rows(tmp_path / "in.csv", [{"text": text} for text in TEXTS])
    for suffix in (".csv", ".jsonl", ".parquet"):
        assert predict(tiny_first, "-i", source, "-o", tmp_path / f"out{suffix}", "--deterministic") == 0
        assert share in capsys.readouterr().err
    assert [row["predicted_stage"] for row in read_csv(tmp_path / "out.csv")] == expected
    values = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [value["predicted_stage"] for value in values] == expected
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["predicted_stage"].to_pylist() == expected
    assert predict(tiny_first, *TEXTS, "--json", "--deterministic") == 0
    assert [json.loads(line)["stage"] for line in capsys.readouterr().out.splitlines()] == expected


def test_the_first_stage_can_be_left_out(
    tiny_first: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(tiny_first, "--no-first-stage", "--deterministic", "--json", *TEXTS) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    with Predictor(tiny_first, first_stage="off") as model:
        assert [value["scores"] for value in found] == [dict(model(text).scores) for text in TEXTS]
    assert "stage" not in found[0]
    source = write_rows(tmp_path / "in.csv", [{"text": text} for text in TEXTS])
    assert predict(tiny_first, "-i", source, "-o", tmp_path / "out.csv", "--no-first-stage") == 0
    assert "predicted_stage" not in read_csv(tmp_path / "out.csv")[0]
    assert "first stage" not in capsys.readouterr().err


def test_pairs_are_found_by_usual_names_or_by_those_that_are_given(
    tiny_pairs: Path, tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = pairs_file(tmp_path / "usual.csv", "sentence1", "sentence2")
    assert predict(tiny_pairs, "-i", usual, "--json") == 0
    captured = capsys.readouterr()
    first, *_ = [json.loads(line) for line in captured.out.splitlines()]
    assert (first["text"], first["text_pair"]) == PAIRS[0] and "'sentence1' and 'sentence2'" in captured.err
    odd = pairs_file(tmp_path / "odd.csv", "one", "two")
    assert predict(tiny_pairs, "-i", odd) == 2
    assert "--text-pair-column" in capsys.readouterr().err
    assert predict(tiny_pairs, "-i", odd, "--text-column", "one") == 2
    assert predict(tiny_pairs, "-i", odd, "--text-column", "one", "--text-pair-column", "one") == 2
    assert predict(tiny_pairs, "-i", odd, "--text-column", "one", "--text-pair-column", "none") == 2
    capsys.readouterr()
    named = ("--text-column", "one", "--text-pair-column", "two")
    assert predict(tiny_pairs, "-i", odd, *named, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0]) == first
    assert predict(tiny_bundle, "-i", odd, *named) == 0  # whoever asks for pairs gets them
    assert capsys.readouterr().out.splitlines()[0].endswith("\t".join(PAIRS[0]))


def test_a_row_without_its_second_text_is_broken(
    tiny_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(
        '{"premise": "a", "hypothesis": "b"}\n{"premise": "a", "hypothesis": " "}\n{"premise": "a"}\n'
    )
    rejects = tmp_path / "rejects.jsonl"
    assert predict(tiny_pairs, "-i", source, "-o", tmp_path / "out.csv", "--rejects", rejects) == 0
    reasons = [json.loads(line)["reason"] for line in rejects.read_text("utf-8").splitlines()]
    assert "second text is empty" in reasons[0] and "'hypothesis' is missing" in reasons[1]


def test_texts_that_are_typed_make_pairs_two_by_two(tiny_pairs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict(tiny_pairs, *PAIRS[0], *PAIRS[1]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [tuple(fields[3:]) for fields in lines] == PAIRS[:2] and {fields[2] for fields in lines} <= {
        "sure",
        "unsure",
    }
    assert predict(tiny_pairs, "a", "b", "c") == 2
    assert "pairs" in capsys.readouterr().err


def test_a_least_confidence_is_asked_for(tiny_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for least, sure in (("0", True), ("1", False)):
        assert predict(tiny_bundle, "egg", "--min-confidence", least, "--json") == 0
        assert json.loads(capsys.readouterr().out)["sure"] is sure
    assert predict(tiny_bundle, "egg", "--min-confidence", "1.5") == 2
    assert "min_confidence" in capsys.readouterr().err.replace("-", "_")


def test_lines_of_stdin_are_no_pairs(
    tiny_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lines.txt").write_text("a\nb\n")
    with (tmp_path / "lines.txt").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert predict(tiny_pairs) == 2
    assert "pairs" in capsys.readouterr().err
