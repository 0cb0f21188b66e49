"""The bench where a text may bear several labels, and where it is a pair of texts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from edgetext import Predictor
from edgetext.bench.accuracy import scored
from edgetext.bench.backends import onnxruntime_bare, optimum_pipeline, torch_direct, transformers_pipeline
from edgetext.bench.backends._shared import task_values
from edgetext.bench.cells import headings
from edgetext.bench.compare import compare, read_limit, regressions
from edgetext.bench.heldout import HeldOut, describe_data
from edgetext.bench.merge import merge
from edgetext.bench.models import Measured, open_models
from edgetext.bench.page.page import html
from edgetext.bench.plan import RowPlan, plan_rows
from edgetext.bench.registry import CHECKPOINT, Backend, choose_backends
from edgetext.bench.report import report_text
from edgetext.bench.results import Results, read_results, write_results
from edgetext.bench.run import measure_plans
from edgetext.bench.settings import BenchSettings
from edgetext.bench.show import columns, table_rows
from edgetext.checkpoint import write_split
from edgetext.data.example import Example
from edgetext.errors import BundleError, DataError, InputError
from edgetext.foreign.versions import transformers_version
from edgetext.measure.runner import answers
from edgetext.pipeline import read_split as read_parts
from edgetext.runtime.bundle import open_bundle
from edgetext.task import MultiLabel, SingleLabel
from tiny_onnx import make_tiny_model_folder

TEXTS = [
    "a bowl of ramen",
    "the road to the mountain",
    "egg",
    "a dog in the park",
    "beef stew",
    "rain over the city",
]
PAIRS = [
    ("a bus at the school", "egg"),
    *zip(TEXTS[:3], TEXTS[3:], strict=True),
    ("egg", "egg"),
    ("beef stew", "a"),
]
TOPICS = MultiLabel(("art", "sport", "war"))
ROWS = tuple(
    Example(" ".join((*labels, "hard" if row % 4 == 0 else "easy")), labels, row)
    for row, labels in enumerate([(), ("art",), ("art", "sport"), ("sport",), ("war",), ("art", "war")] * 6, 1)
)
HELD_OUT = HeldOut("topics", ROWS, "Made up")
SETTINGS = BenchSettings(threads=1, rounds=2, latency_texts=4, throughput_texts=8, batch=8)


@pytest.fixture(scope="module")
def model_folder(tiny_base, tmp_path_factory):
    return make_tiny_model_folder(tiny_base, tmp_path_factory.mktemp("model") / "checkpoint")


@pytest.fixture(scope="module")
def topics(tmp_path_factory):
    """Results of one program that is always right and one that forgets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        plans = [
            RowPlan(Backend(name, f"bench_runners:{runner}", CHECKPOINT, (), "cpu", 4), variant, spec())
            for name, variant, runner in (("torch-cpu", "fp32", "EveryWord"), ("edgetext", "int8", "Forgetful"))
        ]
        return measure_plans(plans, HELD_OUT, describe_data(HELD_OUT, TOPICS, "the model"), SETTINGS)


def spec(task=TOPICS, **more):
    return {"task": task_values(task), "threads": 1, **more}


@pytest.mark.parametrize("texts", [TEXTS, PAIRS], ids=["texts", "pairs"])
@pytest.mark.parametrize("kind", ["single", "several"])
def test_every_program_gives_the_labels_that_the_task_decides_on(
    kind, texts, tiny_bundle, tiny_several, model_folder
):
    path = tiny_bundle if kind == "single" else tiny_several
    bundle = open_bundle(path)
    task = replace(bundle.manifest.decides, temperature=2.0)
    with Predictor(path, variant="fp32") as classify:
        logits = classify.logits(texts)
        own = [set(prediction.labels) for prediction in classify.predict(texts)]
    if kind == "several":  # between the probabilities after the temperature
        task = replace(task, thresholds=tuple(np.median(task.probabilities(logits), axis=0).tolist()))
    expected = [set(labels) for labels in task.names(task.answers(task.probabilities(logits)))]
    assert len(set(map(frozenset, expected))) > 1 and (kind == "single" or any(len(each) != 1 for each in expected))
    given = spec(
        task,
        model=str(bundle.file("onnx/model.onnx")),
        bundle=str(path),
        tokenizer=str(bundle.file("tokenizer.json")),
        max_length=bundle.manifest.max_length,
        session={},
        variant="fp32",
    )
    of_model = {**given, "model": str(model_folder)}
    programs = [
        (onnxruntime_bare.load, given),
        (torch_direct.load_on_cpu, of_model),
        (transformers_pipeline.load_on_cpu, of_model),
    ]
    if transformers_version() < (5, 0):  # Optimum knows no later one
        programs.append((optimum_pipeline.load, given))
    for load, wanted in programs:
        runner = load(wanted)
        assert [set(labels) for labels in answers(runner, texts, 4)] == expected, load.__module__
        assert set(runner.one(texts[1])) == expected[1], load.__module__
        runner.tokenize(texts[0])
    (plan,) = plan_rows([Measured(bundle)], [choose_backends(["edgetext"])[0]], SETTINGS)[:1]
    rows = HeldOut("rows", tuple(Example(text, ("food",), row) for row, text in enumerate(texts, 1)), "")
    data = describe_data(rows, bundle.manifest.decides, "it")
    (row,) = measure_plans([plan], rows, data, SETTINGS).rows
    assert [{data.labels[index] for index in np.atleast_1d(answer)} for answer in row.predictions] == own


def test_tfidf_gives_any_number_of_labels(tmp_path):
    from edgetext.bench.backends.tfidf_logreg import load

    sets = [["art"], ["sport", "war"], ["sport"], ["war"], ["art", "war"], []] * 20
    lines = [
        json.dumps({"text": " ".join(("some", *labels, "word", str(row))), "labels": labels, "split": part})
        for part, rows in (("train", 90), ("validation", 30))
        for row, labels in enumerate(sets[:rows])
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), "utf-8")
    record = read_parts(str(tmp_path / "rows.jsonl")).record
    write_split(tmp_path, record)
    runner = load(spec(model=str(tmp_path)))
    texts = ["some art word", "some sport war word", "some word"]
    assert [set(labels) for labels in runner.many(texts, 2)] == [{"art"}, {"sport", "war"}, set()]
    assert runner.about()["model_bytes"] > 0 and runner.about()["training_rows"] == len(record.parts["train"].rows)


def test_a_row_has_micro_and_macro_f1_with_intervals_and_every_label(topics):
    reference, row = topics.rows
    assert topics.data.expected[:4] == ((), (0,), (0, 1), (1,))
    assert row.predictions[:4] == ((), (0,), (0, 1), (-1,))
    truth = np.array([[label in example.labels for label in TOPICS.labels] for example in ROWS])
    answered = np.array([[index in answer for index in (0, 1, 2, -1)] for answer in row.predictions])
    padded = np.pad(truth, ((0, 0), (0, 1)))
    assert row.micro_f1.value == pytest.approx(f1_score(padded, answered, average="micro"))
    assert row.macro_f1.value == pytest.approx(f1_score(truth, answered[:, :3], average="macro"))
    assert row.micro_f1.low < row.micro_f1.value < row.micro_f1.high < 1
    assert (reference.micro_f1.value, reference.macro_f1.value, reference.accuracy.value) == (1, 1, 1)
    assert row.score == row.micro_f1 and row.accuracy.value == 0.75 == row.agreement.value
    assert row.accuracy_difference is None and row.micro_f1_difference.value == row.micro_f1.value - 1
    assert row.micro_f1_difference.high < 0
    recalls = recall_score(truth, answered[:, :3], average=None)
    precisions = precision_score(truth, answered[:, :3], average=None)
    for index, label in enumerate(TOPICS.labels):
        assert row.per_label[label] == {
            "rows": truth[:, index].sum(), "recall": recalls[index], "precision": precisions[index],
        }  # fmt: skip


def test_results_are_read_as_they_were_written_a_list_of_answers_a_line(topics, tmp_path):
    write_results(tmp_path / "results.json", topics)
    text = (tmp_path / "results.json").read_text("utf-8")
    assert '"expected": [[], [0], [0, 1], [1], [2], [0, 2], [],' in text
    assert read_results(tmp_path).rows == topics.rows and read_results(tmp_path).data == topics.data
    assert json.loads(text)["data"]["task"] == TOPICS.name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["data"].update(task="ranking"), "data: task must be one of"),
        (lambda d: d["data"].pop("task"), r"expects \(\) where a label belongs"),
        (lambda d: d["data"]["expected"].__setitem__(0, 1), "expects 1 where a list of labels belongs"),
        (lambda d: d["data"].update(expected=[[]] * 36), "no row bears any label"),
        (lambda d: d["data"]["expected"].__setitem__(0, [-1]), "must be from 0"),
        (lambda d: d["rows"][1]["predictions"].__setitem__(0, [3]), "row 2 predicts label 3 of 3"),
        (lambda d: d["rows"][1]["predictions"].__setitem__(0, 2), "row 2 predicts 2 where a list"),
        (lambda d: d["rows"][1]["predictions"].__setitem__(0, [[2]]), "must be a whole number"),
    ],
)
def test_answers_that_do_not_fit_the_task_are_refused(topics, change, message):
    document = json.loads(json.dumps(topics.to_json()))
    change(document)
    with pytest.raises(InputError, match=message):
        Results.from_json(document, "f")


def test_readers_show_micro_f1_in_the_place_of_accuracy(topics):
    assert headings(topics)[:3] == ["micro F1 [95 %]", "difference, points [95 %]", "macro F1 [95 %]"]
    assert columns(topics)[:3] == ["backend", "micro F1 [95 %]", "difference, points [95 %]"]
    row = topics.rows[1]
    shown = f"{row.micro_f1.value:.1%}".replace("%", " %")
    assert table_rows(topics)[1][1].startswith(shown)
    text = report_text(topics)
    assert f"| {shown} [" in text and "all labels right" in text and "75.0 % [" in text
    assert "**macro F1**: the mean of the labels' own F1" in text.replace("\\", "")
    page = html(topics)
    assert "<h2>Micro F1 against mean latency</h2>" in page and f"micro F1 {shown} [" in page
    assert "accuracy" not in page.lower().replace("mlperf", "")


def test_lost_answers_are_points_of_micro_f1(topics):
    right, forgetful = (
        replace(topics, rows=(replace(row, backend="edgetext", variant="int8", reason=None),))
        for row in topics.rows
    )
    comparison = compare(right, forgetful)
    change = comparison.pairs[0].change("micro_f1")
    assert change.worse == pytest.approx(100 * (1 - topics.rows[1].micro_f1.value)) and change.verdict == "worse"
    assert "micro_f1 +" in str(change) and " points " in str(change)
    assert comparison.pairs[0].change("accuracy") is None
    assert [*map(bool, (regressions(comparison, [read_limit(f"micro_f1>{n}%")]) for n in (1, 90)))] == [True, False]
    with pytest.raises(InputError, match="no row has accuracy in both runs"):
        regressions(comparison, [read_limit("accuracy>1%")])


def test_merged_rows_share_a_baseline(topics):
    one, other = (replace(topics, rows=(row,)) for row in topics.rows)
    assert merge([one, other], ["a", "b"]).rows[1].micro_f1_difference == topics.rows[1].micro_f1_difference
    alone = replace(other, data=replace(other.data, task=""))
    with pytest.raises(DataError, match="measured on different rows"):
        merge([one, alone], ["a", "b"])


def test_rows_with_other_numbers_of_labels_than_the_model_gives_are_refused():
    for task in (SingleLabel(TOPICS.labels), SingleLabel(("art", "sport"))):
        with pytest.raises(DataError, match="row 1 has 0 labels"):
            describe_data(HELD_OUT, task, "the model")
    nothing = replace(HELD_OUT, examples=ROWS[:1])
    with pytest.raises(DataError, match="no row bears any label"):
        describe_data(nothing, TOPICS, "the model")


def test_bundles_of_different_tasks_are_not_measured_together(tiny_bundle, tiny_several):
    with pytest.raises(BundleError, match="are of different tasks"):
        open_models([tiny_several, tiny_bundle])


def test_one_label_has_its_macro_f1(topics):
    data = describe_data(
        HeldOut("x", tuple(Example("t", (label,), 1) for label in "aabbc"), ""), SingleLabel(("a", "b", "c")), "it"
    )
    row = scored(topics.rows[0], [("a",), ("b",), ("b",), ("b",), ("c",)], data)
    assert row.macro_f1.value == pytest.approx(f1_score([*"aabbc"], [*"abbbc"], average="macro"))
    assert (row.accuracy.value, row.micro_f1, row.score) == (0.8, None, row.accuracy)


def test_pairs_and_lists_of_labels_have_fingerprints_of_their_own():
    rows = [
        ("a", ("x",)),
        (("a", "b"), ("x",)),
        ("a", ("b", "x")),
        ("a", ()),
        (
            (
                "a",
                "b",
            ),
            (),
        ),
    ]
    held = [HeldOut("x", (Example(text, labels, 1),), "").fingerprint for text, labels in rows]
    assert len(set(held)) == len(rows)
    assert HeldOut("x", (Example("a", ("x", "b"), 1),), "").fingerprint == held[2]
