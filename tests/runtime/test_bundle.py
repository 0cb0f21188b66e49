from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgetext import BundleError, IntegrityError, Predictor
from edgetext.cli.main import main
from edgetext.runtime.bundle import open_bundle, write_manifest
from edgetext.runtime.manifest import Manifest

Damage = Callable[[Path], object]


def fields(**values: Any) -> Damage:
    """Gives a damage that sets fields of the manifest; a value of ``...`` takes the field out."""

    def damage(folder: Path) -> None:
        path = folder / "bundle.json"
        document = json.loads(path.read_text("utf-8")) | values
        document = {key: value for key, value in document.items() if value is not ...}
        path.write_text(json.dumps(document), "utf-8")

    return damage


def variant(**values: Any) -> Damage:
    """Gives a damage that sets fields of the default variant."""

    def damage(folder: Path) -> None:
        path = folder / "bundle.json"
        document = json.loads(path.read_text("utf-8"))
        document["variants"][1] |= values
        path.write_text(json.dumps(document), "utf-8")

    return damage


def append(name: str) -> Damage:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes() + b"\0")


def write(name: str, content: bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content)


def unsigned(damage: Damage) -> Damage:
    """Gives the same damage with checksums that fit it, so that it is met by what comes after them."""

    def both(folder: Path) -> None:
        damage(folder)
        fields(files={})(folder)
        variant(sha256=hashlib.sha256((folder / MODEL).read_bytes()).hexdigest())(folder)

    return both


def link_out(name: str) -> Damage:
    def damage(folder: Path) -> None:
        outside = folder.parent / "outside"
        shutil.move(folder / name, outside)
        (folder / name).symlink_to(outside)

    return damage


def cut(name: str, keep: float) -> Damage:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: int(len(content) * keep)])

    return damage


MODEL = "onnx/model_quantized.onnx"
DAMAGES: dict[str, tuple[Damage, str]] = {
    "changed model": (append(MODEL), "is not the file that was exported"),
    "changed tokenizer": (append("tokenizer.json"), "is not the file that was exported"),
    "missing model": (lambda folder: (folder / MODEL).unlink(), "the file onnx/model_quantized.onnx is missing"),
    "missing tokenizer": (
        lambda folder: (folder / "tokenizer.json").unlink(),
        "the file tokenizer.json is missing",
    ),
    "model is a folder": (variant(file="onnx"), "onnx is a folder"),
    "swapped model": (lambda folder: shutil.copy(folder / "onnx/model.onnx", folder / MODEL), "not the file"),
    "cut model": (unsigned(cut(MODEL, 0.5)), "is not an ONNX model"),
    "empty model": (unsigned(write(MODEL, b"")), "it is empty"),
    "text as model": (unsigned(write(MODEL, b"this is no model")), "is not an ONNX model"),
    "empty graph": (unsigned(write(MODEL, b"\x08\x07")), "cannot be loaded by onnxruntime"),
    "cut tokenizer": (unsigned(cut("tokenizer.json", 0.5)), "tokenizer.json is damaged"),
    "empty tokenizer": (unsigned(write("tokenizer.json", b"")), "tokenizer.json is damaged"),
    "tokenizer is binary": (unsigned(write("tokenizer.json", b"\xff\xfe\0")), "tokenizer.json is damaged"),
    "tokenizer is a number": (unsigned(write("tokenizer.json", b"3")), "tokenizer.json is damaged"),
    "linked out": (link_out(MODEL), "is a link that leaves the bundle's folder"),
    "empty checksum": (variant(sha256=""), "sha256 must be a SHA-256"),
    "absolute path": (variant(file="/etc/passwd"), "leaves the bundle's folder"),
    "climbing path": (variant(file="../bundle/onnx/model.onnx"), "leaves the bundle's folder"),
    "climbing inside": (variant(file="onnx/../../x.onnx"), "leaves the bundle's folder"),
    "windows path": (variant(file="C:\\model.onnx"), "leaves the bundle's folder"),
    "empty path": (variant(file=""), "leaves the bundle's folder"),
    "NUL in the path": (variant(file="onnx/a\0b"), "leaves the bundle's folder"),
    "very long path": (variant(file="x" * 5000), ""),
    "climbing checksum": (fields(files={"../x": "0" * 64}), "leaves the bundle's folder"),
    "checksum of no text": (fields(files={"tokenizer.json": 3}), "must be a text"),
    "not JSON": (write("bundle.json", b"{"), "it is not JSON"),
    "empty manifest": (write("bundle.json", b""), "it is not JSON"),
    "manifest in Latin-1": (write("bundle.json", '{"a": "é"}'.encode("latin-1")), "it is not valid UTF-8"),
    "lone surrogate": (write("bundle.json", b'{"a": "\\ud800"}'), "it is not valid UTF-8"),
    "NaN": (write("bundle.json", b'{"a": NaN}'), "NaN is no JSON number"),
    "nested too deep": (write("bundle.json", b"[" * 100_000), "it is not JSON"),
    "manifest is a list": (write("bundle.json", b"[]"), "must be a JSON object"),
    "huge manifest": (write("bundle.json", b" " * (17 << 20)), "larger than 16 MB"),
    "newer format": (fields(format_version=2), "format_version is 2"),
    "no format": (fields(format_version=...), "format_version is None"),
    "other task": (fields(task="regression"), 'task must be one of single_label, multi_label, found "regression"'),
    "no labels": (fields(labels=[]), "at least two different names"),
    "one label": (fields(labels=["a"]), "at least two different names"),
    "labels twice": (fields(labels=["a", "a", "b"]), "at least two different names"),
    "labels are numbers": (fields(labels=[1, 2, 3]), "label 1 must be a text"),
    "too few labels": (fields(labels=["a", "b"]), "gives 3 scores a text, and there are 2 labels"),
    "no thresholds": (fields(task="multi_label"), "needs thresholds"),
    "too few thresholds": (fields(task="multi_label", thresholds=[0.5]), "thresholds must be 3 numbers"),
    "length 0": (fields(max_length=0), "max_length must be from 1 to"),
    "length 2": (fields(max_length=2), "the tokenizer adds 2 special tokens"),
    "length is a text": (fields(max_length="32"), "max_length must be a whole number"),
    "length is huge": (fields(max_length=10**30), "max_length must be from 1 to"),
    "length true": (fields(max_length=True), "max_length must be a whole number"),
    "other inputs": (fields(inputs=["input_ids"]), "and bundle.json says input_ids"),
    "no variants": (fields(variants=[]), "variants must not be empty"),
    "variants of texts": (fields(variants=["fp32"]), "variant 1 must be a JSON object"),
    "no such default": (fields(default_variant="int4"), "default_variant is 'int4'"),
    "same name twice": (variant(name="fp32"), ""),
    "unknown session option": (variant(session={"threads": 3}), "the session option threads"),
    "no such level": (
        variant(session={"graph_optimization_level": "most"}),
        "must be one of disable, basic",
    ),
    "level is a list": (
        variant(session={"graph_optimization_level": []}),
        "level must be a text",
    ),
    "optimizers no list": (variant(session={"disabled_optimizers": "all"}), "disabled_optimizers must be a list"),
    "config no object": (variant(session={"config": ["a"]}), "config must be a JSON object"),
    "config that names files": (
        variant(session={"config": {"session.optimized_model_external_initializers_file_name": "x"}}),
        "edgetext passes on",
    ),
    "a value that is too long": (
        variant(session={"config": {"session.disable_prepacking": "1" * 8193}}),
        "must be a word of at most",
    ),
    "verdict no text": (variant(evaluation={"verdict": []}), "evaluation: verdict must be a text"),
    "base model no text": (fields(provenance={"base_model": {}}), "provenance: base_model must be a text"),
    "examples no texts": (fields(examples=[3]), "example 1 must be a text"),
    "session no object": (variant(session=[]), "session must be a JSON object"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_bundle_is_one_clear_line(
    tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    damage, message = DAMAGES[name]
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, folder)
    damage(folder)
    assert main(["predict", str(folder), "a dog"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("edgetext predict: error: ") and shown.err.count("\n") == 1
    assert message in shown.err


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda place: place / "nothing", "does not exist"),
        (lambda place: (place / "file").write_text("x") and place / "file", "it is a file"),
        (
            lambda place: (place / "empty").mkdir() or place / "empty",
            "it holds neither bundle.json nor config.json",
        ),
        (lambda place: place / ("x" * 5000), "cannot be a bundle"),
    ],
)
def test_what_is_no_bundle_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], Path], message: str
) -> None:
    assert main(["predict", str(make(tmp_path)), "a dog"]) == 2
    shown = capsys.readouterr().err
    assert message in shown and shown.count("\n") == 1


def test_a_checkpoint_is_told_from_a_bundle(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(BundleError, match=r"looks like a checkpoint.*edgetext export"):
        open_bundle(tmp_path)


def test_verify_can_be_turned_off(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, folder)
    shutil.copy(folder / "onnx/model.onnx", folder / MODEL)
    with pytest.raises(IntegrityError):
        Predictor(folder)
    with Predictor(folder, verify=False) as swapped, Predictor(tiny_bundle, variant="fp32") as reference:
        np.testing.assert_array_equal(swapped.logits(["a dog"]), reference.logits(["a dog"]))


def test_unknown_fields_are_kept(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, folder)
    fields(shape="round", examples=["a dog"])(folder)
    variant(colour="green")(folder)
    manifest = open_bundle(folder).manifest
    assert manifest.extra == {"shape": "round", "examples": ["a dog"]}
    write_manifest(folder, manifest)
    again = open_bundle(folder).manifest
    assert again == manifest
    assert again.variant("int8").extra == {"colour": "green"}
    assert Manifest.from_json(again.to_json()) == again


def test_a_manifest_is_not_written_for_files_that_are_not_there(tiny_bundle: Path, tmp_path: Path) -> None:
    manifest = open_bundle(tiny_bundle).manifest
    with pytest.raises(BundleError, match="is missing"):
        write_manifest(tmp_path, manifest)
    assert list(tmp_path.iterdir()) == []


def external_model(place: Path, location: str, *, inside: str = "initializer") -> None:
    """Writes an ONNX file that reads a tensor from another file, from one of the places where it can say so."""
    tensor = TensorProto(
        name="weight", data_type=TensorProto.FLOAT, dims=[1, 3], data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="length", value="12")
    tensor.external_data.add(key="location", value=location)
    constant = helper.make_node("Constant", [], ["weight"], value=tensor)
    branch = helper.make_graph([constant], "branch", [], [helper.make_tensor_value_info("weight", 1, None)])
    nodes = {
        "initializer": [],
        "attribute": [constant],
        "subgraph": [helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)],
    }[inside]
    graph = helper.make_graph(nodes, "graph", [], [], [tensor] if inside == "initializer" else [])
    onnx.save_model(helper.make_model(graph), place, save_as_external_data=False)


@pytest.mark.parametrize("inside", ["initializer", "attribute", "subgraph"])
@pytest.mark.parametrize("location", ["../../secret", "/etc/passwd", "a/../../../x", "C:\\x"])
def test_weights_outside_the_folder_are_refused(
    tiny_bundle: Path, tmp_path: Path, location: str, inside: str
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, folder)
    external_model(folder / MODEL, location, inside=inside)
    with pytest.raises(BundleError, match=r"reads weights from .* leaves the bundle's folder"):
        Predictor(folder, verify=False)


def test_weights_beside_the_model_are_checked_and_used(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(tiny_bundle, folder)
    model = onnx.load(folder / "onnx/model.onnx")
    onnx.save_model(
        model, folder / "onnx/model.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=0
    )
    with pytest.raises(IntegrityError, match=r"model\.onnx is not the file"):
        Predictor(folder, variant="fp32")
    digest = hashlib.sha256((folder / "onnx/model.onnx").read_bytes()).hexdigest()
    first = {**json.loads((folder / "bundle.json").read_text())["variants"][0], "sha256": digest}
    fields(variants=[first])(folder)
    fields(default_variant="fp32")(folder)
    with pytest.raises(IntegrityError, match=r"model\.onnx_data holds weights, and .* no checksum"):
        Predictor(folder)
    write_manifest(folder, open_bundle(folder).manifest)
    with Predictor(folder) as outside, Predictor(tiny_bundle, variant="fp32") as whole:
        np.testing.assert_allclose(outside.logits(["a dog"]), whole.logits(["a dog"]), atol=1e-6)
    (folder / "onnx/model.onnx_data").unlink()
    with pytest.raises(BundleError, match=r"model\.onnx_data is missing"):
        Predictor(folder)
