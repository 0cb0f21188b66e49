"""Checkpoint to bundle: the files, the manifest, the gate's say, and that others open what was made."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest

from edgetext.cli.main import main
from edgetext.data.example import Example
from edgetext.errors import DataError, InputError, ModelError, OutputExistsError
from edgetext.export import search, workshop
from edgetext.export.export import export_bundle
from edgetext.export.schemes import registry
from edgetext.export.schemes.registry import SchemeEntry, SchemeInput
from edgetext.export.settings import ExportSettings
from edgetext.export.tuning import CalibrationTexts
from edgetext.foreign.versions import transformers_version
from edgetext.runtime.manifest import Manifest
from edgetext.runtime.predictor import Predictor

FUSED = ("dynamic-int8-fused",)
TRIED = ("dynamic-int8-fused", "static-int8-minmax", "dynamic-int8")  # test_architectures has them all
TEXTS = ["a bowl of ramen with egg", "a red car on the road", "fried rice and salad", "the old bridge in winter"]


@pytest.fixture(scope="module")
def held_out(tiny_checkpoint):
    """400 texts that the model has right, so that the gate looks at int8 alone."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    words = " ".join(TEXTS).split()
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(words, size=6)) for _ in range(400)]
    batch = AutoTokenizer.from_pretrained(tiny_checkpoint.path)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        network = AutoModelForSequenceClassification.from_pretrained(tiny_checkpoint.path)
        answers = network(**batch).logits.argmax(-1).tolist()
    return [
        Example(text, (tiny_checkpoint.labels[answer],), row)
        for row, (text, answer) in enumerate(zip(texts, answers, strict=True), 1)
    ]


@pytest.fixture(scope="module")
def exported(tiny_checkpoint, held_out, tmp_path_factory):
    output = tmp_path_factory.mktemp("export") / "bundle"
    settings = ExportSettings(first_stage="off", max_drop=0.2, schemes=FUSED, command="edgetext export x -o y")
    return export_bundle(tiny_checkpoint, held_out, output, settings)


def test_the_manifest_says_how_much_the_batch_matters(exported):
    effects = {variant.name: variant.evaluation["batch_effect"] for variant in exported.manifest.variants}
    assert effects["fp32"]["texts"] == effects["int8"]["texts"] == 400
    assert effects["fp32"]["largest_change"] < 1e-5 < effects["int8"]["largest_change"]
    assert (
        json.loads((exported.path / "bundle.json").read_text("utf-8"))["variants"][1]["evaluation"]["batch_effect"]
        == effects["int8"]
    )


def test_the_bundle_holds_what_the_design_says(exported):
    found = {str(path.relative_to(exported.path)) for path in exported.path.rglob("*") if path.is_file()}
    assert found == {
        "README.md",
        "bundle.json",
        "config.json",
        "export.json",
        "onnx/model.onnx",
        "onnx/model_quantized.onnx",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "tuning/calibration.jsonl",
        "tuning/gate.jsonl",
    }


def test_the_manifest_is_complete_and_true(exported, tiny_checkpoint):
    manifest = Manifest.from_json(json.loads((exported.path / "bundle.json").read_text("utf-8")))
    assert manifest.labels == tiny_checkpoint.labels
    assert manifest.default_variant == "int8"
    assert set(manifest.inputs) == {"input_ids", "attention_mask", "token_type_ids"}
    for variant in manifest.variants:
        content = (exported.path / variant.file).read_bytes()
        assert variant.sha256 == hashlib.sha256(content).hexdigest()
        assert variant.bytes == len(content)
    assert [variant.precision for variant in manifest.variants] == ["fp32", "int8"]
    assert manifest.provenance["command"] == "edgetext export x -o y"
    assert manifest.provenance["libraries"]["onnxruntime"] == onnxruntime.__version__
    assert manifest.provenance["seed"] == 42
    assert manifest.text_column == "text"
    assert manifest.created_with.startswith("edgetext ")


def test_the_gate_stands_in_the_manifest_and_on_the_card(exported):
    evaluation = exported.manifest.variant("int8").evaluation
    assert evaluation["verdict"] == "passed"
    assert evaluation["rows"] == 400
    assert evaluation["loss"]["low"] <= evaluation["loss"]["value"] <= evaluation["loss"]["high"] < 0.2
    assert evaluation["sentence"] in (exported.path / "README.md").read_text("utf-8")
    agreement = exported.manifest.variant("fp32").evaluation["logits_vs_torch"]
    assert 0 <= agreement["largest_difference"] < 1e-5
    assert agreement["texts"] == 64


def test_int8_is_fused_and_truly_int8(exported):
    graph = onnx.load(exported.path / "onnx/model_quantized.onnx").graph
    kinds = {node.op_type for node in graph.node}
    assert {"DynamicQuantizeMatMul", "MultiHeadAttention", "Gelu"} <= kinds
    assert not {"SkipLayerNormalization", "BiasGelu"} & kinds
    assert not kinds & {"MatMul", "Gemm", "MatMulInteger"}
    variant = exported.manifest.variant("int8")
    assert (variant.scheme, variant.session) == ("dynamic-int8-fused", {"graph_optimization_level": "disable"})


@pytest.mark.parametrize("scheme", TRIED)
def test_a_scheme_answers_nearly_like_fp32(tiny_checkpoint, held_out, tmp_path, scheme):
    settings = ExportSettings(first_stage="off", max_drop=0.2, schemes=(scheme,))
    made = export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle", settings)
    assert made.manifest.variant().scheme == scheme
    texts = [example.text for example in held_out[:50]]
    with Predictor(made.path, variant="fp32") as fp32, Predictor(made.path) as int8:
        change = np.abs(fp32.predict_proba(texts) - int8.predict_proba(texts))
    assert 0 < change.max() < 0.1


@pytest.mark.parametrize("scheme", TRIED)
def test_quantizing_twice_gives_the_same_bytes(tiny_checkpoint, held_out, tmp_path, scheme):
    digests = []
    for name in ("one", "other"):
        settings = ExportSettings(first_stage="off", max_drop=0.2, schemes=(scheme,))
        made = export_bundle(tiny_checkpoint, held_out, tmp_path / name, settings)
        digests.append([variant.sha256 for variant in made.manifest.variants])
    assert digests[0] == digests[1]


def ruined(source, target):
    """A scheme that swaps the two labels' weights."""
    model = onnx.load(source.model)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("classifier."):
            array = onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(array[::-1]), tensor.name))
    onnx.save(model, target)
    return {}


@pytest.fixture
def sabotage(monkeypatch):
    schemes = {"ruined": SimpleNamespace(precision="int8", build=ruined)}
    monkeypatch.setattr(registry, "SCHEMES", schemes)


def test_a_file_without_an_integer_product_is_no_int8(tiny_checkpoint, held_out, tmp_path, monkeypatch):
    entry = SchemeEntry("float", "claims to be int8", "prepared:build_fused")
    monkeypatch.setattr(registry, "SCHEMES", {"float": entry})
    made = export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle", ExportSettings(schemes=("float",)))
    assert made.refused
    row = made.record.row("float")
    assert row.status == "failed" and "none of its products with weights is int8" in row.reason


@pytest.mark.usefixtures("sabotage")
def test_a_ruined_candidate_is_refused_and_fp32_stays(tiny_checkpoint, held_out, tmp_path):
    settings = ExportSettings(schemes=("ruined",))
    made = export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle", settings)
    assert made.refused
    assert made.record.row("ruined").verdict.decision == "failed"
    assert made.record.rescue["kept"] == []
    assert made.manifest.default_variant == "fp32"
    assert not (made.path / "onnx/model_quantized.onnx").exists()
    with Predictor(made.path) as classify:
        assert classify(held_out[0].text).label == held_out[0].label
    assert "failed: int8 lost 100.00 points" in (made.path / "README.md").read_text("utf-8")


@pytest.mark.usefixtures("sabotage")
def test_the_command_says_so_and_exits_with_3(tiny_checkpoint, tmp_path, capsys, held_out):
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps({"words": row.text, "verdict": row.label}) + "\n" for row in held_out))
    words = [
        "export",
        str(tiny_checkpoint.path),
        "-o",
        str(tmp_path / "out"),
        "--data",
        str(data),
        "--scheme",
        "ruined",
    ]
    words += ["--text-column", "words", "--label-column", "verdict"]
    assert main(words) == 3
    assert "no int8 model was good enough, so fp32 is the default" in capsys.readouterr().err
    assert (tmp_path / "out" / "bundle.json").is_file()


def test_strict_refuses_what_is_undecided(tiny_checkpoint, held_out, tmp_path):
    few = held_out[:50]
    lenient = export_bundle(tiny_checkpoint, few, tmp_path / "lenient", ExportSettings(schemes=FUSED))
    assert lenient.record.row(*FUSED).verdict.decision == "undecided"
    assert lenient.manifest.default_variant == "int8"
    strict = export_bundle(tiny_checkpoint, few, tmp_path / "strict", ExportSettings(schemes=FUSED, strict=True))
    assert strict.manifest.default_variant == "fp32"
    assert strict.record.row(*FUSED).status == "undecided"


@pytest.mark.skipif(transformers_version() >= (5, 0), reason="torch's graphs say where their attention is")
def test_a_scheme_that_does_not_fit_is_skipped_and_said(tiny_checkpoint, held_out, tmp_path):
    made = export_bundle(
        replace(tiny_checkpoint, model_type="mobilebert"),
        held_out,
        tmp_path / "bundle",
        ExportSettings(
            first_stage="off", max_drop=0.2, schemes=("dynamic-int8-fused", "dynamic-int8"), objective="size"
        ),
    )
    row = made.record.row("dynamic-int8-fused")
    assert (row.status, row.reason) == ("not_applicable", "onnxruntime has no CPU fusion for 'mobilebert' models")
    assert made.manifest.variant("int8").scheme == "dynamic-int8"
    assert row.reason in (made.path / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "model.onnx"),
        RuntimeError("write: No space left on device"),
    ],
)
def test_a_full_disk_is_told_in_a_line_and_leaves_nothing(tiny_checkpoint, held_out, tmp_path, monkeypatch, error):
    def full(*_):
        raise error

    monkeypatch.setattr(workshop, "sha256", full)
    with pytest.raises(InputError, match=r"no space left on the disk, at .*choose another --output"):
        export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle", ExportSettings(schemes=FUSED))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_calibration_text_is_named_before_any_work(tiny_checkpoint, held_out, tmp_path, capsys):
    with pytest.raises(DataError, match=r"calibration text 2 of 3 \(mine\) is empty"):
        CalibrationTexts(("a red car", " ", "fried rice"), "mine")
    rows = tmp_path / "rows.csv"
    rows.write_text("text,label\na red car,not_food\n,food\n")
    words = ["export", str(tiny_checkpoint.path), "-o", str(tmp_path / "out"), "--calibration", str(rows)]
    assert main(words) == 2
    assert "rows.csv: row 2 (line 3): column 'text': the text is empty" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_architecture_that_optimum_cannot_export_is_named_with_those_it_can():
    pytest.importorskip("optimum.exporters", reason="there is none beside transformers 5")
    from edgetext.export.exporters import by_optimum

    said = by_optimum.cannot_export("canine", "Trying to export a canine model, that is not supported.\nmore")
    assert said.startswith("Optimum cannot export a 'canine' model: Trying to export a canine model, that is not ")
    assert " It can export albert, bart, bert, " in said
    assert "more" not in said
    assert "It can export" not in by_optimum.cannot_export("bert", "some other fault")


def test_no_texts_leaves_every_text_out(tiny_checkpoint, held_out, tmp_path):
    settings = ExportSettings(first_stage="off", max_drop=0.2, schemes=FUSED, texts=False)
    made = export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle", settings)
    assert not (made.path / "tuning").exists()
    assert made.examples == ()
    for file in made.path.rglob("*.*"):
        if file.suffix in (".json", ".md") and file.name != "tokenizer.json":
            assert held_out[0].text not in file.read_text("utf-8")


def test_an_interruption_leaves_nothing(tiny_checkpoint, held_out, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(search, "judge", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle", ExportSettings(schemes=FUSED))
    assert list(tmp_path.iterdir()) == []


def test_a_taken_output_is_refused_before_any_work(tiny_checkpoint, held_out, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine").write_text("mine")
    with pytest.raises(OutputExistsError, match="mine"):
        export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle")
    assert (tmp_path / "bundle" / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_drop": 0.0}, "--max-drop is a share between 0 and 1"),
        (
            {"schemes": ("int3",)},
            f"there is no scheme 'int3': choose one of {', '.join(registry.SCHEMES)}",
        ),
        ({"objective": "price"}, "there is no objective 'price': choose one of latency, throughput, size"),
        ({"search_seconds": 0.0}, "--search-seconds must be above 0, found 0"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        ExportSettings(**settings)


def test_a_label_that_the_model_does_not_know_is_named(tiny_checkpoint, held_out, tmp_path):
    rows = [*held_out[:3], Example("a red car", ("vehicle",), 17)]
    with pytest.raises(InputError, match=r"row 17.*'vehicle'"):
        export_bundle(tiny_checkpoint, rows, tmp_path / "bundle")


def test_a_graph_that_is_not_the_model_is_refused(tiny_checkpoint, held_out, tmp_path, monkeypatch):
    def wrong(checkpoint, folder):
        inputs = export_module_fp32(checkpoint, folder)
        ruined(SchemeInput(folder, "bert", 64), folder / "other.onnx")
        shutil.move(folder / "other.onnx", folder / "model.onnx")
        return inputs

    export_module_fp32 = workshop.export_fp32
    monkeypatch.setattr(workshop, "export_fp32", wrong)
    with pytest.raises(ModelError, match="away from torch's on 64 texts, allowed are 0"):
        export_bundle(tiny_checkpoint, held_out, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []
