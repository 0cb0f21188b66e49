"""The rescue of a model that int8 ruins: the layers that hurt go back to fp32, as few as needed.

The layers are ranked by harm (``edgetext.export.sensitivity``). The worst one, two, four and so on are given back
until the gate lets the model through, then the number is halved down to the fewest that do. Every look at the
gate's texts counts: the gate is told beforehand how many there may be, so that its verdict on the one that is kept
holds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgetext.export.gate import Probabilities, Verdict
from edgetext.export.schemes.registry import SchemeInput
from edgetext.export.sensitivity import MOST_BUILDS, Harm, WeightedNode, rank_harm, weighted_nodes
from edgetext.progress import Progress, Silent

MOST_SHARE = 0.5
"""Share of the weights in products that may go back; with more of them in fp32, little of int8's speed is left."""

_TEXTS = 128  # enough for the mean change of a probability to rank layers

Build = Callable[[SchemeInput, Path], Mapping[str, Any]]


@dataclass(frozen=True)
class Trial:
    """What a rescue tries its models on.

    Attributes:
        texts: The gate's held-out texts.
        answers: Gives the probabilities of a model file, loaded with these session options, for these texts.
        judge: The gate: a verdict on the answers to ``texts``, given how many looks the rescue may take at them.
        strict: Whether an undecided model is refused like a failed one.
    """

    texts: Sequence[str]
    answers: Callable[[Path, Mapping[str, Any], Sequence[str]], Probabilities]
    judge: Callable[[Probabilities, int], Verdict]
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
            self.progress.step("rescue: looking for the layers that hurt", done, MOST_BUILDS)
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
