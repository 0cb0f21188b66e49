"""The rescue of a model that int8 ruins: the layers that hurt go back to fp32, as few as needed.

First the layers are ranked by harm: how far the probabilities move when a part of them alone is int8 and the rest
stays fp32. The other way round, one layer back to fp32 and the rest int8, shows nothing as soon as two layers ruin
the model: giving back either one leaves it ruined. onnxruntime's ``qdq_loss_debug`` compares tensors of a static
model and cannot see the dynamic schemes. A build for each of a model's some forty layers would take minutes, so
parts are halved, the worst first, and a part that does no harm is not looked into.

Then the worst one, two, four and so on are given back until the gate lets the model through, and the number is
halved down to the fewest that do. Every look at the gate's texts counts: the gate is told beforehand how many there
may be, so that its verdict on the one that is kept holds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgetext.errors import needs_extra
from edgetext.export.gate import Verdict
from edgetext.export.graph.walk import GraphIndex
from edgetext.export.schemes.registry import SchemeInput
from edgetext.progress import Progress, Silent
from edgetext.task import FloatArray, Text

with needs_extra("export"):
    import onnx
    from onnx import NodeProto, TensorProto

MOST_SHARE = 0.5
"""Share of the weights in products that may go back; with more of them in fp32, little of int8's speed is left."""

_MOST_BUILDS = 24
"""Builds that a ranking may take; on MiniLM each takes two to four seconds."""

_WORTH_SPLITTING = 0.05  # share of the whole model's harm below which a part is left in one piece
_PRODUCTS = ("MatMul", "Gemm")
_TEXTS = 128  # enough for the mean change of a probability to rank layers

Build = Callable[[SchemeInput, Path], Mapping[str, Any]]


@dataclass(frozen=True)
class WeightedNode:
    """A node of the exported graph that holds weights.

    Attributes:
        name: As ``SchemeInput.keep`` names it.
        weights: How many numbers its matrix has.
        product: Whether it multiplies with them; otherwise it looks rows up, as an embedding does.
    """

    name: str
    weights: int
    product: bool


@dataclass(frozen=True)
class Harm:
    """What int8 does in one part of a model.

    Attributes:
        nodes: The names of its nodes, in the graph's order.
        change: How much they add to the mean absolute change of a probability, as the only weights in int8.
    """

    nodes: tuple[str, ...]
    change: float


@dataclass(frozen=True)
class Trial:
    """What a rescue tries its models on.

    Attributes:
        texts: The gate's texts.
        answers: Gives the probabilities of a model file, loaded with these session options, for these texts.
        judge: The gate: a verdict on the answers to ``texts``, given how many looks the rescue may take at them.
        strict: Whether an undecided model is refused like a failed one.
    """

    texts: Sequence[Text]
    answers: Callable[[Path, Mapping[str, Any], Sequence[Text]], FloatArray]
    judge: Callable[[FloatArray, int], Verdict]
    strict: bool = False


@dataclass(frozen=True)
class Step:
    """One model that was held to the gate on the way.

    Attributes:
        kept: The nodes given back to fp32, the most harmful first.
        bytes: Size of the model.
        verdict: What the gate said.
    """

    kept: tuple[str, ...]
    bytes: int
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """The step as JSON values."""
        return {
            "kept": list(self.kept),
            "bytes": self.bytes,
            "loss": self.verdict.loss,
            "verdict": self.verdict.decision,
            "sentence": self.verdict.sentence,
        }


@dataclass(frozen=True)
class Rescue:
    """What came of a rescue.

    Attributes:
        kept: The nodes that stay fp32; empty where nothing helped and nothing was written.
        session: The session options that the model must be loaded with.
        verdict: The gate's, on the model that was written, or else on the last one tried.
        harms: The ranking, the most harmful first.
        steps: Every model that was tried, in order.
    """

    kept: tuple[str, ...]
    session: Mapping[str, Any]
    verdict: Verdict
    harms: tuple[Harm, ...]
    steps: tuple[Step, ...]

    @property
    def succeeded(self) -> bool:
        """Whether a model was let through, and written."""
        return bool(self.kept)

    def to_json(self) -> dict[str, Any]:
        """The rescue as JSON values."""
        return {
            "kept": list(self.kept),
            "harms": [{"nodes": list(harm.nodes), "change": harm.change} for harm in self.harms],
            "steps": [step.to_json() for step in self.steps],
        }


def rescue(
    source: SchemeInput,
    build: Build,
    target: Path,
    trial: Trial,
    *,
    progress: Progress | None = None,
    most_share: float = MOST_SHARE,
) -> Rescue:
    """Takes the layers that hurt back to fp32, until the gate lets the model through.

    Args:
        source: What the scheme builds from; its ``keep`` stays fp32 in every model.
        build: The scheme that the gate refused.
        target: The file to write; it is left alone where nothing helps.
        trial: The texts, and how models answer and are judged.
        progress: Told of each build and each verdict.
        most_share: How much of the weights in products may go back.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        models = _Models(source, build, target, Path(folder) / target.name, trial, progress or Silent())
        nodes = [node for node in weighted_nodes(source.model) if node.name not in source.keep]
        harms = rank_harm([node.name for node in nodes], models.measure_of(nodes))
        order = _affordable([name for harm in harms for name in harm.nodes], nodes, most_share)
        return _search(models, order, harms)


def _affordable(order: Sequence[str], nodes: Sequence[WeightedNode], most_share: float) -> tuple[str, ...]:
    """The nodes that may go back, as far as their products hold no more than their share of the weights.

    Lookups are not counted: in int8 they save memory, and no time.
    """
    size = {node.name: node.weights if node.product else 0 for node in nodes}
    spent = np.cumsum([size[name] for name in order])
    return tuple(order[: int(np.sum(spent <= most_share * sum(size.values())))])


def _most_looks(nodes: int) -> int:
    """How many models the search may judge: none given back, the doubling, the halving."""
    return 2 + 2 * max(nodes - 1, 0).bit_length()


def _search(models: _Models, order: tuple[str, ...], harms: tuple[Harm, ...]) -> Rescue:
    models.looks = _most_looks(len(order))
    models.step(())
    refused, count = 0, min(1, len(order))
    while count > refused and not models.accept(order[:count]):
        refused, count = count, min(2 * count, len(order))
    if count == refused:
        return Rescue((), {}, models.steps[-1].verdict, harms, tuple(models.steps))
    while count - refused > 1:
        middle = (refused + count) // 2
        if models.accept(order[:middle]):
            count = middle
        else:
            refused = middle
    kept = order[:count]
    verdict = next(step.verdict for step in reversed(models.steps) if step.kept == kept)
    return Rescue(kept, models.session, verdict, harms, tuple(models.steps))


class _Models:
    """Builds models with some nodes in fp32, and tries them."""

    def __init__(
        self, source: SchemeInput, build: Build, target: Path, file: Path, trial: Trial, progress: Progress
    ) -> None:
        self.source, self.build, self.target, self.file = source, build, target, file
        self.trial, self.progress = trial, progress
        self.looks = 1
        self.steps: list[Step] = []
        self.tried: Mapping[str, Any] = {}
        self.session: Mapping[str, Any] = {}

    def measure_of(self, nodes: Sequence[WeightedNode]) -> Callable[[Sequence[str]], float]:
        """The measure of harm on texts that, where there are others, are not the gate's."""
        texts = (self.source.calibration or self.trial.texts)[:_TEXTS]
        reference = self.trial.answers(self.source.model, {}, texts)
        everything = frozenset(node.name for node in nodes)
        done = 0

        def measure(part: Sequence[str]) -> float:
            nonlocal done
            session = self._build(everything - set(part))
            done += 1
            self.progress.step("rescue: looking for the layers that hurt", done, _MOST_BUILDS)
            return float(np.abs(self.trial.answers(self.file, session, texts) - reference).mean())

        return measure

    def step(self, kept: tuple[str, ...]) -> Step:
        """Builds a model with these nodes given back, holds it to the gate and notes what came of it."""
        self.tried = self._build(frozenset(kept))
        answers = self.trial.answers(self.file, self.tried, self.trial.texts)
        self.steps.append(Step(kept, self.file.stat().st_size, self.trial.judge(answers, self.looks)))
        self.progress.note(f"rescue, {len(kept)} layers in fp32: {self.steps[-1].verdict.sentence}")
        return self.steps[-1]

    def accept(self, kept: tuple[str, ...]) -> bool:
        """Tries a model, and takes it over where the gate lets it through."""
        good = ("passed",) if self.trial.strict else ("passed", "undecided")
        if self.step(kept).verdict.decision not in good:
            return False
        self.file.replace(self.target)
        self.session = self.tried
        return True

    def _build(self, kept: frozenset[str]) -> Mapping[str, Any]:
        return self.build(replace(self.source, keep=self.source.keep | kept), self.file)


def weighted_nodes(model: Path) -> tuple[WeightedNode, ...]:
    """Lists the nodes that a scheme may quantize, in the graph's order.

    Args:
        model: The fp32 graph as exported.
    """
    graph = onnx.load(model).graph
    index = GraphIndex(graph)
    found = ((node, _matrix(index, node)) for node in graph.node)
    return tuple(
        WeightedNode(node.name, matrix.dims[0] * matrix.dims[1], node.op_type in _PRODUCTS)
        for node, matrix in found
        if matrix is not None
    )


def rank_harm(
    nodes: Sequence[str], measure: Callable[[Sequence[str]], float], most_builds: int = _MOST_BUILDS
) -> tuple[Harm, ...]:
    """Finds the nodes that int8 hurts, the most harmful first.

    Args:
        nodes: The names of all weighted nodes, in the graph's order.
        measure: Gives the change of the probabilities with only these nodes in int8.
        most_builds: How often it may be called; when they are used up, the rest stays in larger parts.

    Returns:
        Parts that together hold every node once.
    """
    floor = measure(())  # a scheme may also quantize what has no weights, and that cannot be given back

    def harm_of(part: tuple[str, ...]) -> Harm:
        return Harm(part, max(0.0, measure(part) - floor))

    waiting = [harm_of(tuple(nodes))]
    whole, left, done = waiting[0].change, most_builds - 2, []
    while waiting:
        worst = max(waiting, key=lambda harm: harm.change)
        waiting.remove(worst)
        if len(worst.nodes) == 1 or left < 2 or worst.change < _WORTH_SPLITTING * whole:
            done.append(worst)
            continue
        middle = len(worst.nodes) // 2
        waiting += [harm_of(worst.nodes[:middle]), harm_of(worst.nodes[middle:])]
        left -= 2
    return tuple(sorted(done, key=lambda harm: -harm.change))


def _matrix(index: GraphIndex, node: NodeProto) -> TensorProto | None:
    """The float matrix of a product or a lookup, ``None`` where the node has none."""
    place = {"MatMul": 1, "Gemm": 1, "Gather": 0}.get(node.op_type)
    tensor = None if place is None else index.initializers.get(node.input[place])
    if tensor is None or tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2:
        return None
    return tensor
