"""The rescue of a model that per-tensor int8 ruins: which layers it finds, how few it gives back, what it tells."""

from __future__ import annotations

import json
import logging
import shutil

import numpy as np
import onnx
import pytest

from edgetext.export.gate import judge
from edgetext.export.rescue import Trial, rank_harm, rescue, weighted_nodes
from edgetext.export.schemes.registry import SchemeInput
from hard_model import answers
from ruined import add_outliers

GUILTY = {
    f"/bert/encoder/layer.{layer}/attention/{part}/MatMul"
    for layer in (0, 1)
    for part in ("self/value", "output/dense")
}


def per_tensor(source, target):
    """Dynamic int8 with one scale a tensor."""
    from onnxruntime.quantization import quantize_dynamic

    # The quantizer makes a MatMul of each Gemm and names it after it.
    kept = sorted(source.keep | {f"{name}_MatMul" for name in source.keep})
    logging.disable(logging.WARNING)
    try:
        quantize_dynamic(source.model, target, per_channel=False, nodes_to_exclude=kept)
    finally:
        logging.disable(logging.NOTSET)
    return {"graph_optimization_level": "all"}


@pytest.fixture(scope="module")
def source(hard_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ruined") / "graph"
    shutil.copytree(hard_model.folder, folder)
    add_outliers(folder / "model.onnx", (0, 1))
    return SchemeInput(folder, "bert", 64)


def trial_of(hard_model, source, **options):
    return Trial(
        hard_model.texts,
        lambda file, session, texts: answers(source.folder, file, texts),
        lambda found, looks: judge(
            hard_model.task, hard_model.reference, found, hard_model.truth, 0.02, comparisons=looks
        ),
        **options,
    )


@pytest.fixture(scope="module")
def rescued(hard_model, source, tmp_path_factory):
    target = tmp_path_factory.mktemp("rescued") / "model_quantized.onnx"
    return target, rescue(source, per_tensor, target, trial_of(hard_model, source, strict=True))


def test_the_outliers_change_no_answer_in_fp32_and_all_in_int8(hard_model, source, rescued):
    fp32 = answers(source.folder, source.model, hard_model.texts)
    assert np.abs(fp32 - hard_model.reference).max() < 1e-5
    ruin = rescued[1].steps[0]
    assert ruin.kept == ()
    assert ruin.verdict.decision == "failed"
    assert ruin.verdict.accuracy < 0.6 < 0.9 < ruin.verdict.accuracy_reference


def test_the_layers_that_hurt_are_found_and_nothing_else_is_given_back(rescued):
    _, found = rescued
    assert found.succeeded
    assert set(found.kept) == GUILTY
    assert found.verdict.decision == "passed"
    assert {name for harm in found.harms for name in harm.nodes} >= GUILTY


def test_as_few_as_needed_go_back(rescued):
    _, found = rescued
    decisions = {len(step.kept): step.verdict.decision for step in found.steps}
    assert decisions[len(found.kept)] == "passed"
    assert decisions[len(found.kept) - 1] != "passed"


def test_the_file_is_the_one_that_passed(hard_model, source, rescued):
    target, found = rescued
    verdict = judge(
        hard_model.task,
        hard_model.reference,
        answers(source.folder, target, hard_model.texts),
        hard_model.truth,
        0.02,
        comparisons=found.verdict.comparisons,
    )
    assert verdict == found.verdict
    kept = [node.name for node in onnx.load(target).graph.node if node.op_type in ("MatMul", "Gemm")]
    assert set(found.kept) <= set(kept)
    assert sorted(path.name for path in target.parent.iterdir()) == [target.name]
    assert found.session == {"graph_optimization_level": "all"}


def test_every_look_is_allowed_for(rescued):
    _, found = rescued
    assert all(step.verdict.comparisons >= len(found.steps) for step in found.steps)


def test_the_record_shows_how(rescued):
    _, found = rescued
    told = found.to_json()
    assert json.loads(json.dumps(told)) == told
    assert told["kept"] == list(found.kept)
    assert told["steps"][0]["kept"] == []
    assert told["steps"][0]["verdict"] == "failed"
    assert [step["verdict"] for step in told["steps"] if step["kept"] == told["kept"]] == ["passed"]
    assert [step["bytes"] for step in told["steps"]] == [step.bytes for step in found.steps]
    assert told["steps"][0]["bytes"] < next(step.bytes for step in found.steps if step.kept == found.kept)


def test_nothing_is_written_where_too_much_would_have_to_go_back(hard_model, source, tmp_path):
    trial = trial_of(hard_model, source)
    found = rescue(source, per_tensor, tmp_path / "model.onnx", trial, most_share=0.08)
    assert not found.succeeded
    assert [step.verdict.decision for step in found.steps] == ["failed"] * len(found.steps)
    assert len(found.steps) == 2  # one product of 1,024 weights is all that fits
    assert list(tmp_path.iterdir()) == []


def test_weighted_nodes_are_products_and_lookups(hard_model):
    nodes = {node.name: node for node in weighted_nodes(hard_model.folder / "model.onnx")}
    assert len(nodes) == 3 + 2 * 6 + 2
    assert nodes["/bert/encoder/layer.1/intermediate/dense/MatMul"].weights == 32 * 64
    assert not nodes["/bert/embeddings/word_embeddings/Gather"].product


def test_the_ranking_finds_the_guilty_with_few_builds():
    nodes = [str(number) for number in range(40)]
    blame = {"7": 0.3, "31": 0.1}
    calls = []

    def measure(part):
        calls.append(part)
        return 0.2 + sum(blame.get(name, 1e-4) for name in part)  # of the 0.2 no weights are to blame

    harms = rank_harm(nodes, measure, most_builds=24)
    assert [harm.nodes for harm in harms[:2]] == [("7",), ("31",)]
    assert [harm.change for harm in harms[:2]] == pytest.approx([0.3, 0.1])
    assert sorted((name for harm in harms for name in harm.nodes), key=int) == nodes
    assert len(calls) <= 24


def test_the_ranking_stops_when_its_builds_are_used_up():
    calls = []
    harms = rank_harm([str(number) for number in range(64)], lambda part: calls.append(part) or len(part), 10)
    assert len(calls) == 10
    assert sum(len(harm.nodes) for harm in harms) == 64
