"""``edgetext tune``: the search again from the bundle alone, which is input like any other."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace

import pytest

from edgetext.cli.main import main
from edgetext.data.example import Example
from edgetext.errors import BundleError, InputError, IntegrityError, OutputExistsError
from edgetext.export.export import export_bundle
from edgetext.export.settings import ExportSettings
from edgetext.export.tune import tune_bundle
from edgetext.export.tuning import read_tuning
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.predictor import Predictor

FUSED = ExportSettings(first_stage="off", max_drop=0.9, schemes=("dynamic-int8-fused",))
PLAIN = ExportSettings(first_stage="off", max_drop=0.9, schemes=("dynamic-int8",), command="edgetext tune x")


@pytest.fixture(scope="module")
def rows(tiny_rows):
    with tiny_rows.open(encoding="utf-8", newline="") as stream:
        return [
            Example(row["text"], (row["label"],), number) for number, row in enumerate(csv.DictReader(stream), 1)
        ]


@pytest.fixture(scope="module")
def exported(tiny_checkpoint, rows, tmp_path_factory):
    return export_bundle(tiny_checkpoint, rows, tmp_path_factory.mktemp("made") / "bundle", FUSED)


@pytest.fixture
def bundle(exported, tmp_path):
    return shutil.copytree(exported.path, tmp_path / "bundle")


def edit_manifest(bundle, change):
    manifest = json.loads((bundle / "bundle.json").read_text("utf-8"))
    change(manifest)
    (bundle / "bundle.json").write_text(json.dumps(manifest), "utf-8")


def test_the_bundle_keeps_the_texts_with_their_checksums(bundle, rows):
    tuning = read_tuning(open_bundle(bundle))
    assert [(example.text, example.label) for example in tuning.examples] == [(row.text, row.label) for row in rows]
    assert (len(tuning.calibration.texts), tuning.calibration.origin) == (42, "training rows")


def test_tuning_makes_a_whole_bundle_with_another_model(exported, bundle, tmp_path):
    edit_manifest(bundle, lambda manifest: manifest.update(text_model={"file": "onnx/model_text.onnx"}))
    made = tune_bundle(bundle, tmp_path / "new", PLAIN)
    assert made.manifest.variant().scheme == "dynamic-int8"
    assert {path.relative_to(made.path) for path in made.path.rglob("*")} == {
        path.relative_to(exported.path) for path in exported.path.rglob("*")
    }
    assert made.manifest.variant("fp32") == exported.manifest.variant("fp32")
    assert made.manifest.provenance["command"] == "edgetext tune x"
    assert made.manifest.provenance["data"] == exported.manifest.provenance["data"]
    assert made.manifest.extra["tuning"] == exported.manifest.extra["tuning"]
    assert "text_model" not in made.manifest.extra  # it was of the other model
    assert made.record.metrics == exported.record.metrics
    assert "macro F1" in (made.path / "README.md").read_text("utf-8")
    with Predictor(made.path) as classify:
        assert classify("a bowl of ramen").label in made.manifest.labels
    assert open_bundle(bundle).manifest.variant().scheme == "dynamic-int8-fused"


def test_in_place_the_bundle_is_replaced_once_the_new_one_is_whole(bundle, capsys):
    words = ["--scheme", "dynamic-int8", "--max-drop", "0.9"]
    assert main(["tune", str(bundle), *words]) == 2
    assert "-o NEW, or --overwrite to replace BUNDLE itself" in capsys.readouterr().err
    assert main(["tune", str(bundle), "--overwrite", "--json", *words]) == 0
    assert json.loads(capsys.readouterr().out)["variants"][1]["scheme"] == "dynamic-int8"
    assert open_bundle(bundle).manifest.variant().scheme == "dynamic-int8"
    assert [entry.name for entry in bundle.parent.iterdir()] == ["bundle"]


def test_without_texts_it_takes_rows_that_are_given_and_keeps_none_of_them(tiny_checkpoint, rows, tmp_path):
    settings = ExportSettings(first_stage="off", max_drop=0.9, schemes=("dynamic-int8",), texts=False)
    bare = export_bundle(tiny_checkpoint, rows, tmp_path / "bare", settings).path
    with pytest.raises(InputError, match=r"keeps no texts .*: give --data with labelled rows"):
        tune_bundle(bare, tmp_path / "new", PLAIN)
    made = tune_bundle(bare, tmp_path / "new", PLAIN, held_out=rows)
    assert not (made.path / "tuning").exists()
    assert made.examples == ()
    assert made.record.row("dynamic-int8").verdict.rows == 60


def test_no_texts_takes_them_out(bundle, tmp_path):
    settings = ExportSettings(first_stage="off", max_drop=0.9, schemes=("dynamic-int8",), texts=False)
    made = tune_bundle(bundle, tmp_path / "new", settings)
    assert not (made.path / "tuning").exists()
    assert not {"tuning", "examples"} & set(made.manifest.extra)


def test_no_examples_takes_the_old_ones_out_and_keeps_the_texts(bundle, exported, tmp_path):
    assert len(exported.examples) == 4
    made = tune_bundle(bundle, tmp_path / "new", replace(PLAIN, examples=False))
    assert "examples" not in made.manifest.extra
    assert made.manifest.extra["tuning"] == exported.manifest.extra["tuning"]


def leave_the_folder(manifest):
    manifest["tuning"]["gate"]["file"] = "../rows.jsonl"


def forget_the_checksum(manifest):
    del manifest["tuning"]["calibration"]["sha256"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (leave_the_folder, r"the path '\.\./rows\.jsonl' leaves the bundle's folder"),
        (forget_the_checksum, "tuning: calibration lacks the field 'sha256'"),
        (lambda manifest: manifest.update(tuning=[1]), "tuning must be a JSON object"),
    ],
)
def test_a_manifest_that_was_tampered_with_is_refused(bundle, tmp_path, change, message):
    edit_manifest(bundle, change)
    with pytest.raises(BundleError, match=message):
        tune_bundle(bundle, tmp_path / "new", PLAIN)
    assert not (tmp_path / "new").exists()


def test_changed_texts_and_models_are_refused(bundle, tmp_path):
    with (bundle / "tuning/gate.jsonl").open("a") as stream:
        stream.write('{"text": "more", "label": "food"}\n')
    with pytest.raises(IntegrityError, match=r"gate\.jsonl is not the file that was exported"):
        tune_bundle(bundle, tmp_path / "new", PLAIN)


def test_a_changed_model_leaves_nothing_half_written(bundle, tmp_path):
    with (bundle / "onnx/model.onnx").open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(IntegrityError, match=r"model\.onnx is not the file that was exported"):
        tune_bundle(bundle, tmp_path / "new", PLAIN)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bundle"]


def test_what_cannot_be_tuned_is_named(bundle, tmp_path):
    with pytest.raises(OutputExistsError, match="already exists"):
        tune_bundle(bundle, bundle, PLAIN)
    (bundle / "bundle.json").unlink()
    with pytest.raises(BundleError, match="cannot be tuned: it holds no model named fp32"):
        tune_bundle(bundle, tmp_path / "new", PLAIN)
