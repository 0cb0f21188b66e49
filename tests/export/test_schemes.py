"""Every scheme on a tiny model: answers near fp32's, the nodes it promises, what is kept, and what does not fit."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from edgetext.errors import InputError
from edgetext.export.graph.embeddings import quantize_embeddings
from edgetext.export.graph.fusion import approximate_gelu
from edgetext.export.schemes.registry import (
    SCHEMES,
    SchemeInput,
    SchemeNotApplicableError,
    describe_schemes,
    find_scheme,
)

TEXTS = tuple(
    f"{what} {where}"
    for what in ("a bowl of ramen", "the old bridge", "fried rice with egg", "a red car", "hot soup and bread")
    for where in ("", "in winter", "near the window on a table", "by the sea", "with a dog in the park and a cat")
)
FUSED = [name for name in SCHEMES if "fused" in name]
ON_ANY_GRAPH = [name for name in SCHEMES if "fused" not in name]
STATIC = [name for name in SCHEMES if name.startswith(("static", "weight-only"))]
WORDS = "/bert/embeddings/word_embeddings/Gather"
KEY = "/bert/encoder/layer.0/attention/self/key/MatMul"
UP = "/bert/encoder/layer.1/intermediate/dense/MatMul"

TOLERANCES = {"fp32": 1e-5, "int8": 0.15, "int4": 0.4}
"""By precision: the mean change of a logit against fp32, as a share of the logits' standard deviation."""


@pytest.fixture(scope="module")
def source(tiny_bundle, tmp_path_factory):
    """A random classifier whose weights are large, so that texts differ."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("onnx/model.onnx", "config.json", "tokenizer.json"):
        shutil.copy(tiny_bundle / name, folder)
    return SchemeInput(folder, "bert", 32, TEXTS)


@pytest.fixture(scope="module")
def made(source, tmp_path_factory):
    """Builds a scheme once: its model, and the options to load it with."""
    folder = tmp_path_factory.mktemp("made")
    done = {}

    def make(name):
        if name not in done:
            target = folder / f"{name}.onnx"
            done[name] = (target, find_scheme(name).build(source, target))
        return done[name]

    return make


@pytest.fixture(scope="module")
def batch():
    """Eight texts of different lengths, padded on the right."""
    rng = np.random.default_rng(5)
    ids, mask = np.zeros((8, 13), np.int64), np.zeros((8, 13), np.int64)
    for row, length in enumerate((13, 4, 7, 9, 5, 12, 8, 3)):
        ids[row, :length] = rng.integers(5, 200, length)
        mask[row, :length] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def open_session(model, options):
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    settings.intra_op_num_threads = 1
    if options:
        assert options == {"graph_optimization_level": "disable"}
        settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(model), settings, providers=["CPUExecutionProvider"])


def error(found, expected):
    return np.abs(found - expected).mean() / expected.std()


def kinds(model):
    return Counter(node.op_type for node in onnx.load(model).graph.node)


def arrays(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(model).graph.initializer}


def float_matrices(model):
    """The sizes of the matrices that are still float."""
    return sorted(a.size for a in arrays(model).values() if a.dtype == np.float32 and a.ndim == 2 and a.size > 500)


@pytest.mark.parametrize("name", SCHEMES)
def test_answers_are_near_those_of_fp32(made, source, batch, name):
    expected = open_session(source.model, {}).run(["logits"], batch)[0]
    found = open_session(*made(name)).run(["logits"], batch)[0]
    assert error(found, expected) <= TOLERANCES[SCHEMES[name].precision]
    assert (error(found, expected) > TOLERANCES["fp32"]) == (SCHEMES[name].precision != "fp32")


@pytest.mark.parametrize("name", SCHEMES)
def test_building_twice_gives_the_same_bytes_and_only_those_that_say_so_read_texts(made, source, tmp_path, name):
    again = source if SCHEMES[name].calibrated else replace(source, calibration=())
    find_scheme(name).build(again, tmp_path / "again.onnx")
    digests = {hashlib.sha256(path.read_bytes()).digest() for path in (tmp_path / "again.onnx", made(name)[0])}
    assert len(digests) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["again.onnx"]


@pytest.mark.parametrize(
    ("name", "present", "absent"),
    [
        ("fp32-fused", {"MultiHeadAttention": 2, "Gelu": 2}, {"DynamicQuantizeMatMul", "SkipLayerNormalization"}),
        ("dynamic-int8", {"MatMulInteger": 18, "DynamicQuantizeLinear": 18}, {"MatMul", "MultiHeadAttention"}),
        (
            "dynamic-int8-fused",
            {"DynamicQuantizeMatMul": 11, "Gelu": 2},
            {"MatMul", "Gemm", "SkipLayerNormalization"},
        ),
        ("dynamic-int8-fused-skip-ln", {"SkipLayerNormalization": 4, "BiasGelu": 2}, {"Gelu"}),
        (
            "dynamic-int8-fused-fast-gelu",
            {"DynamicQuantizeMatMul": 11, "FastGelu": 2},
            {"MatMul", "Gemm", "Gelu"},
        ),
        ("dynamic-int8-fused-smooth", {"DynamicQuantizeMatMul": 11}, {"MatMul", "Gemm"}),
        ("static-int8-minmax", {"MatMulIntegerToFloat": 9, "QGemm": 2}, {"DequantizeLinear", "MatMul"}),
        ("static-int8-percentile", {"MatMulIntegerToFloat": 9, "QGemm": 2}, {"DequantizeLinear", "MatMul"}),
        ("static-int8-entropy", {"MatMulIntegerToFloat": 9, "QGemm": 2}, {"DequantizeLinear", "MatMul"}),
        ("static-int8-smoothquant", {"MatMulIntegerToFloat": 9, "QGemm": 2}, {"DequantizeLinear", "MatMul"}),
        ("weight-only-int8", {"MatMulNBits": 9, "MultiHeadAttention": 2}, {"MatMul"}),
        ("weight-only-int4", {"MatMulNBits": 9, "MultiHeadAttention": 2}, {"MatMul"}),
    ],
)
def test_the_graph_shows_the_scheme(made, name, present, absent):
    found = kinds(made(name)[0])
    assert {kind: found[kind] for kind in present} == present
    assert not absent & set(found)


def test_an_approximate_gelu_is_off_by_what_its_formula_is(tmp_path):
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")],
        "gelu",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1201])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1201])],
    )
    domains = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("com.microsoft", 1)]
    model = onnx.helper.make_model(graph, opset_imports=domains, ir_version=9)
    found = {}
    for name in ("exact", "fast"):
        onnx.save(model, tmp_path / name)
        inputs = {"x": np.linspace(-6, 6, 1201, dtype=np.float32)}
        found[name] = open_session(tmp_path / name, {}).run(["y"], inputs)[0]
        assert approximate_gelu(model) == (1 if name == "exact" else 0)
    assert 0.0004 < np.abs(found["fast"] - found["exact"]).max() < 0.0005


@pytest.mark.parametrize("graph", ["", "-fused"])
def test_per_channel_has_a_scale_a_column_and_per_tensor_one(made, graph):
    def most_scales(name):
        return max(a.size for key, a in arrays(made(name)[0]).items() if key.endswith("_scale"))

    assert most_scales(f"dynamic-int8{graph}") > 1
    assert most_scales(f"dynamic-int8{graph}-per-tensor") == 1


@pytest.mark.parametrize("name", ["dynamic-int8", "dynamic-int8-fused"])
def test_a_reduced_range_has_seven_bits(made, name):
    def largest(which):
        products = [
            a for key, a in arrays(made(which)[0]).items() if a.dtype == np.int8 and "embeddings" not in key
        ]
        return max(int(np.abs(a.astype(int)).max()) for a in products if a.ndim == 2)

    assert largest(name) == 127
    assert largest(f"{name}-reduced-range") <= 64


def test_four_bits_are_the_smallest_and_scales_tell_them_from_eight(made):
    blocks = {
        bits: [a for a in arrays(made(f"weight-only-int{bits}")[0]).values() if a.ndim == 3] for bits in (4, 8)
    }
    assert [a.shape[-1] for a in blocks[4]] == [16] * 9  # 32 weights of half a byte
    assert [a.shape[-1] for a in blocks[8]] == [32] * 9
    sizes = {name: made(name)[0].stat().st_size for name in ("weight-only-int4", "weight-only-int8", "fp32-fused")}
    assert sizes["weight-only-int4"] < sizes["weight-only-int8"] < sizes["fp32-fused"]


@pytest.mark.parametrize("name", STATIC)
def test_static_answers_are_the_same_in_every_batch(made, batch, name):
    session = open_session(*made(name))
    together = session.run(["logits"], batch)[0]
    for row, length in enumerate(batch["attention_mask"].sum(axis=1)):
        alone = session.run(["logits"], {key: value[row : row + 1, :length] for key, value in batch.items()})[0]
        np.testing.assert_allclose(alone[0], together[row], atol=1e-6)


def test_dynamic_answers_are_not(made, batch):
    session = open_session(*made("dynamic-int8-fused"))
    together = session.run(["logits"], batch)[0]
    alone = [session.run(["logits"], {key: v[row : row + 1] for key, v in batch.items()})[0] for row in range(8)]
    assert np.abs(np.concatenate(alone) - together).max() > 1e-3


@pytest.mark.parametrize("name", [name for name, entry in SCHEMES.items() if entry.precision != "fp32"])
def test_nodes_to_keep_stay_fp32(made, source, tmp_path, name):
    target = tmp_path / "kept.onnx"
    find_scheme(name).build(replace(source, keep=frozenset({KEY, UP})), target)
    more = Counter(float_matrices(target)) - Counter(float_matrices(made(name)[0]))
    # A joint projection is kept as a whole: three matrices of 32 by 32 in one.
    joint = (
        32 * 32 if name in ("dynamic-int8", "dynamic-int8-per-tensor", "dynamic-int8-reduced-range") else 32 * 96
    )
    assert more == {joint: 1, 32 * 64: 1}


def test_embeddings_may_be_kept_and_stay_float_by_their_own_scheme(source, tmp_path):
    model = onnx.load(source.model)
    table = next(t for t in model.graph.initializer if t.name.endswith("word_embeddings.weight"))
    weights = numpy_helper.to_array(table)
    table.CopyFrom(numpy_helper.from_array(np.tile(weights, (256 // len(weights) + 1, 1)), table.name))
    assert quantize_embeddings(model, {WORDS}) == 0
    assert quantize_embeddings(model) == 1
    find_scheme("dynamic-int8").build(replace(source, keep=frozenset({WORDS})), tmp_path / "kept.onnx")
    assert weights.size in float_matrices(tmp_path / "kept.onnx")


@pytest.mark.parametrize("name", [name for name, entry in SCHEMES.items() if entry.calibrated])
def test_calibration_texts_are_needed(source, tmp_path, name):
    with pytest.raises(SchemeNotApplicableError, match="calibrated on training texts, and there are none"):
        find_scheme(name).build(replace(source, calibration=()), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def unfused(source, tmp_path_factory):
    """The same graph as one of an architecture without a fusion, and without torch's marks at its attention."""
    folder = tmp_path_factory.mktemp("unfused")
    shutil.copytree(source.folder, folder, dirs_exist_ok=True)
    model = onnx.load(source.model)
    for node in model.graph.node:
        del node.metadata_props[:]
    onnx.save(model, folder / "model.onnx")
    return replace(source, folder=folder, model_type="mobilebert")


@pytest.mark.parametrize("name", FUSED)
def test_a_fusion_that_does_not_fit_says_so(unfused, tmp_path, name):
    with pytest.raises(SchemeNotApplicableError, match="onnxruntime has no CPU fusion for 'mobilebert' models"):
        find_scheme(name).build(unfused, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ON_ANY_GRAPH)
def test_the_others_fit_a_graph_without_fusion(unfused, batch, tmp_path, name):
    expected = open_session(unfused.model, {}).run(["logits"], batch)[0]
    target = tmp_path / "model.onnx"
    options = find_scheme(name).build(unfused, target)
    found = open_session(target, options).run(["logits"], batch)[0]
    assert error(found, expected) <= TOLERANCES[SCHEMES[name].precision]


def test_schemes_are_told_without_importing_them():
    code = "import sys\nfrom edgetext.export.schemes import registry\n"
    code += "assert len(registry.describe_schemes()) == len(registry.SCHEMES) + 1\n"
    code += "print(*sorted({'numpy', 'onnx', 'onnxruntime', 'torch', 'optimum'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_every_scheme_has_a_line_of_its_own():
    told = dict(describe_schemes())
    assert list(told) == ["fp32", *SCHEMES]
    assert all(text and "\n" not in text for text in told.values())
    assert len(set(told.values())) == len(told)


def test_an_unknown_scheme_is_answered_with_the_list():
    with pytest.raises(
        InputError, match=r"no scheme 'int3': choose one of dynamic-int8-fused, .*, weight-only-int4"
    ):
        find_scheme("int3")
