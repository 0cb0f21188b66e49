"""The rewrites of the graph: the same answers, also in padded batches, and no change where their pattern is not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgetext.export.graph.embeddings import quantize_embeddings
from edgetext.export.graph.first_token import keep_first_token
from edgetext.export.graph.fusion import fuse
from edgetext.export.graph.projections import join_projections
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
        return fuse(exported)


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
    assert join_projections(fused) == 2
    np.testing.assert_allclose(logits(fused, batch), logits(exported, batch), atol=1e-5)
    # Three become one in each layer, or two become one in the last where its queries are the first token's.
    assert products - kinds(fused)["MatMul"] == (3 if first else 4)
    names = {tensor.name for tensor in fused.graph.initializer}
    used = {name for node in fused.graph.node for name in node.input}
    assert names <= used


def test_projections_without_their_pattern_stay(fused):
    for node in fused.graph.node:
        if node.op_type == "MultiHeadAttention":
            del node.input[3:]
    assert join_projections(fused) == 0


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
