"""The int8 candidates of an export: made one after another, until the gate lets one through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgetext.checkpoint import Checkpoint
from edgetext.export.gate import Probabilities, Verdict, judge
from edgetext.export.schemes.registry import SchemeNotApplicableError, find_scheme
from edgetext.export.settings import ExportSettings
from edgetext.files import sha256
from edgetext.progress import Progress
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest, Variant
from edgetext.runtime.predictor import Predictor

FP32_FILE = "onnx/model.onnx"
INT8_FILE = "onnx/model_quantized.onnx"  # the name that transformers.js and Optimum expect


@dataclass(frozen=True)
class Attempt:
    """One int8 recipe that was tried.

    Attributes:
        scheme: Its name.
        verdict: What the gate said; ``None`` where the recipe does not fit the model.
        reason: Why it does not fit; empty otherwise.
    """

    scheme: str
    verdict: Verdict | None
    reason: str = ""

    @property
    def sentence(self) -> str:
        """What came of it."""
        return self.reason if self.verdict is None else self.verdict.sentence


@dataclass(frozen=True)
class Workshop:
    """What every candidate is made from and judged on.

    Attributes:
        folder: The bundle in the making.
        graph: Folder with the exported ``model.onnx`` and ``config.json``.
        checkpoint: What it was exported from.
        texts: Held-out texts.
        truth: The right class index of each.
        settings: What the user chose.
        progress: Told of each text.
    """

    folder: Path
    graph: Path
    checkpoint: Checkpoint
    texts: Sequence[str]
    truth: Sequence[int]
    settings: ExportSettings
    progress: Progress


def add_int8(shop: Workshop, manifest: Manifest) -> tuple[Manifest, tuple[Attempt, ...]]:
    """Tries the recipes in order and keeps the first that the gate lets through.

    Args:
        shop: What to make them from.
        manifest: With the fp32 reference.

    Returns:
        The manifest, with int8 as the default where there is one, and what was tried.
    """
    reference = _probabilities(shop, manifest, "fp32")
    attempts: list[Attempt] = []
    for name in shop.settings.schemes:
        try:
            session = find_scheme(name).build(shop.graph, shop.folder / INT8_FILE, shop.checkpoint.model_type)
        except SchemeNotApplicableError as error:
            attempts.append(Attempt(name, None, f"not applicable: {error}"))
            continue
        candidate = make_variant(shop.folder, "int8", INT8_FILE, scheme=name, session=session)
        answers = _probabilities(shop, _with_default(manifest, candidate), "int8")
        verdict = judge(reference, answers, shop.truth, shop.settings.max_drop)
        attempts.append(Attempt(name, verdict))
        shop.progress.note(f"{name}: {verdict.sentence}")
        if verdict.decision == "passed" or (verdict.decision == "undecided" and not shop.settings.strict):
            return _with_default(manifest, replace(candidate, evaluation=verdict.to_json())), tuple(attempts)
        (shop.folder / INT8_FILE).unlink()
    return manifest, tuple(attempts)


def make_variant(
    folder: Path,
    precision: str,
    file: str,
    *,
    scheme: str,
    session: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
) -> Variant:
    """Describes a model file of the bundle, its size and SHA-256 included; its precision is its name."""
    path = folder / file
    return Variant(
        name=precision,
        file=file,
        sha256=sha256(path),
        precision=precision,
        scheme=scheme,
        bytes=path.stat().st_size,
        session=session or {},
        evaluation=evaluation or {},
    )


def _probabilities(shop: Workshop, manifest: Manifest, variant: str) -> Probabilities:
    """Each text by itself, as an app would ask: with dynamic int8 the answer depends a little on the batch."""
    write_manifest(shop.folder, manifest)
    rows = []
    with Predictor(shop.folder, variant=variant) as classify:
        for done, text in enumerate(shop.texts, start=1):
            rows.append(classify.predict_proba([text]))
            shop.progress.step(f"gate, {variant}", done, len(shop.texts))
    return np.concatenate(rows)


def _with_default(manifest: Manifest, variant: Variant) -> Manifest:
    return replace(manifest, variants=(*manifest.variants, variant), default_variant=variant.name)
