"""Several models in one run: what tells them apart, which rows each has, and what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edgetext.bench.heldout import find_held_out
from edgetext.bench.models import distinct_names, open_models
from edgetext.bench.plan import plan_rows
from edgetext.bench.registry import choose_backends
from edgetext.bench.report import report_text
from edgetext.bench.run import run_bench
from edgetext.bench.settings import BenchSettings
from edgetext.bench.show import columns, table_rows
from edgetext.checkpoint import Checkpoint
from edgetext.errors import BundleError, InputError, ModelError
from edgetext.runtime.bundle import Bundle, open_bundle
from edgetext.runtime.predictor import Predictor
from foreign_folder import write_weights

ONE = BenchSettings(threads=1)


def names(models, *backends, **settings):
    chosen = replace(ONE, backends=backends, **settings)
    return [plan.name for plan in plan_rows(models, choose_backends(backends), chosen)]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/a/one", "/a/two"], ["one", "two"]),
        (["/a/x/bundle", "/a/y/bundle", "/a/z"], ["x/bundle", "y/bundle", "z"]),
        (["/a/x/bundle", "/b/x/bundle"], ["a/x/bundle", "b/x/bundle"]),
        (["/bundle", "/x/bundle"], ["/bundle", "x/bundle"]),
        (["/a/one", "/a/one"], ["one 1", "one 2"]),
        (["hub:me/small@v1", "/a/small"], ["small@v1", "small"]),
    ],
)
def test_a_name_has_as_many_of_the_last_parts_as_tell_it_from_the_others(paths, expected):
    assert distinct_names(paths) == expected


@pytest.fixture
def two(tiny_bundle, tmp_path):
    """Gives two bundles of the same folder name."""
    return [shutil.copytree(tiny_bundle, tmp_path / name / "bundle") for name in ("new", "old")]


@pytest.fixture
def checkpoint(tmp_path):
    """Gives a function that makes a checkpoint of the tiny bundle's labels, with nothing else that counts here."""

    def make(name):
        folder = tmp_path / name
        folder.mkdir()
        labels = dict(enumerate(("food", "not_food", "unclear")))
        config = {"architectures": ["XForSequenceClassification"], "id2label": labels}
        (folder / "config.json").write_text(json.dumps(config))
        write_weights(folder / "model.safetensors", {"classifier.weight": (3, 4)})
        return folder

    return make


def test_one_bundle_and_its_checkpoint_have_no_names_and_every_variant(tiny_bundle, checkpoint):
    models = open_models([tiny_bundle], checkpoint("teacher"))
    assert [(type(model.opened), model.name, model.is_baseline) for model in models] == [
        (Checkpoint, "", True), (Bundle, "", False),
    ]  # fmt: skip
    assert names(models, "edgetext", "torch-cpu") == [
        "torch-cpu fp32", "torch-cpu bf16", "edgetext fp32", "edgetext int8",
    ]  # fmt: skip


def test_each_of_several_has_one_row_and_the_baseline_all_of_its(two, checkpoint):
    models = open_models([*two, checkpoint("student")], checkpoint("teacher"))
    assert names(models) == [
        "torch-cuda fp32 (teacher)", "torch-cuda fp16 (teacher)",
        "torch-cpu fp32 (teacher)", "torch-cpu bf16 (teacher)", "torch-cpu fp32 (student)",
        "transformers-pipeline fp32 (teacher)",
        "edgetext int8 (new/bundle)", "edgetext int8 (old/bundle)",
    ]  # fmt: skip


def test_backends_and_variants_that_are_named_count_for_each_of_several(two, checkpoint):
    models = open_models([checkpoint("teacher"), *two])
    assert names(models, "tfidf-logreg", "onnxruntime") == [
        "tfidf-logreg fp64 (teacher)", "onnxruntime int8 (new/bundle)", "onnxruntime int8 (old/bundle)",
    ]  # fmt: skip
    assert names(models, "edgetext", variants=("all",)) == [
        f"edgetext {variant} ({name}/bundle)" for name in ("new", "old") for variant in ("fp32", "int8")
    ]
    assert names(models[1:], "edgetext", variants=("int8",)) == [
        "edgetext int8 (new/bundle)", "edgetext int8 (old/bundle)",
    ]  # fmt: skip


def test_a_variant_that_a_bundle_lacks_is_refused(tiny_bundle):
    with pytest.raises(InputError, match=r"has no variant 'int4': it has .*fp32.*int8"):
        names(open_models([tiny_bundle]), "edgetext", variants=("int4",))


def test_a_table_of_word_vectors_is_measured_by_edgetext_alone(tiny_static):
    models = open_models([tiny_static])
    assert names(models, "all") == ["edgetext static", "edgetext static throughput", "edgetext static background"]
    (plan,) = plan_rows(models, choose_backends(["edgetext"]), ONE)
    assert plan.model_bytes == (tiny_static / models[0].opened.manifest.variants[0].file).stat().st_size


def test_only_behind_a_first_stage_the_model_alone_is_another_program(tiny_bundle, tiny_first):
    assert "edgetext int8 model-alone" not in names(open_models([tiny_bundle]), "all")
    plans = plan_rows(open_models([tiny_first]), choose_backends(["all"]), ONE)
    size = {plan.name: plan.model_bytes for plan in plans}
    table = open_bundle(tiny_first).manifest.first_stage.bytes
    assert size["edgetext int8"] == size["edgetext int8 model-alone"] + table == size["onnxruntime int8"] + table
    assert size["edgetext fp32"] == size["onnxruntime fp32"] and "edgetext fp32 model-alone" not in size


def test_a_first_stage_a_table_and_a_model_stand_in_one_table(tiny_bundle, tiny_first, tiny_static, tiny_rows):
    backends = ("edgetext", "edgetext:model-alone")
    settings = BenchSettings(1, backends, rounds=2, latency_texts=20, throughput_texts=8, batch=4)
    results = run_bench(
        [tiny_bundle, tiny_first, tiny_static], None, find_held_out(None, str(tiny_rows)), settings=settings
    )
    assert [(row.variant, row.status) for row in results.rows] == [
        ("int8", "measured"), ("int8", "measured"), ("static", "measured"), ("int8 model-alone", "measured"),
    ]  # fmt: skip
    plain, staged, static, alone = results.rows
    with Predictor(tiny_first) as predictor:
        texts = [example.text for example in find_held_out(None, str(tiny_rows)).examples]
        stages = [predictor(text).stage == "first" for text in texts]
    assert staged.latency_ms.first == tuple(map(int, stages[:40])) and 0 < staged.coverage < 1
    assert (plain.coverage, static.coverage, alone.coverage) == (None, None, None)
    assert alone.predictions == plain.predictions != staged.predictions


def test_what_is_neither_a_bundle_nor_a_checkpoint_is_refused(tmp_path, tiny_bundle):
    with pytest.raises(BundleError, match="is no bundle"):
        open_models([tiny_bundle, tmp_path])
    with pytest.raises(BundleError, match="does not exist"):
        open_models([tmp_path / "nowhere"])
    with pytest.raises(ModelError, match="give the checkpoint folder"):
        open_models([tiny_bundle], tmp_path / "nowhere")


def test_models_of_other_labels_are_refused(two):
    manifest = Path(two[1], "bundle.json")
    manifest.write_text(manifest.read_text("utf-8").replace('"not_food"', '"meal"'))
    with pytest.raises(BundleError, match=r"new/bundle and .*old/bundle .* know different labels: measure models"):
        open_models(two)


def test_labels_in_another_order_are_the_same_labels(two, tiny_rows):
    manifest = Path(two[1], "bundle.json")
    text = manifest.read_text("utf-8")
    manifest.write_text(text.replace('"food"', '"?"').replace('"not_food"', '"food"').replace('"?"', '"not_food"'))
    rows = find_held_out(None, str(tiny_rows), limit=20)
    settings = BenchSettings(1, ("edgetext",), rounds=1, latency_texts=4, throughput_texts=8, batch=4)
    results = run_bench(two, None, rows, settings=settings)
    first, second = results.rows
    assert (first.model, second.model) == ("new/bundle", "old/bundle")
    assert [{0: 1, 1: 0, 2: 2}[answer] for answer in first.predictions] == list(second.predictions), (
        "by name, not by place"
    )
    assert {"| edgetext | int8 | new/bundle | cpu |", "| edgetext | int8 | old/bundle | cpu |"} <= {
        line[: line.index(" cpu |") + 6]
        for line in report_text(results).splitlines()
        if line.startswith("| edgetext")
    }
    assert [row[0] for row in table_rows(results)] == ["edgetext int8 (new/bundle)", "edgetext int8 (old/bundle)"]
    assert len(columns(results)) == len(table_rows(results)[0])
