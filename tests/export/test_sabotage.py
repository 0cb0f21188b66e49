"""Candidates damaged on purpose, on a real graph: the gate refuses them, and lets a harmless one through."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgetext.export.gate import judge
from edgetext.export.schemes.registry import SchemeInput, find_scheme
from hard_model import answers

LAYER = "/bert/encoder/layer.1/"


def scale_layer(model):
    """Scales the weights of a layer's six products by 1.3."""
    read = {node.input[1] for node in model.graph.node if LAYER in node.name and node.op_type == "MatMul"}
    scaled = [tensor for tensor in model.graph.initializer if tensor.name in read]
    assert len(scaled) == 6
    for tensor in scaled:
        change(tensor, numpy_helper.to_array(tensor) * np.float32(1.3))


def swap_labels(model):
    """Swaps the first two labels."""
    for tensor in model.graph.initializer:
        if tensor.name.startswith("classifier."):
            change(tensor, numpy_helper.to_array(tensor)[[1, 0, 2]])


def clip_activations(model):
    """Clips what the last attention gives to 0.1 on both sides, as a scale from bad calibration texts would."""
    name = next(node for node in model.graph.node if node.name == f"{LAYER}attention/output/dense/MatMul").input[0]
    for key, bound in (("low", -0.1), ("high", 0.1)):
        model.graph.initializer.append(numpy_helper.from_array(np.float32(bound), key))
    for node in model.graph.node:
        for place, given in enumerate(node.input):
            if given == name:
                node.input[place] = "clipped"
    place = 1 + next(place for place, node in enumerate(model.graph.node) if name in node.output)
    model.graph.node.insert(place, helper.make_node("Clip", [name, "low", "high"], ["clipped"]))


def change(tensor, array):
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(array), tensor.name))


@pytest.mark.parametrize("damage", [scale_layer, swap_labels, clip_activations])
def test_a_sabotaged_candidate_is_refused(hard_model, tmp_path, damage):
    model = onnx.load(hard_model.folder / "model.onnx")
    damage(model)
    onnx.save(model, tmp_path / "damaged.onnx")
    found = answers(hard_model.folder, tmp_path / "damaged.onnx", hard_model.texts)
    verdict = judge(hard_model.task, hard_model.reference, found, hard_model.truth)
    assert verdict.decision == "failed"
    assert verdict.loss > 0.01
    assert verdict.accuracy_reference > 0.9


def test_a_sound_int8_candidate_is_not_refused(hard_model, tmp_path):
    source = SchemeInput(hard_model.folder, "bert", 64)
    find_scheme("dynamic-int8").build(source, tmp_path / "int8.onnx")
    found = answers(hard_model.folder, tmp_path / "int8.onnx", hard_model.texts)
    assert np.abs(found - hard_model.reference).max() > 0
    assert judge(hard_model.task, hard_model.reference, found, hard_model.truth, 0.02).decision == "passed"
