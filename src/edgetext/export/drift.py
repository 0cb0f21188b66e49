"""How much a text's answer depends on the texts it is classified with, for one variant.

Dynamic int8 takes one scale for the activations of a whole batch, so that the company a text is in changes its
scores a little; fp32 differs by rounding alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgetext.errors import InputError
from edgetext.export.tuning import sample
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.predictor import Predictor

if TYPE_CHECKING:
    from edgetext.runtime.manifest import Manifest
    from edgetext.task import FloatArray, Task, Text

BATCH = 32
MOST_TEXTS = 512  # a few seconds' worth


@dataclass(frozen=True)
class BatchEffect:
    """What changed between texts alone and texts in company.

    Attributes:
        texts: How many texts were compared.
        batch: How many texts a call had, in the order given; the predictor may cut a call by length.
        largest_change: The largest change of a probability, 0 to 1.
        mean_change: The mean over the texts of the largest change of one of their probabilities.
        labels_flipped: The share of texts that got another label; for multi label, another set of labels.
    """

    texts: int
    batch: int
    largest_change: float
    mean_change: float
    labels_flipped: float

    def to_json(self) -> dict[str, Any]:
        """The effect as plain JSON values."""
        return asdict(self)


def measure_drift(folder: Path, variant: str, texts: Sequence[Text], *, batch: int = BATCH) -> BatchEffect:
    """Classifies texts one at a time and several a call, and compares.

    Args:
        folder: The bundle.
        variant: Name of the model.
        texts: The texts, one at least.
        batch: How many texts a call has.

    Raises:
        InputError: There is no text.
        BundleError: The bundle is damaged, or has no such variant.
    """
    if not texts:
        raise InputError("the effect of the batch is measured on texts, and none was given")
    with Predictor(folder, variant=variant, first_stage="off") as classify:
        alone, together = _probabilities(classify, texts, 1), _probabilities(classify, texts, batch)
        return compare(alone, together, classify.task, batch)


def with_batch_effect(folder: Path, manifest: Manifest, texts: Sequence[Text]) -> Manifest:
    """Adds to each variant of a finished bundle how much its answers depend on the batch.

    Args:
        folder: The bundle.
        manifest: As written.
        texts: Held-out texts; at most ``MOST_TEXTS`` of them are classified.

    Returns:
        The manifest as written.
    """
    some = sample(texts, MOST_TEXTS)
    variants = []
    for variant in manifest.variants:
        effect = measure_drift(folder, variant.name, some).to_json()
        variants.append(replace(variant, evaluation={**variant.evaluation, "batch_effect": effect}))
    return write_manifest(folder, replace(manifest, variants=tuple(variants)))


def compare(alone: FloatArray, together: FloatArray, task: Task, batch: int = BATCH) -> BatchEffect:
    """Compares two answers for the same texts.

    Args:
        alone: Probabilities of texts classified one at a time, of shape (texts, labels).
        together: Of the same texts, ``batch`` a call.
        task: Tells how answers follow from probabilities.
        batch: How many texts a call had.

    Raises:
        InputError: The shapes differ.
    """
    if alone.shape != together.shape:
        raise InputError(
            f"answers of shape {alone.shape} cannot be compared with answers of shape {together.shape}"
        )
    changes = np.abs(alone.astype(np.float64) - together).max(axis=1)
    flipped = ~task.same(task.answers(alone), task.answers(together))
    return BatchEffect(len(alone), batch, float(changes.max()), float(changes.mean()), float(flipped.mean()))


def _probabilities(classify: Predictor, texts: Sequence[Text], batch: int) -> FloatArray:
    calls = [classify.predict_proba(texts[first : first + batch]) for first in range(0, len(texts), batch)]
    return np.concatenate(calls)
