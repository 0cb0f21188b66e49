"""The workshop of a search: the fp32 graph that candidates are made from, and what they are judged on.

It is set up from a checkpoint, by exporting it, or from a bundle's own fp32 graph. Candidates are made in its
folder, which is a bundle with some of them as variants when they are asked.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from edgetext.checkpoint import Checkpoint
from edgetext.errors import BundleError, InputError, first_line
from edgetext.export.gate import Against
from edgetext.export.graph.integer import integer_share
from edgetext.export.onnx_export import check_logits, export_fp32, exporter
from edgetext.export.record import SchemeOutcome
from edgetext.export.schemes.registry import SchemeInput, SchemeNotApplicableError, find_scheme
from edgetext.export.settings import ExportSettings
from edgetext.export.tuning import Tuning, sample
from edgetext.export.unlabelled import MOST_JUDGED, refuse_judging
from edgetext.files import sha256
from edgetext.progress import Progress
from edgetext.reading import read_object
from edgetext.runtime.bundle import Bundle, write_manifest
from edgetext.runtime.manifest import Manifest, Variant
from edgetext.runtime.predictor import Predictor
from edgetext.task import Answers, FloatArray, MultiLabel, Task, Text
from edgetext.trouble import is_failed_write

FP32 = "fp32"
INTEGER = "integer_share"
"""What ``evaluation`` calls the share of the products with weights that is integer, by their numbers of weights."""
TOKENIZER_FILES = ("tokenizer.json", "config.json", "tokenizer_config.json", "special_tokens_map.json")
_MODEL = "model.onnx"
_AGREEMENT_TEXTS = 64
_CHANGE_TEXTS = 128


@dataclass(frozen=True)
class Workshop:
    """What every candidate is made from and judged on.

    Attributes:
        source: The exported graph; its folder is the workshop.
        manifest: Of the workshop's reference alone, ``fp32``.
        texts: Held-out texts.
        truth: What is right of each, as ``task.encode`` has it.
        settings: What the user chose.
        progress: Told of each step.
        unlabelled: Texts without labels that the gate looks at, too; none where they cannot decide.
        reference: The answers to hold candidates against where they are not those of the workshop's ``fp32``: of
            the model before its vocabulary was trimmed, or of a teacher. Of ``judged_texts``, in their order.
        against: Whose they are, where they are another model's.
    """

    source: SchemeInput
    manifest: Manifest
    texts: Sequence[Text]
    truth: Answers
    settings: ExportSettings
    progress: Progress
    reference: FloatArray | None = None
    unlabelled: Sequence[Text] = ()
    against: Against | None = None

    @property
    def judged_texts(self) -> list[Text]:
        """The texts that the gate asks about: the held-out ones, then those without labels."""
        return [*self.texts, *self.unlabelled]

    @property
    def task(self) -> Task:
        """What the models decide."""
        return self.manifest.decides

    @property
    def folder(self) -> Path:
        """The folder of the workshop."""
        return self.source.folder


@dataclass(frozen=True)
class Candidate:
    """A model that a scheme made.

    Attributes:
        scheme: Its name; also the variant's in the workshop.
        variant: The model in the workshop.
        build_seconds: How long it took.
    """

    scheme: str
    variant: Variant
    build_seconds: float


def from_checkpoint(
    folder: Path, checkpoint: Checkpoint, tuning: Tuning, settings: ExportSettings, progress: Progress
) -> Workshop:
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
    work, task = _new_folder(folder), checkpoint.task
    texts = [example.text for example in tuning.examples]
    progress.step("export", 0, 2)
    inputs = export_fp32(checkpoint, work)
    progress.step("export", 1, 2)
    agreement = check_logits(checkpoint, work / _MODEL, texts[:_AGREEMENT_TEXTS])
    progress.step("export", 2, 2)
    reference = make_variant(work, FP32, _MODEL, precision=FP32)
    manifest = Manifest(
        task=task.name,
        labels=task.labels,
        max_length=checkpoint.max_length,
        inputs=inputs,
        variants=(replace(reference, evaluation={"logits_vs_torch": asdict(agreement)}),),
        default_variant=FP32,
        thresholds=tuple(task.limits.tolist()) if isinstance(task, MultiLabel) else None,
        temperature=None if task.temperature == 1.0 else task.temperature,
        text_column=checkpoint.text_column,
        text_pair_column=checkpoint.text_pair_column,
        provenance={**origin(checkpoint), "exporter": exporter().NAME},
    )
    return _workshop(work, checkpoint.model_type, manifest, tuning, settings, progress)


def from_bundle(
    folder: Path, bundle: Bundle, tuning: Tuning, settings: ExportSettings, progress: Progress
) -> Workshop:
    """Copies the fp32 graph and the tokenizer of a bundle into a workshop.

    Args:
        folder: The bundle in the making.
        bundle: Where they are; its reference is the variant ``fp32``.
        tuning: Calibration texts, and held-out rows.
        settings: What the user chose.
        progress: Told of each step.

    Raises:
        BundleError: A file is missing or leads out of the bundle, or the weights lie in files of their own.
        IntegrityError: A file is not the one that was exported.
    """
    work = _new_folder(folder)
    reference = bundle.manifest.variant(FP32)
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
    copied = make_variant(work, FP32, _MODEL, precision=FP32, session=reference.session)
    manifest = replace(
        bundle.manifest,
        variants=(replace(copied, evaluation=reference.evaluation),),
        default_variant=FP32,
        first_stage=None,  # of another model
    )
    model_type = str(read_object(work / "config.json", error=BundleError).get("model_type", ""))
    return _workshop(work, model_type, manifest, tuning, settings, progress)


def make_variant(
    folder: Path, name: str, file: str, *, precision: str, session: Mapping[str, Any] | None = None
) -> Variant:
    """Describes a model file of a workshop, its size and SHA-256 included; there the scheme names the variant."""
    path = folder / file
    return Variant(name, file, sha256(path), precision, name, path.stat().st_size, session or {})


def with_integer_share(variant: Variant, folder: Path) -> Variant:
    """Adds to what is not fp32 how much of it is integer, as its graph shows."""
    if variant.precision == FP32:
        return variant
    share = round(integer_share(folder / variant.file), 4)
    return replace(variant, evaluation={**variant.evaluation, INTEGER: share})


def build(shop: Workshop, name: str) -> Candidate | SchemeOutcome:
    """Makes a candidate, or the row that says why there is none.

    Raises:
        InputError: What was given cannot be used.
        Exception: The system refused a write; what else goes wrong in a scheme is its own failure.
    """
    scheme, file = find_scheme(name), f"{name}.onnx"
    begin = time.monotonic()
    try:
        session = scheme.build(shop.source, shop.folder / file)
    except SchemeNotApplicableError as error:
        return SchemeOutcome(name, "not_applicable", str(error))
    except InputError:
        raise
    except Exception as error:  # a library's, of any kind: the other schemes may still do
        if is_failed_write(error):
            raise
        reason = f"it could not be built: {type(error).__name__}: {first_line(error)}"
        return SchemeOutcome(name, "failed", reason)
    variant = make_variant(shop.folder, name, file, precision=scheme.precision, session=session)
    return Candidate(name, with_integer_share(variant, shop.folder), time.monotonic() - begin)


def open_with(shop: Workshop, variants: Sequence[Variant]) -> None:
    """Makes the workshop's folder a bundle with the reference and these variants."""
    write_manifest(shop.folder, replace(shop.manifest, variants=(*shop.manifest.variants, *variants)))


def gate_answers(shop: Workshop, name: str) -> FloatArray:
    """Asks a variant of the opened workshop for the gate's texts, and tells how it goes."""
    texts = shop.judged_texts

    def told() -> Iterator[Text]:
        for done, text in enumerate(texts, start=1):
            yield text
            shop.progress.step(f"gate, {name}", done, len(texts))

    return _answers(shop, name, told())


def changes(shop: Workshop, names: Sequence[str]) -> dict[str, float]:
    """How much each variant changes the fp32 model's probabilities on calibration texts.

    It needs no labels, and is no look at the texts of the gate.

    Args:
        shop: The workshop, opened with the variants.
        names: Of the variants.

    Returns:
        The mean over the texts of the largest change of one of a text's probabilities; empty without texts.
    """
    texts = sample(shop.source.calibration, _CHANGE_TEXTS)
    if not texts:
        return {}
    reference = _answers(shop, FP32, texts)
    return {name: float(np.abs(_answers(shop, name, texts) - reference).max(axis=1).mean()) for name in names}


def file_answers(shop: Workshop, file: Path, session: Mapping[str, Any], texts: Sequence[Text]) -> FloatArray:
    """Asks any model file in the workshop; see ``rescue.Trial``."""
    relative = file.relative_to(shop.folder).as_posix()
    open_with(shop, [make_variant(shop.folder, "trial", relative, precision="int8", session=session)])
    return _answers(shop, "trial", texts)


def _workshop(
    work: Path, model_type: str, manifest: Manifest, tuning: Tuning, settings: ExportSettings, progress: Progress
) -> Workshop:
    source = SchemeInput(work, model_type, manifest.max_length, tuning.calibration.texts)
    texts = [example.text for example in tuning.examples]
    truth = manifest.decides.encode([example.labels for example in tuning.examples])
    shop = Workshop(source, manifest, texts, truth, settings, progress)
    return _with_unlabelled(shop, tuning.unlabelled)


def _with_unlabelled(shop: Workshop, texts: Sequence[Text]) -> Workshop:
    if not texts:
        return shop
    if why_not := refuse_judging(shop.task):
        shop.progress.note(why_not)
        return shop
    judged = sample(texts, MOST_JUDGED)
    if len(judged) < len(texts):
        shop.progress.note(f"the gate looks at {len(judged):,} of the texts without labels, drawn by a seed")
    return replace(shop, unlabelled=judged)


def origin(checkpoint: Checkpoint) -> dict[str, Any]:
    """Where a model comes from, for the manifest; what ran when is added as the bundle is written."""
    record = checkpoint.split
    return {
        "base_model": checkpoint.base_model,
        "model_type": checkpoint.model_type,
        # The file's name, not its path: a bundle is passed on, and folder names tell of the machine it was made on.
        "data": [
            {"name": _source_name(source.uri), "fingerprint": source.fingerprint, "rows": source.rows}
            for source in (record.sources if record else ())
        ],
        "rows": {name: len(part.rows) for name, part in record.parts.items()} if record else {},
        "seed": record.seed if record else None,
        **_teacher(checkpoint),
    }


def _source_name(uri: str) -> str:
    return uri if uri.startswith("hub:") else PurePath(uri).name


def _teacher(checkpoint: Checkpoint) -> dict[str, Any]:
    """Whose student the model is, if anybody's."""
    found = checkpoint.training.get("teacher")
    return {"teacher": {**found, "name": PurePath(found.get("name", "")).name}} if found else {}


def _new_folder(bundle: Path) -> Path:
    """Makes the folder of the workshop, inside that of the bundle."""
    folder = bundle / ".work"
    folder.mkdir()
    return folder


def _answers(shop: Workshop, name: str, texts: Iterable[Text]) -> FloatArray:
    """The probabilities of each text by itself, as an app would ask: with dynamic int8 they depend on the batch."""
    with Predictor(shop.folder, variant=name) as classify:
        return np.concatenate([classify.predict_proba([text]) for text in texts])
