"""The rewrites of the graph: the same answers, also in padded batches, and no change where their pattern is not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgetext.export.graph.attention import join_projections, keep_first_token
from edgetext.export.graph.embeddings import quantize_embeddings
from edgetext.export.graph.fusion import fuse
from edgetext.export.graph.qdq import fold_biases, read_unquantized
from edgetext.export.graph.smoothing import largest_inputs, smooth
from edgetext.export.onnx_export import export_fp32
from edgetext.export.quiet import quiet


@pytest.fixture(scope="module")
def exported(tiny_checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("graph")
    export_fp32(tiny_checkpoint, folder)
    return folder / "model.onnx"


@pytest.fixture
def fused(exported):
    with quiet():
        return fuse(exported, "bert")


@pytest.fixture(scope="module")
def batch():
    """Three texts of different lengths, padded on the right."""
    rng = np.random.default_rng(5)
    lengths = [11, 4, 7]
    ids = np.zeros((3, 11), np.int64)
    mask = np.zeros((3, 11), np.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = rng.integers(5, 200, length)
        mask[row, :length] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def logits(model, batch):
    content = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]).run(None, batch)[0]


def kinds(model):
    return Counter(node.op_type for node in model.graph.node)


def test_fusion_keeps_the_answers_and_leaves_the_slow_kernels_out(fused, exported, batch):
    np.testing.assert_allclose(logits(fused, batch), logits(exported, batch), atol=1e-5)
    found = kinds(fused)
    assert (found["MultiHeadAttention"], found["Gelu"], found["LayerNormalization"]) == (2, 2, 5)
    assert not {"SkipLayerNormalization", "BiasGelu", "EmbedLayerNormalization"} & set(found)


def test_only_the_first_token_passes_through_the_last_layer(fused, exported, batch):
    assert keep_first_token(fused)
    np.testing.assert_allclose(logits(fused, batch), logits(exported, batch), atol=1e-5)
    traced = onnx.ModelProto()
    traced.CopyFrom(fused)
    last = [node for node in traced.graph.node if node.op_type == "Gelu"][-1]
    traced.graph.output.append(helper.make_tensor_value_info(last.output[0], TensorProto.FLOAT, None))
    content = traced.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert session.run([last.output[0]], batch)[0].shape == (3, 1, 64)


def test_a_graph_that_reads_another_token_stays_as_it_is(fused):
    taken = next(
        node
        for node in fused.graph.node
        if node.op_type == "Gather" and any(a.name == "axis" and a.i == 1 for a in node.attribute)
    )
    fused.graph.initializer.append(numpy_helper.from_array(np.array(2, np.int64), "third"))
    taken.input[1] = "third"
    before = fused.SerializeToString()
    assert not keep_first_token(fused)
    assert fused.SerializeToString() == before


def test_a_graph_that_averages_the_tokens_stays_as_it_is(fused):
    last = [node for node in fused.graph.node if node.op_type == "LayerNormalization"][-1]
    mean = helper.make_node("ReduceMean", [last.output[0]], ["mean"], keepdims=0)
    fused.graph.node.append(mean)
    fused.graph.output.append(helper.make_tensor_value_info("mean", TensorProto.FLOAT, None))
    assert not keep_first_token(fused)


@pytest.mark.parametrize("first", [False, True])
def test_projections_become_one_product(fused, exported, batch, first):
    products = kinds(fused)["MatMul"]
    if first:
        keep_first_token(fused)
    joined = join_projections(fused)
    layer = "/bert/encoder/layer.{}/attention/self/{}/MatMul".format
    assert list(joined.values()) == [
        tuple(layer(0, part) for part in ("query", "key", "value")),
        tuple(layer(1, part) for part in (("key", "value") if first else ("query", "key", "value"))),
    ]
    assert set(joined) <= {node.name for node in fused.graph.node if node.op_type == "MatMul"}
    np.testing.assert_allclose(logits(fused, batch), logits(exported, batch), atol=1e-5)
    # Three become one in each layer, or two become one in the last where its queries are the first token's.
    assert products - kinds(fused)["MatMul"] == (3 if first else 4)
    names = {tensor.name for tensor in fused.graph.initializer}
    used = {name for node in fused.graph.node for name in node.input}
    assert names <= used


def test_all_fusions_together_keep_the_answers(exported, batch):
    with quiet():
        model = fuse(exported, "bert", slow_fusions=True)
    assert keep_first_token(model)
    assert len(join_projections(model)) == 2
    np.testing.assert_allclose(logits(model, batch), logits(exported, batch), atol=1e-5)
    found = kinds(model)
    assert (found["SkipLayerNormalization"], found["BiasGelu"], found["Gelu"]) == (4, 2, 0)


def test_projections_without_their_pattern_stay(fused):
    for node in fused.graph.node:
        if node.op_type == "MultiHeadAttention":
            del node.input[3:]
    assert join_projections(fused) == {}


def test_embeddings_keep_a_scale_a_row(fused, exported, batch):
    table = next(t for t in fused.graph.initializer if t.name.endswith("word_embeddings.weight"))
    weights = numpy_helper.to_array(table)
    weights = np.concatenate([weights, 100 * weights[:1]])  # one row far larger than the others
    weights = np.concatenate([weights] * (256 // len(weights) + 1))
    table.CopyFrom(numpy_helper.from_array(weights, table.name))
    expected = logits(fused, batch)
    assert quantize_embeddings(fused) == 1
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in fused.graph.initializer}
    small, scales = found[f"{table.name}_int8"], found[f"{table.name}_scales"]
    assert (small.dtype, small.shape, scales.shape) == (np.int8, weights.shape, (len(weights), 1))
    error = np.abs(small * scales - weights)
    assert (error <= np.abs(weights).max(axis=1, keepdims=True) / 127 / 2 + 1e-7).all()
    np.testing.assert_allclose(logits(fused, batch), expected, atol=0.02)


def test_small_tables_and_tables_read_otherwise_stay():
    rng = np.random.default_rng(0)
    tables = {"small": rng.random((2, 8)), "tied": rng.random((300, 8)), "words": rng.random((300, 8))}
    nodes = [helper.make_node("Gather", [name, "ids"], [f"{name}_out"]) for name in tables]
    nodes.append(helper.make_node("MatMul", ["words_out", "tied_turned"], ["scores"]))
    nodes.insert(3, helper.make_node("Transpose", ["tied"], ["tied_turned"]))
    graph = helper.make_graph(
        nodes,
        "tables",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in tables.items()],
    )
    model = helper.make_model(graph)
    assert quantize_embeddings(model) == 1
    assert {"small", "tied"} <= {tensor.name for tensor in model.graph.initializer} - {"words"}


def test_smoothing_changes_no_answer_and_levels_the_channels(fused, exported, batch):
    norm = next(node for node in fused.graph.node if node.op_type == "LayerNormalization")
    widen(fused, norm.input[1], channel=3, factor=50)
    expected = logits(fused, batch)
    before = largest_inputs(fused, [batch])
    assert smooth(fused, before) == 4  # two layers, the attention and the feed-forward product of each
    np.testing.assert_allclose(logits(fused, batch), expected, atol=1e-5)
    name = norm.output[0]
    smoothed = next(node for node in fused.graph.node if node.op_type == "Mul" and node.input[0] == name)
    factor = constants(fused)[smoothed.input[1]]
    spread = before[name].max() / np.median(before[name])
    assert spread > 20
    assert (before[name] * factor).max() / np.median(before[name] * factor) < spread / 3


def test_smoothing_goes_into_a_normalization_that_nobody_else_reads():
    model = product_after_normalization()
    feed = {"x": np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)}
    expected = logits(model, feed)
    largest = largest_inputs(model, [feed, {"x": 2 * feed["x"]}])
    assert smooth(model, largest, alpha=0.75) == 1
    assert [node.op_type for node in model.graph.node] == ["LayerNormalization", "MatMul"]
    np.testing.assert_allclose(logits(model, feed), expected, rtol=1e-5)
    weight = constants(product_after_normalization())["weight"]
    scale = largest["norm"] ** 0.75 / np.abs(weight).max(axis=1) ** 0.25
    np.testing.assert_allclose(constants(model)[model.graph.node[1].input[1]], weight * scale[:, None], rtol=1e-5)


def test_sums_read_what_was_not_rounded():
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["rounded"]),
        helper.make_node("DequantizeLinear", ["rounded", "scale", "zero"], ["near_x"]),
        helper.make_node("MatMul", ["near_x", "weight"], ["product"], name="product"),
        helper.make_node("Add", ["product", "near_x"], ["y"]),
    ]
    values = {"scale": np.float32(0.5), "zero": np.uint8(128), "weight": np.eye(4, dtype=np.float32)}
    model, feed = small_model(nodes, values), {"x": np.full((1, 4), 0.7, np.float32)}
    np.testing.assert_allclose(logits(model, feed), np.full((1, 4), 0.5 + 0.5))
    assert read_unquantized(model) == 1
    np.testing.assert_allclose(logits(model, feed), np.full((1, 4), 0.5 + 0.7))
    assert read_unquantized(model, keep={"product"}) == 1
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Add"]
    np.testing.assert_allclose(logits(model, feed), np.full((1, 4), 0.7 + 0.7))


@pytest.mark.parametrize(("bias", "folded"), [(4, 1), (1, 0)])
def test_a_bias_goes_into_its_product(bias, folded):
    rng = np.random.default_rng(2)
    values = {
        "weight": rng.integers(-127, 127, (4, 4)).astype(np.int8),
        "scale": np.float32(0.02),
        "weight_scale": np.float32(0.01),
        "zero": np.uint8(128),
        "weight_zero": np.int8(0),
        "bias": rng.normal(size=bias).astype(np.float32),
    }
    inputs = ["rounded", "weight", "scale", "weight_scale", "zero", "weight_zero"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["rounded"]),
        helper.make_node("MatMulIntegerToFloat", inputs, ["product"], domain="com.microsoft"),
        helper.make_node("Add", ["product", "bias"], ["y"]),
    ]
    model, feed = small_model(nodes, values), {"x": rng.normal(size=(3, 4)).astype(np.float32)}
    expected = logits(model, feed)
    assert fold_biases(model) == folded
    assert ("Add" in kinds(model)) == (not folded)
    np.testing.assert_allclose(logits(model, feed), expected, rtol=1e-5, atol=1e-6)


def product_after_normalization():
    values = {
        "gamma": np.array([1, 9, 0.5, 2], np.float32),
        "beta": np.array([0.1, 0, -3, 1], np.float32),
        "weight": np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32),
    }
    nodes = [
        helper.make_node("LayerNormalization", ["x", "gamma", "beta"], ["norm"]),
        helper.make_node("MatMul", ["norm", "weight"], ["y"]),
    ]
    return small_model(nodes, values)


def small_model(nodes, values):
    """A graph from ``x`` to ``y``, both float of shape (n, 4)."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def constants(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def widen(model, name, channel, factor):
    """Makes one channel of a normalization far larger than the rest."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor).copy()
    values[channel] *= factor
    tensor.CopyFrom(numpy_helper.from_array(values, name))
