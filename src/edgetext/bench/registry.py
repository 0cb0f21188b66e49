"""The backends by name. Listing them imports none of them: each is a dotted path that its worker resolves.

To add one: a file in ``bench/backends`` with ``load(spec) -> Runner`` (see ``measure.runner``), and an entry here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgetext.errors import InputError

CHECKPOINT = "checkpoint"
BUNDLE = "bundle"


@dataclass(frozen=True)
class Backend:
    """One way to run the classifier.

    Attributes:
        name: What users call it.
        runner: Dotted path of its factory, ``"package.module:factory"``.
        source: What it loads: ``checkpoint`` or ``bundle``.
        variants: The precisions to measure; empty for those that the bundle has.
        device: ``cpu`` or ``cuda``.
        answers_in_batches: How many texts are predicted at once when its accuracy is measured. 1 for those that
            are served text by text: with dynamic int8 a text's scores depend on its neighbours in the batch.
    """

    name: str
    runner: str
    source: str
    variants: tuple[str, ...]
    device: str
    answers_in_batches: int


_HERE = "edgetext.bench.backends"

BACKENDS = (
    Backend("torch-cuda", f"{_HERE}.torch_cuda:load", CHECKPOINT, ("fp32", "fp16"), "cuda", 32),
    Backend("torch-cpu", f"{_HERE}.torch_cpu:load", CHECKPOINT, ("fp32", "bf16"), "cpu", 32),
    Backend("transformers-pipeline", f"{_HERE}.transformers_pipeline:load", CHECKPOINT, ("fp32",), "cpu", 32),
    Backend("onnxruntime", f"{_HERE}.onnxruntime_bare:load", BUNDLE, (), "cpu", 1),
    Backend("edgetext", f"{_HERE}.edgetext_predictor:load", BUNDLE, (), "cpu", 1),
)

BASELINES = (("torch-cpu", "fp32"), ("torch-cuda", "fp32"))
"""What accuracy and speed are compared with: the first of these that was measured."""


def choose_backends(names: Sequence[str] | None) -> tuple[Backend, ...]:
    """Gives the backends of those names, in the registry's order; all of them by default.

    Raises:
        InputError: A name is not in the registry.
    """
    known = [backend.name for backend in BACKENDS]
    for name in names or ():
        if name not in known:
            raise InputError(f"there is no backend {name!r}: choose from {', '.join(known)}")
    return tuple(backend for backend in BACKENDS if not names or backend.name in names)
