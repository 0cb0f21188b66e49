"""Both exporters: which one is used, that a graph that lost the mask is caught, and attention as one operator."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import transformers
from onnx import TensorProto, helper, numpy_helper

from edgetext.errors import ModelError
from edgetext.export.graph.integer import integer_share
from edgetext.export.graph.multi_head import ATTENTION, DOMAIN, gather_up, write_out
from edgetext.export.onnx_export import check_logits, export_fp32, exporter
from edgetext.export.quiet import quiet
from edgetext.export.schemes.registry import SchemeInput, find_scheme
from edgetext.foreign.versions import extras_to_export, transformers_version

FIVE = transformers_version() >= (5, 0)
TEXTS = ("a bowl of ramen", "the old bridge in winter near the window", "no", "fried rice with egg")
BATCH, HEADS, TOKENS, SIZE = 3, 2, 5, 4


def test_the_exporter_follows_from_transformers():
    assert transformers_version() == tuple(map(int, transformers.__version__.split(".")[:2]))
    assert ("torch" if FIVE else "optimum") == exporter().NAME
    assert extras_to_export() == (("export",) if FIVE else ("export", "optimum"))


def test_a_graph_that_lost_the_mask_is_refused_with_both_numbers(tiny_checkpoint, tmp_path):
    """As an exporter leaves it that finds the mask needless: here it is cut out of the graph."""
    export_fp32(tiny_checkpoint, tmp_path)
    assert check_logits(tiny_checkpoint, tmp_path / "model.onnx", TEXTS).largest_difference < 1e-5
    model = onnx.load(tmp_path / "model.onnx")
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == "attention_mask":
                node.input[place] = "everything"
    ones = [helper.make_node("Shape", ["input_ids"], ["size"]), ones_of("size", "everything")]
    for node in reversed(ones):
        model.graph.node.insert(0, node)
    onnx.save(model, tmp_path / "lost.onnx")
    with pytest.raises(
        ModelError, match=r"away from torch's on 4 texts, allowed are 0\.0001 \(-?[\d.]+ where torch"
    ):
        check_logits(tiny_checkpoint, tmp_path / "lost.onnx", TEXTS)


@pytest.mark.parametrize("mask", ["padding", "added", "none"])
@pytest.mark.parametrize("flat", [True, False])
def test_attention_written_out_and_gathered_up_is_attention(mask, flat):
    """Queries, keys and values as products with biases, cut into heads; ``flat`` lets a reshape join them again."""
    rng = np.random.default_rng(0)
    feed = {"x": rng.normal(size=(BATCH, TOKENS, HEADS * SIZE)).astype(np.float32)}
    there = np.arange(TOKENS) < np.array([[5], [2], [3]])
    near = np.abs(np.subtract.outer(np.arange(TOKENS), np.arange(TOKENS))) <= 1
    added = np.where(near & there[:, None, None, :], 0, -1e30).astype(np.float32)
    feed |= {"padding": {"mask": there}, "added": {"mask": added}, "none": {}}[mask]
    model, weights = attention_model(rng, mask, flat=flat)
    expected = attention(
        feed["x"], weights, {"padding": there[:, None, None, :], "added": near & there[:, None, None, :]}.get(mask)
    )
    assert write_out(model) == 1
    assert {opset.domain for opset in model.opset_import} == {""}
    np.testing.assert_allclose(run(model, feed), expected, atol=1e-5)
    copied = onnx.ModelProto.FromString(model.SerializeToString())
    assert gather_up(copied) == 1 and gather_up(copied) == 0
    found = Counter(node.op_type for node in copied.graph.node)
    assert (found["MultiHeadAttention"], found["Softmax"], found["Transpose"]) == (1, 0, 0)
    assert found["MatMul"] == 3 and found["Add"] == 0, "biases go into the operator"
    assert found["Reshape"] == (0 if flat else 1)
    np.testing.assert_allclose(run(copied, feed), expected, atol=1e-5)


def test_a_softmax_of_others_stays():
    nodes = [helper.make_node("Softmax", ["x"], ["y"], axis=-1)]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "xy"]
    model = helper.make_model(helper.make_graph(nodes, "other", value[:1], value[1:]))
    before = model.SerializeToString()
    assert gather_up(model) == 0
    assert model.SerializeToString() == before


def test_a_graph_tells_nothing_of_this_machine_and_names_nodes_by_their_modules(tiny_checkpoint, tmp_path):
    export_fp32(tiny_checkpoint, tmp_path)
    content = (tmp_path / "model.onnx").read_bytes()
    assert b"site-packages" not in content and b".py" not in content
    names = [node.name for node in onnx.load_from_string(content).graph.node]
    assert len(set(names)) == len(names)
    assert "/bert/encoder/layer.1/attention/self/query/MatMul" in names


def test_the_share_of_integer_products_is_counted_in_the_file(tiny_checkpoint, tmp_path):
    export_fp32(tiny_checkpoint, tmp_path)
    source = SchemeInput(tmp_path, "bert", 64, TEXTS)
    shares = {}
    for name in ("dynamic-int8-fused", "dynamic-int8", "static-int8-minmax", "weight-only-int4", "fp32-fused"):
        find_scheme(name).build(source, tmp_path / f"{name}.onnx")
        shares[name] = integer_share(tmp_path / f"{name}.onnx")
    assert integer_share(tmp_path / "model.onnx") == shares.pop("fp32-fused") == 0
    assert 0.9 < shares.pop("weight-only-int4") < 1, "the head stays float"
    assert set(shares.values()) == {1.0}
    kept = {"/bert/encoder/layer.0/output/dense/MatMul"}
    find_scheme("dynamic-int8").build(
        SchemeInput(tmp_path, "bert", 64, (), frozenset(kept)), tmp_path / "kept.onnx"
    )
    assert 0.5 < integer_share(tmp_path / "kept.onnx") < 0.95


@pytest.mark.skipif(FIVE, reason="Optimum knows no transformers 5")
@pytest.mark.parametrize("keywords", [{}, {"per_channel": False}, {"reduce_range": True}])
def test_onnxruntimes_quantizer_gives_what_optimums_gives(tiny_checkpoint, tmp_path, keywords):
    from dataclasses import replace

    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

    from edgetext.export.schemes.exported import build_as_exported

    export_fp32(tiny_checkpoint, tmp_path)
    kept = frozenset({"/bert/encoder/layer.0/output/dense/MatMul"})
    with quiet():
        build_as_exported(SchemeInput(tmp_path, "bert", 64, (), kept), tmp_path / "ours.onnx", **keywords)
        config = AutoQuantizationConfig.avx512_vnni(
            is_static=False, per_channel=keywords.get("per_channel", True), nodes_to_exclude=sorted(kept)
        )
        ORTQuantizer.from_pretrained(tmp_path, file_name="model.onnx").quantize(
            save_dir=tmp_path / "theirs",
            quantization_config=replace(config, reduce_range=keywords.get("reduce_range", False)),
        )
    assert (tmp_path / "ours.onnx").read_bytes() == (tmp_path / "theirs/model_quantized.onnx").read_bytes()


def ones_of(size, name):
    return helper.make_node(
        "ConstantOfShape", [size], [name], value=numpy_helper.from_array(np.array([1], np.int64))
    )


def attention_model(rng, mask, *, flat):
    width = HEADS * SIZE
    weights = {name: rng.normal(size=(width, width)).astype(np.float32) for name in "qkv"}
    weights |= {f"{name}_bias": rng.normal(size=width).astype(np.float32) for name in "qkv"}
    constants = {**weights, "apart": np.array([0, 0, HEADS, SIZE]), "joined": np.array([0, 0, width])}
    nodes = []
    for name in "qkv":
        nodes += [
            helper.make_node("MatMul", ["x", name], [f"{name}_product"]),
            helper.make_node("Add", [f"{name}_product", f"{name}_bias"], [f"{name}_flat"]),
            helper.make_node("Reshape", [f"{name}_flat", "apart"], [f"{name}_cut"]),
            helper.make_node("Transpose", [f"{name}_cut"], [f"{name}_heads"], perm=[0, 2, 1, 3]),
        ]
    given = [f"{name}_heads" for name in "qkv"] + ([] if mask == "none" else ["mask"])
    attributes = {"heads": HEADS, "scale": SIZE**-0.5, "padding": int(mask == "padding")}
    nodes.append(helper.make_node(ATTENTION, given, ["a"], domain=DOMAIN, **attributes))
    last = helper.make_node("Reshape", ["a", "joined"], ["y"]) if flat else helper.make_node("Neg", ["a"], ["y"])
    masks = {
        "padding": [helper.make_tensor_value_info("mask", TensorProto.BOOL, ["b", "t"])],
        "added": [helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["b", 1, "t", "t"])],
        "none": [],
    }
    graph = helper.make_graph(
        [*nodes, last],
        "attention",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", "t", width]), *masks[mask]],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return model, {**weights, "flat": flat}


def attention(x, weights, kept):
    """What attention is, in numpy."""
    parts = [x @ weights[name] + weights[f"{name}_bias"] for name in "qkv"]
    q, k, v = (part.reshape(BATCH, TOKENS, HEADS, SIZE).transpose(0, 2, 1, 3) for part in parts)
    scores = q @ k.transpose(0, 1, 3, 2) / SIZE**0.5
    scores = scores if kept is None else np.where(kept, scores, -1e30)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    result = (shares / shares.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3)
    return result.reshape(BATCH, TOKENS, -1) if weights["flat"] else -result


def run(model, feed):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feed)[0]
