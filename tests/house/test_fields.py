"""Each value of each file of ours, exchanged for whatever JSON can hold: refused in a sentence, or read right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgetext.bench.compare import compare
from edgetext.bench.cost import capacities, costs
from edgetext.bench.merge import merge
from edgetext.bench.page.page import html
from edgetext.bench.report import report_text
from edgetext.bench.results import Results
from edgetext.bench.show import comparison_rows, remarks, table_rows, title
from edgetext.bulk.journal import Journal
from edgetext.checkpoint import SplitRecord, Training
from edgetext.cli.main import main
from edgetext.errors import InputError, ModelError
from edgetext.fields import read_part
from edgetext.reading import parse_json
from mutations import BAD_VALUES, changed, places

RECORDED = Path(__file__).parents[1] / "data" / "bench" / "recorded.json"
SCENARIOS = {
    "seconds": 3.0,
    "note": "short",
    "single_stream": {"mean_ms": 2.0, "percentiles_ms": {"99": 3.0, "99.9": 4.0}, "early_stopping_ms": {"90": 2.5}},
    "offline": {"per_s": 900.0},
    "server": {"rate_per_s": 300.0, "p99_bound_ms": 50.0},
}
SPLIT = {
    "sources": [{"uri": "/a.csv", "fingerprint": "ab", "rows": 9, "text_column": "text", "label_column": "label"}],
    "parts": {"train": {"source": 0, "rows": [1, 2, 5]}, "test": {"source": 0, "rows": [3, 4]}},
    "seed": 7,
}
TRAINING = {
    "base_model": "minilm",
    "max_length": 64,
    "metrics": {
        "test": {"rows": 2, "accuracy": 1.0, "macro_f1": None, "per_label": {"a": {"recall": 1.0, "rows": 2}}}
    },
}
NOTE = {
    "job": {"input": {"bytes": 3}, "bundle": {"variant": "int8"}, "options": {"top-k": None}},
    "read": 7, "rejected": 1, "columns": ["text"], "lengths": {"output": 90}, "placing": False, "format_version": 1,
}  # fmt: skip


def results_document():
    """Gives two measured rows and one that was not, with everything that a row can have."""
    document = json.loads(RECORDED.read_text("utf-8"))
    measured = [row for row in document["rows"] if row["status"] == "measured"]
    rows = [next(row for row in measured if row["backend"] == name) for name in ("edgetext", "torch-cpu")]
    for row in rows:
        row["scenarios"] = SCENARIOS
        row["about"] |= {"installed_bytes": {"numpy": 5}, "joules_per_text": {"cpu": 0.5}, "starts_ms": [7.0, 8.0]}
        row["environment"] = document["environment"] | {"gpu": {"name": "A"}, "libraries": {"numpy": "2"}}
        row["latency_ms"]["rounds"] = [len(row["latency_ms"]["samples"]) - 1, 1]
        row["latency_ms"] |= {"mean": 1.5, "first": [1, *[0] * (len(row["latency_ms"]["samples"]) - 1)]}
        row["calibration"] = {"alone_ms": [0.5, 0.6], "together_ms": [0.6, 0.6]}
        row["warm_up"] = {"texts": 5, "passes_ms": [3.0]}
        row["tokenization_ms"] = {"p50": 0.1, "samples": [0.1]}
        row["per_label"] = {label: {"rows": 3, "recall": 1.0, "precision": None} for label in ("food", "not_food")}
    others = [row for row in document["rows"] if row["status"] != "measured"]
    return document | {"rows": [*rows, others[0]]}


def use_results(document):
    """Reads it, and has every reader say what it says of it."""
    results = Results.from_json(parse_json(json.dumps(document).encode("utf-8"), "f"), "f")
    said = [title(results), *map(str, table_rows(results)), *remarks(results), report_text(results), html(results)]
    compared = compare(results, results)
    said += map(str, (*comparison_rows(compared), json.dumps(compared.to_json(), allow_nan=False)))
    said += map(str, (*costs(results.rows, 1.0), *merge([results, results], ["a", "b"]).rows))
    said += map(str, capacities(results.rows, [1000.0]))
    json.dumps(results.to_json(), allow_nan=False)
    "\n".join(said).encode("utf-8")


def test_a_comparison_of_one_round_is_json(tmp_path, capsys):
    document = results_document()
    for row in document["rows"][:2]:
        row["latency_ms"]["rounds"] = [len(row["latency_ms"]["samples"])]
    (tmp_path / "results.json").write_text(json.dumps(document), "utf-8")
    assert main(["bench", "compare", str(tmp_path), str(tmp_path), "--json"]) == 0
    pairs = json.loads(capsys.readouterr().out)["pairs"]
    assert [change["high"] for change in pairs[0]["changes"] if change["metric"] == "p50"] == [None]


def use_split(document):
    SplitRecord.from_json(parse_json(json.dumps(document).encode("utf-8"), "f"), "f")


def use_training(document):
    read_part(Training, parse_json(json.dumps(document).encode("utf-8"), "f"), "f", error=ModelError)


def outcomes(use, document, ways):
    """Counts what was refused, in one line of ours, and what was read; anything else fails the test."""
    use(document)
    refused = read = 0
    for place in ways:
        for name, value in BAD_VALUES.items():
            try:
                use(changed(document, place, value))
                read += 1
            except InputError as error:
                assert "\n" not in str(error) and len(str(error)) < 1000, (place, name)
                str(error).encode("utf-8")
                refused += 1
            except Exception as error:
                raise AssertionError(f"{place}: {name}") from error
    return refused, read


@pytest.mark.slow
def test_results_with_any_value_exchanged_are_refused_or_read():
    document = results_document()
    ways = [place for place in places(document, most=2) if place[:2] not in {("rows", 1), ("rows", 2)}]
    refused, read = outcomes(use_results, document, ways)
    assert refused > 2000 and read > 200


@pytest.mark.parametrize(("use", "document"), [(use_split, SPLIT), (use_training, TRAINING)])
def test_a_checkpoints_records_with_any_value_exchanged_are_refused_or_read(use, document):
    refused, read = outcomes(use, document, places(document, most=2))
    assert refused > 200 and read > 10


def test_a_journals_note_with_any_value_exchanged_is_refused_or_read(tmp_path):
    journal = Journal(tmp_path / "out.csv", None)

    def use(document):
        (tmp_path / ".out.csv.unfinished.json").write_text(json.dumps(document), "utf-8")
        assert journal.note() is not None

    refused, read = outcomes(use, NOTE, places(NOTE, most=2))
    assert refused > 200 and read > 10


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["parts"]["test"].update(rows=[3, 10]), "test has row 10 of 9"),
        (lambda d: d["parts"]["test"].update(rows=[2, 3]), "a row of test stands there twice, or in another part"),
        (lambda d: d["parts"]["train"].update(rows=[0]), "parts: train: row 1 must be from 1"),
        (lambda d: d["parts"]["train"].update(rows=[1.5]), "parts: train: row 1 must be a whole number"),
        (lambda d: d["parts"]["test"].update(source=1), "test is of source 1 of 1"),
        (lambda d: d.update(sources=[7]), "source 1 must be a JSON object, found 7"),
    ],
)
def test_a_split_that_contradicts_itself_is_refused(change, said):
    document = json.loads(json.dumps(SPLIT))
    change(document)
    with pytest.raises(ModelError, match=said):
        SplitRecord.from_json(document)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda d: d["rows"][0]["latency_ms"].update(rounds=[1, 1]),
            "latency_ms contradicts itself: its rounds add",
        ),
        (lambda d: d["rows"][0].update(predictions=[0]), "contradicts itself: row 1 has 1 predictions for"),
        (lambda d: d["rows"][0]["predictions"].__setitem__(0, 2), "row 1 predicts label 2 of 2"),
        (lambda d: d["data"]["expected"].__setitem__(0, 2), "data contradicts itself: it expects label 2 of 2"),
        (lambda d: d["rows"][0]["latency_ms"].update(p50=0), "row 1: latency_ms: p50 must be from 1e-09"),
        (lambda d: d["rows"][0]["latency_ms"].update(samples=[]), "samples must not be empty"),
        (lambda d: d["rows"][0]["accuracy"].update(low=0.99), "accuracy contradicts itself: 0.955 is not within"),
        (
            lambda d: d["rows"][0].update(latency_ms=None),
            "row 1 contradicts itself: it is measured and has no figures",
        ),
        (lambda d: d["rows"][0]["about"].update(starts_ms={}), "row 1: about: starts_ms must be a list"),
        (
            lambda d: d["rows"][0]["scenarios"]["server"].update(rate_per_s="1"),
            "server: rate_per_s must be a number",
        ),
        (lambda d: d["environment"].update(libraries=[]), "environment: libraries must be a JSON object"),
        (lambda d: d["settings"].update(rounds="5"), "settings: rounds must be a whole number"),
        (lambda d: d.update(rows=d["rows"][:1] * 201), "rows must be at most 200, found a list of 201"),
    ],
)
def test_results_that_contradict_themselves_are_refused(change, said):
    document = json.loads(json.dumps(results_document()))
    change(document)
    with pytest.raises(InputError, match=said):
        Results.from_json(document)


def test_the_command_line_says_which_field_is_wrong(tmp_path, capsys):
    document = results_document()
    document["rows"][0]["tokenization_ms"]["p50"] = "\x1b[31m"
    (tmp_path / "results.json").write_text(json.dumps(document), "utf-8")
    for words in (["show"], ["report"], ["merge", str(tmp_path)], ["compare", str(tmp_path)]):
        assert main(["bench", *words, str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert "row 1: tokenization_ms: p50 must be a number" in error and "\x1b" not in error
        assert error.count("\n") == 1
