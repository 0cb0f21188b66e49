"""``distill --static``: a bundle whose model is a table of word vectors that answers as a fine-tuned teacher does.

It has two variants of the same table: ``static``, which ``edgetext.Predictor`` runs by numpy and tokenizers alone,
and ``static-onnx``, a graph for every other ONNX Runtime. It is written whatever it lost: the verdict of the gate
against the teacher stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgetext.checkpoint import Checkpoint
from edgetext.data.texts import find_unlabelled
from edgetext.errors import ModelError
from edgetext.export.assembly import Exported, renewed
from edgetext.export.card import write_card
from edgetext.export.gate import Against, Verdict, judge
from edgetext.export.record import SchemeOutcome, SearchRecord, write_record
from edgetext.export.settings import ExportSettings
from edgetext.export.static_graph import make_static_graph
from edgetext.export.tuning import check_held_out
from edgetext.export.workshop import TOKENIZER_FILES, make_variant, origin
from edgetext.files import new_folder, refuse_existing, sha256
from edgetext.foreign.answers import torch_logits
from edgetext.foreign.clean_room import clean_room
from edgetext.foreign.files import find_file
from edgetext.measure.environment import capture_environment
from edgetext.metrics.difference import compared
from edgetext.ours import BUNDLE
from edgetext.progress import Progress, Silent
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest
from edgetext.runtime.predictor import Predictor
from edgetext.runtime.static import STATIC_FILE, write_static
from edgetext.runtime.threads import usable_threads
from edgetext.static.fit import Fitted, Lesson, StaticSettings, fit_static
from edgetext.task import MultiLabel, Task

if TYPE_CHECKING:
    from edgetext.data.example import Example, Split
    from edgetext.task import FloatArray, Text

STATIC, STATIC_ONNX = "static", "static-onnx"
_GRAPH_FILE = "onnx/model.onnx"  # the name that Optimum and transformers.js look for


def export_static(
    teacher: Checkpoint,
    split: Split,
    output: Path | str,
    settings: ExportSettings | None = None,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
) -> Exported:
    """Makes a bundle of a table of word vectors, taught by a checkpoint.

    Args:
        teacher: The fine-tuned model; its training rows and its answers teach.
        split: The rows, each for what it served the teacher.
        output: The folder to write; it appears whole or not at all.
        settings: ``first_stage_mb`` is the table's size, ``unlabelled`` more texts to learn from, ``max_drop`` the
            margin of the verdict; what belongs to a search is not looked at.
        progress: Told of each step.
        overwrite: Whether a folder that is there may be replaced.

    Raises:
        DataError: The texts without labels cannot be used.
        InputError: There is no held-out text.
        ModelError: No table can be made of the teacher.
        OutputExistsError: The output folder is taken.
        WriteError: The output cannot be written, or the disk is full.
    """
    settings, progress, output = settings or ExportSettings(), progress or Silent(), Path(output)
    refuse_existing(output, BUNDLE, overwrite=overwrite)
    check_held_out(split.validation, teacher.task, str(teacher.path))
    unlabelled = _unlabelled(teacher, split, settings, progress)
    with new_folder(output, BUNDLE, overwrite=overwrite) as folder:
        (folder / "onnx").mkdir()
        _copy_tokenizer(teacher, folder)
        answers = _Answers(teacher, split, unlabelled, progress)
        lesson = Lesson(
            [*answers.texts("train"), *unlabelled],
            [*(row.labels for row in split.train), *(None for _ in unlabelled)],
            np.concatenate([answers.of("train"), answers.of("unlabelled")]),
        )
        size = StaticSettings(settings.first_stage_mb, split.record.seed)
        fitted = fit_static(teacher, (folder / "tokenizer.json").read_bytes(), lesson, size, progress)
        manifest = _assemble(folder, teacher, fitted, settings)
        exported = _judged(folder, manifest, answers, settings)
    return replace(exported, path=output)


class _Answers:
    """The teacher's probabilities for each part of the texts, asked at once."""

    def __init__(self, teacher: Checkpoint, split: Split, unlabelled: Sequence[Text], progress: Progress) -> None:
        self.teacher, self.split = teacher, split
        self._texts: dict[str, list[Text]] = {
            **{part: [row.text for row in rows] for part, rows in _parts(split).items()},
            "unlabelled": list(unlabelled),
        }
        asked = [text for texts in self._texts.values() for text in texts]
        logits = torch_logits(teacher.path, asked, teacher.max_length, progress, extra="train")
        ends = np.cumsum([len(texts) for texts in self._texts.values()])[:-1]
        found = np.split(teacher.task.probabilities(logits), ends)
        self._found = dict(zip(self._texts, found, strict=True))

    def texts(self, part: str) -> list[Text]:
        """The texts of a part."""
        return self._texts[part]

    def of(self, part: str) -> FloatArray:
        """What the teacher says of them, shape (texts, labels)."""
        return self._found[part]

    def truth(self, part: str) -> Any:
        """What is right."""
        return self.teacher.task.encode([row.labels for row in _parts(self.split)[part]])


def _parts(split: Split) -> dict[str, tuple[Example, ...]]:
    return {"train": split.train, "validation": split.validation, "test": split.test}


def _unlabelled(
    teacher: Checkpoint, split: Split, settings: ExportSettings, progress: Progress
) -> tuple[Text, ...]:
    seen = [row.text for part in (split.train, split.test) for row in part]
    columns = teacher.text_column, teacher.text_pair_column
    return find_unlabelled(settings.unlabelled, columns, seen, split.validation, progress)


def _copy_tokenizer(teacher: Checkpoint, folder: Path) -> None:
    with clean_room(teacher.path) as room:
        for name in TOKENIZER_FILES:
            if (room / name).is_file():
                (folder / name).write_bytes((room / name).read_bytes())
    if find_file(folder, "tokenizer.json") is None:
        raise ModelError(f"{teacher.path} has no tokenizer.json: a fast tokenizer is needed to run without torch")


def _assemble(folder: Path, teacher: Checkpoint, fitted: Fitted, settings: ExportSettings) -> Manifest:
    """Writes both models, and describes them."""
    write_static(folder / STATIC_FILE, fitted.table)
    make_static_graph(fitted.table, folder / _GRAPH_FILE)
    variants = (
        make_variant(folder, STATIC, STATIC_FILE, precision="int8"),
        make_variant(folder, STATIC_ONNX, _GRAPH_FILE, precision="int8"),
    )
    task = teacher.task
    manifest = Manifest(
        task=task.name,
        labels=task.labels,
        max_length=teacher.max_length,
        inputs=("input_ids", "attention_mask"),
        variants=variants,
        default_variant=STATIC,
        thresholds=tuple(task.limits.tolist()) if isinstance(task, MultiLabel) else None,
        text_column=teacher.text_column,
        text_pair_column=teacher.text_pair_column,
        provenance=origin(teacher),
    )
    return write_manifest(folder, renewed(manifest, settings))


def _judged(folder: Path, manifest: Manifest, answers: _Answers, settings: ExportSettings) -> Exported:
    """Holds it against the teacher on the held-out rows, and writes what came of it."""
    teacher, task = answers.teacher, manifest.decides
    verdict: Verdict | None = None
    figures = {}
    with Predictor(folder) as classify:
        for part in ("validation", "test"):
            if not answers.texts(part):
                continue
            own, truth = classify.predict_proba(answers.texts(part)), answers.truth(part)
            figures[part] = compared(task, truth, teacher.task.answers(answers.of(part)), task.answers(own))
            if part == "validation":
                verdict = _verdict(task, answers, own, settings)
    assert verdict is not None  # there are validation rows
    said = teacher.path.resolve().name
    provenance = {**manifest.provenance, "teacher": {"name": said, "sha256": _weights(teacher), "metrics": figures}}
    first = replace(manifest.variants[0], evaluation=verdict.to_json())
    manifest = write_manifest(
        folder, replace(manifest, variants=(first, *manifest.variants[1:]), provenance=provenance)
    )
    row = SchemeOutcome(STATIC, "chosen", verdict.sentence, first.bytes, verdict=verdict)
    environment = capture_environment(usable_threads())
    record = SearchRecord(settings.objective, (row,), STATIC, environment=environment, metrics=teacher.figures)
    write_record(folder, record)
    write_card(folder, manifest, record)
    return Exported(folder, manifest, record)


def _verdict(task: Task, answers: _Answers, own: FloatArray, settings: ExportSettings) -> Verdict:
    teacher = answers.teacher
    said = judge(
        task,
        answers.of("validation"),
        own,
        answers.truth("validation"),
        settings.max_drop,
        against=Against(teacher.path.resolve().name, teacher.task),
    )
    return replace(said, subject="the static student")


def _weights(teacher: Checkpoint) -> str | None:
    file = find_file(teacher.path, "model.safetensors")
    return sha256(file) if file else None
