"""A workshop -> the bundle, for ``export`` and ``tune`` alike: search, models, tokenizer, texts, manifest, card."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from edgetext import __version__
from edgetext.checkpoint import Metrics
from edgetext.export.card import write_card
from edgetext.export.confidence import with_confidence
from edgetext.export.drift import with_batch_effect
from edgetext.export.first_stage import Maker, add_first_stage
from edgetext.export.record import SearchRecord, write_record
from edgetext.export.search import search
from edgetext.export.settings import ExportSettings
from edgetext.export.tuning import MANIFEST_FIELD, Tuning, write_tuning
from edgetext.export.workshop import FP32, TOKENIZER_FILES, Workshop
from edgetext.measure.environment import library_versions
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import FirstStage, Manifest, Variant
from edgetext.task import Text

_FP32_FILE = "onnx/model.onnx"
_INT8_FILE = "onnx/model_quantized.onnx"  # the name that transformers.js and Optimum expect
_EXAMPLES_FIELD, _DEMO_EXAMPLES = "examples", 4
_LIBRARIES = (
    "edgetext",
    "torch",
    "transformers",
    "optimum",
    "optimum-onnx",
    "onnx",
    "onnxruntime",
    "tokenizers",
    "numpy",
)


@dataclass(frozen=True)
class Exported:
    """A written bundle.

    Attributes:
        path: The folder.
        manifest: What ``bundle.json`` says.
        record: What ``export.json`` says: every scheme that was tried, and what came of it.
    """

    path: Path
    manifest: Manifest
    record: SearchRecord

    @property
    def examples(self) -> tuple[Text, ...]:
        """The held-out texts, or pairs, that the manifest keeps for the demo page."""
        kept = self.manifest.extra.get(_EXAMPLES_FIELD, ())
        return tuple(one if isinstance(one, str) else (one[0], one[1]) for one in kept)

    @property
    def refused(self) -> bool:
        """Whether no candidate was let through, so that the graph as exported is the default."""
        return self.manifest.default_variant == FP32


def search_into(
    folder: Path, shop: Workshop, tuning: Tuning, metrics: Metrics, make: Maker | None, *, keep: bool
) -> Exported:
    """Searches, and makes a whole bundle of what was found and the workshop.

    Args:
        folder: The bundle in the making; the workshop is a folder in it, and is removed.
        shop: What candidates are made from and judged on.
        tuning: The texts that it was set up with.
        metrics: Of the torch checkpoint, for the record.
        make: Makes the table of a first stage; ``None`` where nothing can.
        keep: Whether texts go into the bundle.
    """
    found = search(shop)
    outcome = add_first_stage(shop, found, make)
    about = {"texts": len(tuning.calibration.texts), "origin": tuning.calibration.origin}
    record = replace(outcome.record, calibration=about, metrics=metrics)
    manifest = _assemble(folder, shop, found.variant, outcome.stage, tuning if keep else None)
    manifest = with_confidence(folder, manifest, tuning.examples, shop.settings, shop.progress)
    write_record(folder, record)
    write_card(folder, manifest, record)
    return Exported(folder, with_batch_effect(folder, manifest, shop.texts), record)


def renewed(manifest: Manifest, settings: ExportSettings) -> Manifest:
    """Says in a manifest what runs now, and leaves out what a bundle of before does not hand on.

    Args:
        manifest: Of the workshop.
        settings: Example texts of a bundle of before stay in it where the user wants some.
    """
    dropped = {MANIFEST_FIELD, "text_model"}  # the file of the latter was made of another model
    dropped |= set() if settings.texts and settings.examples else {_EXAMPLES_FIELD}
    here_and_now = {
        "libraries": library_versions(_LIBRARIES),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": settings.command,
    }
    return replace(
        manifest,
        provenance={**manifest.provenance, **here_and_now},
        created_with=f"edgetext {__version__}",
        extra={name: value for name, value in manifest.extra.items() if name not in dropped},
    )


def _assemble(
    folder: Path, shop: Workshop, best: Variant | None, stage: FirstStage | None, tuning: Tuning | None
) -> Manifest:
    """Fills the bundle's folder from the workshop; the manifest comes back as written."""
    (folder / "onnx").mkdir()
    for name in TOKENIZER_FILES:
        if (shop.folder / name).is_file():
            shutil.copyfile(shop.folder / name, folder / name)
    variants = [_placed(folder, shop.folder, shop.manifest.variant(FP32), FP32, _FP32_FILE)]
    if best is not None:
        variants.append(_placed(folder, shop.folder, best, *_place(best)))
    if stage is not None:
        shutil.move(shop.folder / stage.file, folder / stage.file)
        stage = replace(stage, variant=variants[-1].name)
    shutil.rmtree(shop.folder)
    manifest = renewed(shop.manifest, shop.settings)
    extra = dict(manifest.extra)
    if tuning is not None:
        if shop.settings.examples:
            extra[_EXAMPLES_FIELD] = [example.text for example in tuning.examples[:_DEMO_EXAMPLES]]
        extra[MANIFEST_FIELD] = write_tuning(folder, tuning, shop.task)
    default = variants[-1].name
    manifest = replace(manifest, variants=tuple(variants), default_variant=default, first_stage=stage, extra=extra)
    return write_manifest(folder, manifest)


def _place(best: Variant) -> tuple[str, str]:
    """The name and the file of the chosen model."""
    if best.precision == FP32:
        return best.scheme, f"onnx/model_{best.scheme.replace('-', '_')}.onnx"
    return best.precision, _INT8_FILE


def _placed(folder: Path, workshop: Path, variant: Variant, name: str, file: str) -> Variant:
    shutil.move(workshop / variant.file, folder / file)
    return replace(variant, name=name, file=file)
