"""Graphs that give something else than they say, that are two things at once, or that do not end."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper

from edgetext import BundleError, Predictor
from edgetext.cli.main import main
from edgetext.measure.process import Worker, WorkerError
from edgetext.runtime.bundle import open_bundle

MODEL = "onnx/model_quantized.onnx"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
TEXTS = ["a dog in the park", "a bowl of ramen", "a cat"]
INT64, FLOAT = TensorProto.INT64, TensorProto.FLOAT


def graph(*last: NodeProto, **constants: np.ndarray) -> bytes:
    """Gives a model whose ``scores``, of shape (texts, 3), differ by text; ``last`` makes ``logits`` of them."""
    constants = {"axis": np.array([1]), "weights": np.array([[1, -1, 0.5]], np.float32), **constants}
    nodes = [
        helper.make_node("ReduceSum", ["input_ids", "axis"], ["sum"], keepdims=1),
        helper.make_node("Cast", ["sum"], ["sums"], to=FLOAT),
        helper.make_node("MatMul", ["sums", "weights"], ["scores"]),
        *last,
    ]
    made = helper.make_graph(
        nodes,
        "liar",
        [helper.make_tensor_value_info(name, INT64, ["texts", "tokens"]) for name in INPUTS],
        [helper.make_tensor_value_info("logits", FLOAT, ["texts", "labels"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def node(kind: str, *inputs: str, **attributes: object) -> NodeProto:
    return helper.make_node(kind, list(inputs), ["logits"], **attributes)


HONEST = graph(node("Identity", "scores"))
LIARS: dict[str, bytes] = {
    "one row for all": graph(node("ReduceMean", "scores", axes=[0], keepdims=1)),
    "each row twice": graph(node("Concat", "scores", "scores", axis=0)),
    "no row": graph(node("Slice", "scores", "zero", "zero", "zero"), zero=np.array([0])),
    "a column too many": graph(node("Concat", "scores", "sums", axis=1)),
    "a column for each token": graph(node("Cast", "input_ids", to=FLOAT)),
    "labels by texts": graph(node("Transpose", "scores", perm=[1, 0])),
    "a rank more": graph(node("Unsqueeze", "scores", "zero"), zero=np.array([0])),
    "a rank less": graph(node("ReduceSum", "scores", "axis", keepdims=0)),
    "not a number": graph(node("Log", "scores")),
    "infinity": graph(node("Div", "scores", "nothing"), nothing=np.zeros((1, 3), np.float32)),
    "infinity for one text": graph(node("Exp", "scores")),
}  # fmt: skip
ENDLESS = graph(
    helper.make_node(
        "Loop",
        ["times", "", "scores"],
        ["logits"],
        body=helper.make_graph(
            [
                helper.make_node("Identity", ["going"], ["still"]),
                helper.make_node("Sin", ["state"], ["next"]),
            ],
            "body",
            [
                helper.make_tensor_value_info("number", INT64, []),
                helper.make_tensor_value_info("going", TensorProto.BOOL, []),
                helper.make_tensor_value_info("state", FLOAT, None),
            ],
            [
                helper.make_tensor_value_info("still", TensorProto.BOOL, []),
                helper.make_tensor_value_info("next", FLOAT, None),
            ],
        ),
    ),
    times=np.array(2**62),
)


@pytest.fixture
def bundle(tiny_bundle: Path, tmp_path: Path) -> Callable[[bytes], Path]:
    """Gives a function that makes a bundle of a model, its checksum right."""

    def make(model: bytes) -> Path:
        folder = tmp_path / "bundle"
        shutil.copytree(tiny_bundle, folder)
        (folder / MODEL).write_bytes(model)
        manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
        manifest["variants"][1]["sha256"] = hashlib.sha256(model).hexdigest()
        (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
        return folder

    return make


@pytest.mark.parametrize("name", LIARS)
def test_what_is_no_score_of_each_text_is_refused(bundle: Callable[[bytes], Path], name: str) -> None:
    with (
        pytest.raises(BundleError, match=r"model_quantized\.onnx"),
        Predictor(bundle(LIARS[name])) as classify,
    ):
        classify.predict(TEXTS)
        classify.predict(TEXTS[:2])  # three texts by three labels, transposed, look alike


def test_one_row_for_all_is_not_told_as_the_answer_of_each(
    bundle: Callable[[bytes], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", str(bundle(LIARS["one row for all"])), *TEXTS]) == 2
    assert capsys.readouterr().out == ""


def test_an_honest_graph_is_used(bundle: Callable[[bytes], Path]) -> None:
    with Predictor(bundle(HONEST)) as classify:
        assert len({tuple(row) for row in classify.logits(TEXTS).tolist()}) == len(TEXTS)


def test_a_file_of_two_formats_is_read_as_onnx(bundle: Callable[[bytes], Path]) -> None:
    """onnxruntime takes bytes for its own format by the fifth to the eighth; ONNX skips fields that it has not."""
    both = b"\x7a\x06\x00\x00ORTM" + HONEST
    assert onnx.load_model_from_string(both).graph.name == "liar"
    with Predictor(bundle(both)) as classify:
        assert classify.logits(TEXTS).shape == (3, 3)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "model",
    [
        HONEST + b"\x7a\x00" * (20 << 20),
        HONEST + b"\x3a\x00" * (20 << 20),  # graphs, of which the last one holds
        HONEST + b"\x78" + b"\x80" * (20 << 20) + b"\x00",
        HONEST + b"\x7a\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        HONEST + (b"\x3a\x80\x80\x80\x80\x01" * 100),
    ],
    ids=["empty fields", "empty graphs", "an endless number", "a length beyond the file", "lengths in one another"],
)
def test_the_work_on_a_file_is_bounded(bundle: Callable[[bytes], Path], model: bytes) -> None:
    with pytest.raises(BundleError, match="is not an ONNX model"):
        Predictor(bundle(model))


def test_the_same_weights_by_many_names_are_one_file(bundle: Callable[[bytes], Path]) -> None:
    model = onnx.load_model_from_string(HONEST)
    for number in range(1000):
        tensor = TensorProto(name=f"t{number}", data_type=FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="./" * number + "weights")
        model.graph.initializer.append(tensor)
    folder = bundle(model.SerializeToString())
    (folder / "onnx/weights").write_bytes(b"1234")
    opened = open_bundle(folder)
    with opened.model(opened.manifest.variant(), verify=False) as held:
        assert [file.path.name for file in held.weights] == ["weights"]


@pytest.mark.timeout(60)
def test_a_graph_that_does_not_end_is_ended_by_the_bench(bundle: Callable[[bytes], Path]) -> None:
    spec = {"bundle": str(bundle(ENDLESS)), "variant": "int8", "max_length": 32, "threads": 1}
    with Worker("edgetext.measure.predictor:load", spec, threads=1, timeout_s=4) as worker:
        with pytest.raises(WorkerError, match="did not answer to 'start' within 4 s and was stopped"):
            worker.start("a dog")
        assert worker._process is not None and worker._process.poll() is not None
