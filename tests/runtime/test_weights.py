"""A model whose large weights stay in its file: the same model, and the same answers to the bit."""

import os
from contextlib import closing
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import load_external_data_for_model, uses_external_data

from edgetext.errors import BundleError
from edgetext.runtime import weights
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.held import Held, HeldModel
from edgetext.runtime.manifest import Variant
from edgetext.runtime.profiles import make_profile
from edgetext.runtime.session import open_session

ROWS, WIDTH = 256, 300  # of int8 more than the 64 KB from which a weight counts as large
VARIANT = Variant("int8", "model.onnx", "", "int8", "none", 0)


def without_weights(path):
    with closing(Held(path)) as held:
        return weights.without_weights(held)


@pytest.fixture
def model(tmp_path) -> Path:
    """``y = x @ dequantized(large) + small``, and float weights whose places their names move."""
    chance = np.random.default_rng(0)
    large = chance.integers(-100, 100, (ROWS, WIDTH), np.int8)
    tensors = [
        numpy_helper.from_array(large, "large"),
        numpy_helper.from_array(chance.random((WIDTH,), np.float32), "small"),
        numpy_helper.from_array(np.float32(0.01), "scale"),
    ]
    tensors += [
        numpy_helper.from_array(chance.random((WIDTH, WIDTH), np.float32), "f" * size) for size in range(1, 9)
    ]
    nodes = [
        helper.make_node("DequantizeLinear", ["large", "scale"], ["wide"]),
        helper.make_node("MatMul", ["x", "wide"], ["h0"]),
        *[helper.make_node("MatMul", [f"h{size - 1}", "f" * size], [f"h{size}"]) for size in range(1, 9)],
        helper.make_node("Add", ["h8", "small"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", ROWS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", WIDTH])],
        tensors,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, doc_string="kept")
    onnx.save_model(made, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def put_back(taken, folder):
    """Gives the model with the weights that it says are in files of the folder."""
    load_external_data_for_model(taken, str(folder))
    for tensor in taken.graph.initializer:
        tensor.ClearField("data_location")
        tensor.ClearField("external_data")
    return taken


def test_large_weights_are_taken_out_and_found_again_in_the_file(model):
    content = without_weights(model)
    assert len(content) < model.stat().st_size - ROWS * WIDTH
    taken = onnx.load_model_from_string(content)
    outside = {tensor.name for tensor in taken.graph.initializer if uses_external_data(tensor)}
    assert "large" in outside and "small" not in outside
    assert put_back(taken, model.parent) == onnx.load(model)


def test_weights_lie_where_their_type_may_lie(model):
    taken = onnx.load_model_from_string(without_weights(model))
    offsets = {}
    for tensor in taken.graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        if place:
            assert place["location"] == "model.onnx"
            offsets[tensor.name] = int(place["offset"])
    floats = [offset for name, offset in offsets.items() if name.startswith("f")]
    assert 1 <= len(floats) < 8 and not any(offset % 4 for offset in floats)


def test_the_answers_are_those_of_the_whole_file_to_the_bit(model):
    x = np.random.default_rng(1).random((7, ROWS), np.float32)
    expected = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    here = Path.cwd()
    os.chdir("/")
    try:
        with HeldModel(Held(model)) as held:
            found = open_session(held, VARIANT, make_profile("latency", 1)).run(None, {"x": x})[0]
    finally:
        os.chdir(here)
    assert np.array_equal(found, expected)


def test_weights_that_are_outside_already_stay_there(model):
    whole = onnx.load(model)
    onnx.save_model(whole, model, save_as_external_data=True, location="weights.bin", size_threshold=100)
    taken = onnx.load_model_from_string(without_weights(model))
    assert taken == onnx.load(model, load_external_data=False)


def test_a_model_of_the_tests_is_the_same(tiny_bundle):
    bundle = open_bundle(tiny_bundle)
    place = bundle.file(bundle.manifest.variant().file)
    taken = onnx.load_model_from_string(without_weights(place))
    assert put_back(taken, place.parent) == onnx.load(place)


@pytest.mark.parametrize("damage", [lambda content: content[:-7], lambda content: b"\xff" * 40])
def test_a_damaged_file_is_named(model, damage):
    model.write_bytes(damage(model.read_bytes()))
    with pytest.raises(BundleError, match=r"model\.onnx is damaged: it is not an ONNX model"):
        without_weights(model)
