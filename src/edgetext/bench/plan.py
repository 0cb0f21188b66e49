"""What is measured: one row a backend and variant, with the spec that its worker loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from edgetext.bench.backends._shared import task_values
from edgetext.bench.merge import BESIDE
from edgetext.bench.registry import BUNDLE, Backend
from edgetext.checkpoint import Checkpoint
from edgetext.errors import BundleError, InputError
from edgetext.runtime.bundle import Bundle
from edgetext.runtime.manifest import Variant
from edgetext.task import Task

TOKENIZER_FILE = "tokenizer.json"
_FP32 = "fp32"
_ANSWERS = 32  # in a batch where the batch does not matter


@dataclass(frozen=True)
class RowPlan:
    """One row to measure.

    Attributes:
        backend: The program.
        variant: Precision, or name of the bundle's variant, with the backend's mode behind it where there is one.
        spec: What the program's factory takes, as JSON values.
        model_bytes: Size of the model's files; ``None`` where the program itself tells.
        about: What a reader should know beforehand, such as the scheme.
        answers_in_batches: How many texts are predicted at once when its accuracy is measured.
        whose: Whose row it is, where two bundles have rows of the same backend and variant.
    """

    backend: Backend
    variant: str
    spec: Mapping[str, Any]
    model_bytes: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    answers_in_batches: int = 1
    whose: str = ""

    @property
    def name(self) -> str:
        """What progress and notes call it."""
        return f"{self.backend.name} {self.variant}{self.whose and f' ({self.whose})'}"


def plan_rows(
    bundle: Bundle | None, checkpoint: Checkpoint | None, backends: Sequence[Backend], threads: int
) -> tuple[RowPlan, ...]:
    """Lists the rows that the given models allow, in the registry's order.

    Raises:
        BundleError: The bundle is of another task than the checkpoint, or knows other labels.
        IntegrityError: A model file is not the one that was exported.
        InputError: Nothing is left to measure.
    """
    if bundle is not None and checkpoint is not None:
        _check_alike(bundle, checkpoint)
    rows: list[RowPlan] = []
    for backend in backends:
        if backend.source == BUNDLE and bundle is not None:
            rows += [
                _bundle_row(backend, bundle, variant, threads)
                for variant in bundle.manifest.variants
                if variant.name in backend.variants or not backend.variants
            ]
        elif backend.source != BUNDLE and checkpoint is not None:
            rows += [_checkpoint_row(backend, checkpoint, variant, threads) for variant in backend.variants]
    if not rows:
        names = ", ".join(backend.name for backend in backends)
        raise InputError(
            f"nothing to measure with {names}: torch needs --baseline, onnxruntime and edgetext a bundle"
        )
    return tuple(rows)


def plan_beside(other: Bundle, bundle: Bundle, backends: Sequence[Backend], threads: int) -> tuple[RowPlan, ...]:
    """Lists the rows of another bundle that is measured in the same rounds, marked as such.

    Two runs, one after the other, differ by what the machine did in between, which no number of rounds within them
    can show. Rounds that both bundles had can be compared one by one (see ``bench.compare``); ``merge.split`` makes
    a results file of each.

    Args:
        other: The bundle that is measured beside.
        bundle: The one that the run is about.
        backends: The programs; those that need no bundle have their rows already.
        threads: Threads that each may use.

    Raises:
        BundleError: The two are of different tasks, or know different labels.
        IntegrityError: A model file is not the one that was exported.
        InputError: Nothing is left to measure.
    """
    if not _alike(other.manifest.decides, bundle.manifest.decides):
        raise BundleError(
            f"{other.path} and {bundle.path} are of different tasks, or know different labels: compare bundles of "
            "the same task"
        )
    plans = plan_rows(other, None, [backend for backend in backends if backend.source == BUNDLE], threads)
    return tuple(replace(plan, about={**plan.about, BESIDE: True}, whose=BESIDE) for plan in plans)


def _alike(one: Task, other: Task) -> bool:
    return one.name == other.name and {*one.labels} == {*other.labels}


def _check_alike(bundle: Bundle, checkpoint: Checkpoint) -> None:
    if not _alike(bundle.manifest.decides, checkpoint.task):
        raise BundleError(
            f"{bundle.path} and {checkpoint.path} are of different tasks, or know different labels: give the "
            "checkpoint it was exported from"
        )


def _checkpoint_row(backend: Backend, checkpoint: Checkpoint, variant: str, threads: int) -> RowPlan:
    spec = {
        "model": str(checkpoint.path.resolve()),
        "variant": variant,
        "task": task_values(checkpoint.task),
        "max_length": checkpoint.max_length,
        "threads": threads,
        "mode": backend.mode,
    }
    return RowPlan(backend, _title(variant, backend), spec, answers_in_batches=backend.answers_in_batches)


def _bundle_row(backend: Backend, bundle: Bundle, variant: Variant, threads: int) -> RowPlan:
    with bundle.model(variant) as held:
        model = held.graph.path
        size = sum(file.path.stat().st_size for file in (held.graph, *held.weights))
    spec = {
        "bundle": str(bundle.path.resolve()),
        "variant": variant.name,
        "model": str(model),
        "tokenizer": str(bundle.file(TOKENIZER_FILE)),
        "task": task_values(bundle.manifest.decides),
        "max_length": bundle.manifest.max_length,
        "session": dict(variant.session),
        "threads": threads,
        "mode": backend.mode,
    }
    title = _title(variant.name, backend)
    # A program that is served text by text is asked so, unless no answer can depend on the batch.
    answers = _ANSWERS if variant.precision == _FP32 else backend.answers_in_batches
    return RowPlan(backend, title, spec, size, {"scheme": variant.scheme}, answers)


def _title(variant: str, backend: Backend) -> str:
    return f"{variant} {backend.mode}" if backend.mode else variant
