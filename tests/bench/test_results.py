import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgetext.bench.compare import compare
from edgetext.bench.results import Results, read_results, write_results
from edgetext.bench.rounds import speedup
from edgetext.errors import InputError

RECORDED = Path(__file__).parents[1] / "data" / "bench" / "recorded.json"


def changed(change):
    document = json.loads(RECORDED.read_text("utf-8"))
    change(document)
    return document


def test_a_recorded_file_is_read():
    results = read_results(RECORDED)
    row = results.row("edgetext", "int8")
    assert (row.latency_ms.p50, row.throughput_per_s.value, row.accuracy.value) == (0.66, 2510.5, 0.955)
    assert row.latency_ms.samples == (0.594, 0.627, 0.66, 0.726, 0.858)
    assert results.row("torch-cuda", "fp32") is None
    assert [row.status for row in results.rows[:3]] == ["not_measured", "measured", "failed"]


def test_what_is_written_is_what_was_read_unknown_fields_included(tmp_path):
    write_results(tmp_path / "results.json", read_results(RECORDED))
    assert (tmp_path / "results.json").read_text("utf-8") == RECORDED.read_text("utf-8")
    results = read_results(tmp_path)
    assert results == read_results(RECORDED)
    assert results.extra == {"colour": "blue"}
    assert results.row("edgetext", "int8").extra == {"energy_j": 1.5}


def test_a_file_from_before_rounds_and_slices_were_kept_is_read_to_its_values():
    results = read_results(RECORDED.with_name("oldest.json"))
    assert (results.run, results.data.rows, len(results.data.expected)) == ("", 400, 400)
    assert (results.settings["starts"], results.settings["turn_seconds"]) == (2, 3.0)
    row = results.row("edgetext", "int8")
    assert (row.model_bytes, row.peak_memory_mb, row.first_prediction_ms) == (23114126, 140.3, 208.3)
    assert len(row.predictions) == 400 and row.predictions[:6] == (1, 0, 1, 0, 1, 1)
    assert (len(row.latency_ms.samples), row.latency_ms.rounds) == (300, ())
    assert (row.throughput_per_s.slices, row.throughput_per_s.rounds) == ((), ())
    assert (row.agreement, row.mcnemar_p, row.per_label, row.warm_up) == (None, None, {}, {})
    assert speedup(results, row, results.row("torch-cpu", "fp32")) is None
    assert row.latency_ms.mean is None and row.latency_ms.mean_ms == pytest.approx(
        sum(row.latency_ms.samples) / 300
    )
    assert results.to_json() == json.loads(RECORDED.with_name("oldest.json").read_text("utf-8"))


def test_fields_that_are_no_longer_measured_are_kept_and_the_file_is_compared():
    file = RECORDED.with_name("calibrated.json")
    results = read_results(file)
    before, after = json.loads(file.read_text("utf-8"))["rows"][1], results.to_json()["rows"][1]
    assert after["calibration"] == before["calibration"] and len(before["calibration"]["alone_ms"]) == 5
    reference, row = results.rows
    assert 5 < speedup(results, row, reference).low < 10
    assert compare(results, results).pairs[1].change("p50").verdict == "no difference shown"


def test_numbers_take_one_line_and_labels_stay_as_they_are(tmp_path):
    results = read_results(RECORDED)
    labels = ("[1,  2]", "[\n1,\n2]")
    write_results(tmp_path / "results.json", replace(results, data=replace(results.data, labels=labels)))
    assert read_results(tmp_path).data.labels == labels
    assert '"samples": [0.594, 0.627, 0.66, 0.726, 0.858]' in (tmp_path / "results.json").read_text("utf-8")


def test_a_newer_schema_is_refused():
    document = changed(lambda document: document.update(schema_version=2))
    with pytest.raises(
        InputError, match=r"^f has schema version 2 and this edgetext reads up to 1: update edgetext$"
    ):
        Results.from_json(document, "f")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("schema_version"), "f is no results file: schema_version is None"),
        (lambda d: d.update(schema_version=True), "f is no results file: schema_version is True"),
        (lambda d: d.pop("data"), "f lacks the field 'data'"),
        (lambda d: d.update(rows={}), "f: rows must be a list"),
        (
            lambda d: d["rows"][1].pop("device"),
            "f: row 2 lacks the field 'device'",
        ),
        (
            lambda d: d["rows"][0].update(status="guessed"),
            'f: row 1: status must be one of measured, not_measured, failed, found "guessed"',
        ),
        (lambda d: d["rows"][1]["latency_ms"].update(p50="7"), "row 2: latency_ms: p50 must be a number"),
        (
            lambda d: d["rows"][1]["latency_ms"].update(samples=["7"]),
            'latency_ms: sample 1 must be a number, found "7"',
        ),
        (lambda d: d["rows"][1]["latency_ms"].update(first=[1, 0]), "it tells the stage of 2 samples of 5"),
        (
            lambda d: d["rows"][1]["latency_ms"].update(first=[2]),
            "latency_ms: first 1 must be from 0 to 1, found 2",
        ),
        (lambda d: d["rows"][1].update(accuracy=0.5), "row 2: accuracy must be a JSON object"),
        (lambda d: d["rows"][1].update(threads=True), "row 2: threads must be a whole number, found true"),
    ],
)
def test_a_damaged_file_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        Results.from_json(changed(change), "f")


def test_a_file_that_is_missing_or_no_json_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"results\.json is not there: give a results\.json"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(InputError, match="it is not JSON"):
        read_results(tmp_path)
