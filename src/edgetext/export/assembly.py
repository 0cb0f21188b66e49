"""A finished search -> the bundle's folder: models, tokenizer, texts, manifest, record and card."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from edgetext.export.candidates import FP32, FP32_FILE, INT8_FILE
from edgetext.export.card import write_card
from edgetext.export.onnx_export import Agreement
from edgetext.export.record import Record, write_record
from edgetext.export.search import Found
from edgetext.export.tuning import MANIFEST_FIELD, Tuning, write_tuning
from edgetext.export.workshop import TOKENIZER_FILES
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest, Variant


@dataclass(frozen=True)
class Exported:
    """A written bundle.

    Attributes:
        path: The folder.
        manifest: What ``bundle.json`` says.
        record: What ``export.json`` says: every recipe that was tried, and what came of it.
        agreement: How far the fp32 graph is from torch; ``None`` where no torch model was at hand.
    """

    path: Path
    manifest: Manifest
    record: Record
    agreement: Agreement | None = None

    @property
    def examples(self) -> tuple[str, ...]:
        """The held-out texts that the manifest keeps for the demo page."""
        return tuple(self.manifest.extra.get("examples", ()))

    @property
    def refused(self) -> bool:
        """Whether no candidate was let through, so that the graph as exported is the default."""
        return self.manifest.default_variant == FP32


def assemble(folder: Path, workshop: Path, reference: Manifest, found: Found, tuning: Tuning | None) -> Manifest:
    """Fills a bundle's folder from the workshop.

    Args:
        folder: The bundle in the making.
        workshop: Holds the models, and the files of the tokenizer; it is removed.
        reference: With ``fp32`` alone, as in the workshop.
        found: What the search came to.
        tuning: The texts to keep in the bundle, if any.

    Returns:
        The manifest as written.
    """
    (folder / "onnx").mkdir()
    for name in TOKENIZER_FILES:
        if (workshop / name).is_file():
            shutil.copyfile(workshop / name, folder / name)
    variants = [_placed(folder, workshop, reference.variant(FP32), FP32, FP32_FILE)]
    if found.best is not None:
        variants.append(_placed(folder, workshop, found.best, *_place(found.best)))
    shutil.rmtree(workshop)
    extra = dict(reference.extra)
    if tuning is not None:
        extra[MANIFEST_FIELD] = write_tuning(folder, tuning)
    manifest = replace(reference, variants=tuple(variants), default_variant=variants[-1].name, extra=extra)
    manifest = write_manifest(folder, manifest)
    write_record(folder, found.record)
    write_card(folder, manifest, found.record)
    return manifest


def _place(best: Variant) -> tuple[str, str]:
    """Gives the name and the file of the chosen model."""
    if best.precision == "fp32":
        return best.scheme, f"onnx/model_{best.scheme.replace('-', '_')}.onnx"
    return best.precision, INT8_FILE


def _placed(folder: Path, workshop: Path, variant: Variant, name: str, file: str) -> Variant:
    shutil.move(workshop / variant.file, folder / file)
    return replace(variant, name=name, file=file)
