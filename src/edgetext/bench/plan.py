"""What is measured: one row a backend and variant, with the spec that its worker loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from edgetext.bench.backends._shared import task_values
from edgetext.bench.models import Measured
from edgetext.bench.registry import ALL, BUNDLE, CHECKPOINT, ONE_EACH, Backend
from edgetext.bench.settings import BenchSettings
from edgetext.checkpoint import Checkpoint
from edgetext.errors import InputError
from edgetext.measure.runner import MODEL_ALONE, PREDICTOR
from edgetext.reading import listed
from edgetext.runtime.bundle import TOKENIZER_FILE, Bundle
from edgetext.runtime.manifest import FirstStage, Variant

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
        model: What tells the model from the others of the run; empty where there are none.
    """

    backend: Backend
    variant: str
    spec: Mapping[str, Any]
    model_bytes: int | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    answers_in_batches: int = 1
    model: str = ""

    @property
    def name(self) -> str:
        """What progress and notes call it."""
        return f"{self.backend.name} {self.variant}{self.model and f' ({self.model})'}"


def plan_rows(
    models: Sequence[Measured], backends: Sequence[Backend], settings: BenchSettings
) -> tuple[RowPlan, ...]:
    """Lists the rows that the given models allow, in the registry's order.

    Of one bundle and its checkpoint each backend runs every variant. Of several models each has a row (see
    ``registry.ONE_EACH``), and the baseline those that it has with one; ``settings.backends`` and
    ``settings.variants`` ask for more.

    Args:
        models: What is measured (see ``models.open_models``).
        backends: The programs.
        settings: ``threads``, ``variants``, and whether ``backends`` were named.

    Raises:
        IntegrityError: A model file is not the one that was exported.
        InputError: Nothing is left to measure, or a bundle has none of the variants that are asked for.
    """
    brief = any(model.name for model in models) and not settings.variants
    rows: list[RowPlan] = []
    for backend in backends:
        for model in models:
            one = brief and not model.is_baseline
            if not one or settings.backends or backend.key in ONE_EACH:
                rows += _rows_of(model, backend, settings, one_variant=one)
    if not rows:
        names = ", ".join(backend.name for backend in backends)
        raise InputError(
            f"nothing to measure with {names}: torch needs --baseline, onnxruntime and edgetext a bundle"
        )
    return tuple(rows)


def _rows_of(model: Measured, backend: Backend, settings: BenchSettings, *, one_variant: bool) -> list[RowPlan]:
    """Lists the rows of one model in one program; none where the program runs models of the other kind."""
    opened, threads = model.opened, settings.threads
    if isinstance(opened, Bundle) and backend.source == BUNDLE:
        variants = _variants(opened, backend, settings.variants, one_variant=one_variant)
        rows = [_bundle_row(backend, opened, variant, threads) for variant in variants]
    elif isinstance(opened, Checkpoint) and backend.source == CHECKPOINT:
        names = backend.variants[:1] if one_variant else backend.variants
        rows = [_checkpoint_row(backend, opened, name, threads) for name in names]
    else:
        return []
    return [replace(row, model=model.name) for row in rows]


def _variants(bundle: Bundle, backend: Backend, asked: Sequence[str], *, one_variant: bool) -> list[Variant]:
    """Lists the variants of a bundle that a program is measured with: those asked for that it can run."""
    manifest = bundle.manifest
    if asked and asked != (ALL,):
        there = [variant for variant in manifest.variants if variant.name in asked]
        if not there:
            raise InputError(
                f"{bundle.path} has no variant {' or '.join(map(repr, asked))}: it has "
                f"{listed(variant.name for variant in manifest.variants)}"
            )
    else:
        there = list(manifest.variants)
    able = [variant for variant in there if _runs(backend, variant, manifest.first_stage)]
    if not one_variant:
        return able
    return [variant for variant in able if variant.name == manifest.default_variant] or able[:1]


def _runs(backend: Backend, variant: Variant, first: FirstStage | None) -> bool:
    """Tells whether a program runs a variant; the model alone is one of its own only behind a first stage."""
    if backend.mode == MODEL_ALONE and (first is None or first.variant != variant.name):
        return False
    named = variant.name in backend.variants or not backend.variants
    return named and not (variant.is_static and backend.needs_graph)


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
    first = bundle.manifest.first_stage
    if first is not None and first.variant == variant.name and _asks_first(backend):
        with closing(bundle.first_stage(first)) as table:
            size += table.path.stat().st_size
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


def _asks_first(backend: Backend) -> bool:
    """Tells whether a program asks a bundle's first stage; others know nothing of it."""
    return backend.runner == PREDICTOR and backend.mode != MODEL_ALONE


def _title(variant: str, backend: Backend) -> str:
    return f"{variant} {backend.mode}" if backend.mode else variant
