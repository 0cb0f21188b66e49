"""The search: halving, ranking, how many looks the texts bear, what is chosen, and the record of it all."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest

from edgetext.data.example import Example
from edgetext.export.export import export_bundle
from edgetext.export.ranking import by_change, by_preference, rank_by_size
from edgetext.export.record import table_columns
from edgetext.export.schemes import registry
from edgetext.export.schemes.registry import SchemeNotApplicableError
from edgetext.export.search import planned_looks
from edgetext.export.settings import ExportSettings
from edgetext.export.timing import Stopwatch, Timing, compare, halve
from edgetext.export.tuning import find_tuning, sample
from edgetext.export.workshop import Candidate
from edgetext.progress import Silent
from edgetext.runtime.manifest import Variant


def measure(costs, calls):
    """Times candidates at known costs, with a disturbance that all of a round share."""

    def timed(names, rung):
        calls.append((tuple(names), rung.last))
        disturbed = (1.0, 1.5, 1.0, 3.0)
        return {name: [costs[name] * factor for factor in disturbed] for name in names if costs[name]}

    return timed


def test_halving_keeps_the_better_half_until_four_are_left():
    costs = {name: cost for cost, name in enumerate("kjihgfedcba", start=1)}
    calls = []
    found = halve("abcdefghijk", measure(costs, calls), finalists=4)
    assert [len(names) for names, _ in calls] == [11, 6, 4]
    assert [last for _, last in calls] == [False, False, True]
    assert calls[2][0] == ("k", "j", "i", "h")
    assert list(found) == list("kjihgfedcba")
    assert [timing.rung for timing in found.values()] == [3, 3, 3, 3, 2, 2, 1, 1, 1, 1, 1]


def test_what_a_round_shares_does_not_blur_the_comparison():
    found = halve("ab", measure({"a": 1.0, "b": 1.1}, []), finalists=4)
    assert found["b"].ratio.low == pytest.approx(1.1)
    assert found["b"].ratio.high == pytest.approx(1.1)
    assert found["a"].cost_ms.value == pytest.approx((1 * 1.5 * 1 * 3) ** 0.25)
    assert compare(found["a"].rounds, found["b"].rounds).high < 1


def test_a_candidate_that_cannot_be_timed_is_left_out():
    found = halve("abcdef", measure({"a": None, "b": 2, "c": 3, "d": 4, "e": 5, "f": 1}, []), finalists=4)
    assert list(found) == ["f", "b", "c", "d", "e"]
    assert halve("a", measure({"a": None}, []), finalists=4) == {}


def test_the_interval_is_students_on_the_logarithms():
    found = compare([2.0, 4.0, 8.0], [2.0, 2.0, 2.0])
    spread = 4.302653 * math.log(2) / math.sqrt(3)  # t, 2 degrees of freedom, 97.5 %
    assert found.value == pytest.approx(2)
    assert found.low == pytest.approx(2 * math.exp(-spread), rel=1e-5)
    assert found.high == pytest.approx(2 * math.exp(spread), rel=1e-5)
    assert compare([3.0, 9.0], [2.0]).value == pytest.approx(1.5)  # of the rounds that both ran
    assert not compare([3.0], [2.0]).shows_difference  # one round alone shows none


def test_of_equals_the_registrys_first_goes_first():
    cost = {"slow": 9, "late": 1.00, "early": 1.01, "next": 2.0}

    def worse(one, other):
        return cost[one] > 1.05 * cost[other]

    best_first = sorted(cost, key=cost.__getitem__)
    assert by_preference(best_first, ["slow", "early", "next", "late"], worse) == ("early", "late", "next", "slow")


def candidate(scheme, size):
    return Candidate(scheme, Variant(scheme, f"{scheme}.onnx", "", "int8", scheme, size), 1.0)


def test_by_size_a_percent_is_no_difference():
    made = [candidate("large", 3000), candidate("first", 1005), candidate("second", 1000)]
    ranking = rank_by_size(4000, made)
    assert ranking.order == ("first", "second", "large")
    assert ranking.rows["large"].status == "larger"
    assert ranking.rows["large"].reason == "3.00 times the size of the smallest"
    assert ranking.rows["first"].status == "not_judged"
    assert ranking.rows["fp32"].bytes == 4000


def test_of_the_equally_fast_the_one_that_changes_least_goes_first():
    fp32 = Candidate("fp32-fused", Variant("fp32-fused", "f.onnx", "", "fp32", "fp32-fused", 9), 1.0)
    made = [candidate("bold", 1), fp32, candidate("shy", 1), candidate("same", 1), candidate("too", 1)]
    changes = {"bold": 0.3, "fp32-fused": 0.0, "shy": 0.1, "same": 0.2, "too": 0.2}
    assert by_change(made, changes) == ["shy", "same", "too", "bold", "fp32-fused"]
    assert by_change(made, {}) == ["bold", "shy", "same", "too", "fp32-fused"]


@pytest.mark.parametrize(
    ("texts", "looks"), [(50, 1), (381, 1), (498, 2), (617, 2), (618, 3), (741, 4), (100_000, 4)]
)
def test_no_more_looks_than_the_texts_bear(texts, looks):
    assert planned_looks(texts, 9, 0.01) == looks
    assert planned_looks(texts, 2, 0.01) == min(2, looks)


@pytest.mark.parametrize(("unlabelled", "looks"), [(1, 1), (376, 1), (473, 2), (474, 3), (543, 4)])
def test_texts_without_labels_bear_looks_too(unlabelled, looks):
    assert planned_looks(100, 9, 0.01, unlabelled=unlabelled) == looks
    assert planned_looks(1000, 9, 0.01, unlabelled=unlabelled) == 4


def test_a_sample_is_drawn_by_a_seed_and_keeps_the_order():
    drawn = sample(range(1000), 10)
    assert drawn == sample(range(1000), 10)
    assert list(drawn) == sorted(set(drawn))
    assert sample([3, 1, 2], 3) == (3, 1, 2)


@pytest.fixture(scope="module")
def held_out(tiny_rows):
    """All rows of the tiny data, twenty times: the search counts texts and does not mind that they repeat."""
    with tiny_rows.open(encoding="utf-8", newline="") as stream:
        rows = [
            Example(row["text"], (row["label"],), number) for number, row in enumerate(csv.DictReader(stream), 1)
        ]
    return rows * 20


def test_calibration_comes_from_training_rows_or_from_rows_set_aside(tiny_checkpoint, held_out):
    found = find_tuning(tiny_checkpoint, held_out)
    assert (len(found.calibration.texts), len(found.examples)) == (42, 1200)
    assert found.calibration.origin == "training rows"
    other = SimpleNamespace(split=None)
    aside = find_tuning(other, held_out)
    assert (len(aside.calibration.texts), len(aside.examples)) == (120, 1080)
    assert aside.calibration.origin == "held-out rows that the gate does not see"
    none = find_tuning(other, held_out[:60])
    assert (none.calibration.texts, len(none.examples)) == ((), 60)


def copy(source, target, *, spoil=False, padding=0):
    """Makes a model of a known size, one that swaps the labels or one that answers as the reference does."""
    model = onnx.load(source.model)
    if spoil:
        for tensor in model.graph.initializer:
            if tensor.name.startswith("classifier."):
                tensor.raw_data = onnx.numpy_helper.from_array(-onnx.numpy_helper.to_array(tensor)).raw_data
    onnx.helper.set_model_props(model, {"padding": "x" * padding})
    onnx.save(model, target)
    return {}


def broken(source, target):
    raise RuntimeError("the graph is odd\nand this is a detail")


def unfit(source, target):
    raise SchemeNotApplicableError("this is no such model")


def mendable(source, target):
    """Ruins the last product, unless it is to be kept."""
    return copy(source, target, spoil="/classifier/Gemm" not in source.keep)


@pytest.fixture
def schemes(monkeypatch):
    """Schemes whose outcome is known, in place of the registry's."""
    known = {
        "large": lambda source, target: copy(source, target, padding=9000),
        "ruined": lambda source, target: copy(source, target, spoil=True),
        "small": lambda source, target: copy(source, target, padding=3000),
        "broken": broken,
        "unfit": unfit,
        "mendable": mendable,
    }
    entries = {name: SimpleNamespace(precision="int8", build=build) for name, build in known.items()}
    monkeypatch.setattr(registry, "SCHEMES", entries)
    return ("large", "ruined", "small", "broken", "unfit")


def by_size(schemes, **more):
    return ExportSettings(schemes=schemes, objective="size", **{"max_drop": 0.02, **more})


def test_the_smallest_that_the_gate_lets_through_is_chosen(tiny_checkpoint, held_out, tmp_path, schemes):
    made = export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle", by_size(schemes))
    status = {row.scheme: row.status for row in made.record.rows}
    assert status == {
        "fp32": "reference",
        "large": "passed",
        "ruined": "failed",
        "small": "chosen",
        "broken": "failed",
        "unfit": "not_applicable",
    }
    assert made.record.chosen == made.manifest.variant().scheme == "small"
    assert made.record.row("broken").reason == "it could not be built: RuntimeError: the graph is odd"
    parts = [made.record.row(name).verdict.comparisons for name in ("small", "large", "ruined")]
    assert sorted(parts) == [2, 4, 4]
    assert made.manifest.variant().evaluation["comparisons"] == parts[0]
    written = json.loads((made.path / "export.json").read_text("utf-8"))
    assert (written["schema_version"], written["objective"], written["chosen"]) == (1, "size", "small")
    assert [row["scheme"] for row in written["rows"]] == ["fp32", *schemes]
    assert written["rows"][2]["verdict"]["verdict"] == "failed"
    assert written["calibration"] == {"texts": 42, "origin": "training rows"}
    assert written["environment"]["cores"] >= 1
    card = (made.path / "README.md").read_text("utf-8")
    assert "| small | chosen (passed) |" in card
    assert "- unfit: this is no such model" in card


def test_what_was_refused_is_mended_when_nothing_else_is_left(tiny_checkpoint, held_out, tmp_path, schemes):
    made = export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle", by_size(("ruined", "mendable")))
    assert made.refused  # both lost as much, so the first of them was looked into, and nothing helps it
    assert made.record.chosen == "fp32"
    assert made.record.rescue["kept"] == []
    made = export_bundle(tiny_checkpoint, held_out, tmp_path / "other", by_size(("mendable",)))
    assert not made.refused
    assert made.manifest.variant().evaluation["kept_fp32"] == ["/classifier/Gemm"]
    assert made.record.rescue["kept"] == ["/classifier/Gemm"]
    assert made.record.row("mendable").status == "chosen"
    assert made.record.row("mendable").reason.startswith("with 1 layers back in fp32 passed: ")


def test_without_time_the_rest_is_not_tried_and_said(tiny_checkpoint, held_out, tmp_path, schemes):
    made = export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle", by_size(schemes, search_seconds=1e-6))
    assert made.record.chosen == "large"
    assert [row.status for row in made.record.rows] == ["reference", "chosen", *["not_tried"] * 4]
    assert made.record.remarks == (
        "the search was cut short: there was no time for ruined, small, broken, unfit (--search-seconds)",
    )


@pytest.mark.parametrize("objective", ["latency", "throughput"])
def test_candidates_are_timed_in_workers(tiny_checkpoint, held_out, tmp_path, schemes, objective):
    settings = ExportSettings(
        first_stage="off", schemes=("large", "small"), objective=objective, max_drop=0.02, search_seconds=1
    )
    made = export_bundle(tiny_checkpoint, held_out[:60], tmp_path / "bundle", settings)
    reference, *rows = made.record.rows
    for row in (reference, *rows):
        assert row.rung == 1
        assert 0 < row.cost_ms.low <= row.cost_ms.value <= row.cost_ms.high
    assert min(row.ratio.value for row in rows) == 1
    assert [row.change for row in rows] == pytest.approx([0, 0], abs=1e-6)  # both answer as the reference does
    name = "mean_ms" if objective == "latency" else "texts_per_s"
    assert json.loads((made.path / "export.json").read_text("utf-8"))["rows"][1][name]["value"] > 0
    assert ("mean ms [95 %]" if objective == "latency" else "texts/s [95 %]") in table_columns(made.record)


def test_a_model_that_does_not_load_is_told_and_the_others_are_timed(tiny_bundle, tmp_path):
    import shutil

    broken_bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    (broken_bundle / "onnx/model_quantized.onnx").write_bytes(b"no model")
    watch = Stopwatch(broken_bundle, "latency", ["a bowl of ramen"], 1, "fp32", 0.0, Silent())
    found = halve(["int8"], watch, finalists=4)
    assert found == {}
    assert "is not the file that was exported" in watch.failed["int8"]
    assert len(watch.reference_rounds) == 8  # time was up, and in the last rung eight are the least


def test_a_timing_keeps_its_rounds():
    timing = Timing((1.0, 1.0), 2, compare([1.0, 1.0], [1.0, 1.0]))
    assert (timing.cost_ms.low, timing.cost_ms.value, timing.cost_ms.high) == (1, 1, 1)


def test_the_documentation_names_every_scheme():
    page = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    assert [name for name in registry.SCHEMES if f"| `{name}` |" not in page] == []
