"""Sets a workshop up: from a checkpoint, by exporting it, or from a bundle's own fp32 graph."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

from edgetext import __version__
from edgetext.checkpoint import Checkpoint
from edgetext.errors import BundleError
from edgetext.export.candidates import FP32, Workshop, make_variant
from edgetext.export.onnx_export import Agreement, check_logits, export_fp32
from edgetext.export.provenance import provenance
from edgetext.export.schemes.source import Source
from edgetext.export.settings import ExportSettings
from edgetext.export.tuning import Tuning
from edgetext.progress import Progress
from edgetext.reading import read_object
from edgetext.runtime.bundle import Bundle
from edgetext.runtime.manifest import Manifest

TOKENIZER_FILES = ("tokenizer.json", "config.json", "tokenizer_config.json", "special_tokens_map.json")
_MODEL = "model.onnx"
_AGREEMENT_TEXTS = 64


def from_checkpoint(
    folder: Path,
    checkpoint: Checkpoint,
    tuning: Tuning,
    settings: ExportSettings,
    progress: Progress,
) -> tuple[Workshop, Agreement]:
    """Exports the checkpoint into a workshop, once the graph's logits are shown to be torch's.

    Args:
        folder: The bundle in the making.
        checkpoint: The fine-tuned model.
        tuning: Calibration texts, and held-out rows.
        settings: What the user chose.
        progress: Told of each step.

    Raises:
        ModelError: The architecture cannot be exported, or not faithfully.
    """
    work = _new_folder(folder)
    texts = [example.text for example in tuning.examples]
    progress.step("export", 0, 2)
    inputs = export_fp32(checkpoint, work)
    progress.step("export", 1, 2)
    agreement = check_logits(checkpoint, work / _MODEL, texts[:_AGREEMENT_TEXTS])
    progress.step("export", 2, 2)
    evaluation = {"logits_vs_torch": asdict(agreement)}
    manifest = Manifest(
        task="single_label",
        labels=checkpoint.labels,
        max_length=checkpoint.max_length,
        inputs=inputs,
        variants=(make_variant(work, FP32, _MODEL, precision=FP32, scheme=FP32, evaluation=evaluation),),
        default_variant=FP32,
        text_column=checkpoint.text_column,
        provenance=provenance(checkpoint, settings.command),
        created_with=f"edgetext {__version__}",
    )
    source = Source(work, checkpoint.model_type, checkpoint.max_length, tuning.calibration.texts)
    truth = tuning.truth(checkpoint.labels)
    return Workshop(source, manifest, texts, truth, settings, progress), agreement


def from_bundle(
    folder: Path,
    bundle: Bundle,
    manifest: Manifest,
    tuning: Tuning,
    settings: ExportSettings,
    progress: Progress,
) -> Workshop:
    """Copies the fp32 graph and the tokenizer of a bundle into a workshop.

    Args:
        folder: The bundle in the making.
        bundle: Where they are.
        manifest: Of the bundle to make; its reference is the variant ``fp32``.
        tuning: Calibration texts, and held-out rows.
        settings: What the user chose.
        progress: Told of each step.

    Raises:
        BundleError: A file is missing or leads out of the bundle, or the weights lie in files of their own.
        IntegrityError: A file is not the one that was exported.
    """
    work = _new_folder(folder)
    reference = manifest.variant(FP32)
    with bundle.model(reference) as model:
        if model.weights:
            raise BundleError(
                f"{model.graph.path} keeps its weights in other files, and the schemes need them in one"
            )
        with model.graph.mapped() as content:
            (work / _MODEL).write_bytes(content)
    (work / "tokenizer.json").write_bytes(bundle.tokenizer_bytes())
    for name in TOKENIZER_FILES[1:]:
        if (bundle.path / name).exists():
            shutil.copyfile(bundle.file(name), work / name)
    variant = make_variant(
        work,
        FP32,
        _MODEL,
        precision=FP32,
        scheme=FP32,
        session=reference.session,
        evaluation=reference.evaluation,
    )
    model_type = str(read_object(work / "config.json", error=BundleError).get("model_type", ""))
    source = Source(work, model_type, manifest.max_length, tuning.calibration.texts)
    texts = [example.text for example in tuning.examples]
    alone = replace(manifest, variants=(variant,), default_variant=FP32)
    return Workshop(source, alone, texts, tuning.truth(manifest.labels), settings, progress)


def _new_folder(bundle: Path) -> Path:
    """Makes the folder of the workshop, inside that of the bundle."""
    folder = bundle / ".work"
    folder.mkdir()
    return folder
