"""The confidence below which a bundle's answers are not sure: as given, or chosen on the held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from edgetext.data.example import Example
from edgetext.export.settings import ExportSettings
from edgetext.metrics.sure import choose_confidence
from edgetext.progress import Progress
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest
from edgetext.runtime.predictor import Predictor

MANIFEST_FIELD = "sure_answers"


def with_confidence(
    folder: Path, manifest: Manifest, rows: Sequence[Example], settings: ExportSettings, progress: Progress
) -> Manifest:
    """Writes the least confidence into a finished bundle, if one was asked for.

    Args:
        folder: The bundle.
        manifest: As written.
        rows: Held-out rows, on which ``auto`` chooses for the default variant.
        settings: What the user asked for.
        progress: Told what was chosen, or why nothing could be.

    Returns:
        The manifest as written; what was found stands in its field ``sure_answers``.
    """
    extra = {name: value for name, value in manifest.extra.items() if name != MANIFEST_FIELD}
    if settings.min_confidence is None:
        return manifest
    if isinstance(settings.min_confidence, float):
        return write_manifest(folder, replace(manifest, min_confidence=settings.min_confidence, extra=extra))
    task = manifest.decides
    with Predictor(folder) as classify:
        probabilities = np.concatenate([classify.predict_proba([row.text]) for row in rows])
    right = task.same(task.answers(probabilities), task.encode([row.labels for row in rows]))
    found = choose_confidence(task.confidence(probabilities), right, settings.precision)
    if found is None:
        progress.note(
            f"no least confidence was set: on {len(rows)} held-out rows none could be shown to make sure answers "
            f"right in {settings.precision:.4g} of cases; give more rows with --data, or a lower --precision"
        )
        return write_manifest(folder, replace(manifest, min_confidence=None, extra=extra))
    progress.note(
        f"answers from a confidence of {found.threshold:.4f} on are sure: {found.share:.1%} of {found.rows} "
        f"held-out rows, {found.precision:.2%} of them right ({found.asked:.4g} asked for, shown at 95 %)"
    )
    extra[MANIFEST_FIELD] = asdict(found)
    return write_manifest(folder, replace(manifest, min_confidence=found.threshold, extra=extra))
