"""The backends by name. Listing them imports none of them: each is a dotted path that its worker resolves.

To add one: a file in ``bench/backends`` with ``load(spec) -> Runner`` (see ``measure.runner``), and an entry here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgetext.errors import InputError
from edgetext.measure.runner import MODEL_ALONE, PREDICTOR

CHECKPOINT = "checkpoint"
BUNDLE = "bundle"


@dataclass(frozen=True)
class Backend:
    """One way to run the classifier.

    Attributes:
        name: What users call it.
        runner: Dotted path of its factory, ``"package.module:factory"``.
        source: What it loads: ``checkpoint`` or ``bundle``.
        variants: The precisions to measure; for a bundle those of its variants' names, all of them where empty.
        device: ``cpu`` or ``cuda``.
        answers_in_batches: How many texts are predicted at once when its accuracy is measured. 1 for those that
            are served text by text: with dynamic int8 a text's scores depend on its neighbours in the batch. A
            bundle's fp32 variant is predicted in batches whatever this says (see ``bench.plan``).
        mode: A way of running it that is asked for by ``name:mode``, and stands behind the variant in its rows.
        default: Whether it is measured when no backend is named.
        needs_graph: Of a bundle: whether it runs ONNX graphs alone.
    """

    name: str
    runner: str
    source: str
    variants: tuple[str, ...]
    device: str
    answers_in_batches: int
    mode: str = ""
    default: bool = True
    needs_graph: bool = True

    @property
    def key(self) -> str:
        """What users ask for: the name, with the mode behind a colon where there is one."""
        return f"{self.name}:{self.mode}" if self.mode else self.name


_HERE = "edgetext.bench.backends"
_TORCH, _PIPELINE = f"{_HERE}.torch_direct", f"{_HERE}.transformers_pipeline"

BACKENDS = (
    Backend("torch-cuda", f"{_TORCH}:load_on_gpu", CHECKPOINT, ("fp32", "fp16"), "cuda", 32),
    Backend("torch-cuda", f"{_TORCH}:load_on_gpu", CHECKPOINT, ("bf16",), "cuda", 32, default=False),
    Backend(
        "torch-cuda", f"{_TORCH}:load_on_gpu", CHECKPOINT, ("fp32", "fp16"), "cuda", 32, "compile", default=False
    ),
    Backend("torch-cpu", f"{_TORCH}:load_on_cpu", CHECKPOINT, ("fp32", "bf16"), "cpu", 32),
    Backend("torch-cpu", f"{_TORCH}:load_on_cpu", CHECKPOINT, ("fp32",), "cpu", 32, "compile", default=False),
    Backend("transformers-pipeline", f"{_PIPELINE}:load_on_cpu", CHECKPOINT, ("fp32",), "cpu", 32),
    Backend(
        "transformers-pipeline",
        f"{_PIPELINE}:load_on_gpu",
        CHECKPOINT,
        ("fp32", "fp16"),
        "cuda",
        32,
        "cuda",
        default=False,
    ),
    Backend("tfidf-logreg", f"{_HERE}.tfidf_logreg:load", CHECKPOINT, ("fp64",), "cpu", 32, default=False),
    Backend("optimum-pipeline", f"{_HERE}.optimum_pipeline:load", BUNDLE, (), "cpu", 1, default=False),
    Backend("openvino", f"{_HERE}.openvino_direct:load", BUNDLE, ("fp32",), "cpu", 1, default=False),
    Backend("onnxruntime", f"{_HERE}.onnxruntime_bare:load", BUNDLE, (), "cpu", 1),
    Backend("edgetext", PREDICTOR, BUNDLE, (), "cpu", 1, needs_graph=False),
    Backend("edgetext", PREDICTOR, BUNDLE, (), "cpu", 1, "throughput", default=False, needs_graph=False),
    Backend("edgetext", PREDICTOR, BUNDLE, (), "cpu", 1, "background", default=False, needs_graph=False),
    Backend("edgetext", PREDICTOR, BUNDLE, (), "cpu", 1, MODEL_ALONE, default=False, needs_graph=False),
)

ALL = "all"
"""The word that asks for every backend, or for every variant of a bundle."""

ONE_EACH = ("torch-cpu", "edgetext")
"""By which each of several models is measured when no backend is named."""

BASELINES = (("torch-cpu", "fp32"), ("torch-cuda", "fp32"))
"""What accuracy and speed are compared with: the first of these that was measured."""


def choose_backends(names: Sequence[str]) -> tuple[Backend, ...]:
    """Finds the backends of those names, in the registry's order.

    Args:
        names: Names, or ``name:mode``; ``all`` asks for every backend, none for those of the default bench.

    Raises:
        InputError: A name is not in the registry.
    """
    if not names:
        return tuple(backend for backend in BACKENDS if backend.default)
    known = list(dict.fromkeys(backend.key for backend in BACKENDS))
    for name in names:
        if name not in (*known, ALL):
            raise InputError(f"there is no backend {name!r}: choose from {', '.join(known)}, or {ALL}")
    return tuple(backend for backend in BACKENDS if ALL in names or backend.key in names)
