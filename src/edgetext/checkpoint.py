"""The folder that ``train`` leaves: model, tokenizer, labels, and the split it was trained on.

::

    checkpoint/
      config.json  model.safetensors                 the model, as transformers saves it (or an index and shards)
      tokenizer.json  tokenizer_config.json  ...     its tokenizer
      split.json                                     which rows of which file were used for what
      training.json                                  arguments, history, metrics, temperature, thresholds, teacher

Standard library only, so that export and bench can read it wherever they run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from edgetext.errors import ModelError
from edgetext.fields import Amount, Count, Share, between, read_part
from edgetext.files import write_json
from edgetext.foreign.check import CONFIG_FILE, check_parts, read_config
from edgetext.foreign.config import position_limit, read_labels
from edgetext.foreign.files import read_found
from edgetext.reading import listed

if TYPE_CHECKING:
    from edgetext.task import Task

MINILM, MINILM_HUB = "minilm", "sentence-transformers/all-MiniLM-L6-v2"
"""The built-in base model: what users call it, and what it is on the Hub."""
SPLIT_FILE = "split.json"
TRAINING_FILE = "training.json"
SPLIT_PARTS = ("train", "validation", "test")
_USUAL_LENGTH = 512  # tokens, where the folder says nothing


RowNumber = Annotated[int, between(1, 1e15)]


class CalibrationErrors(TypedDict, total=False):
    """The expected calibration error without and with the temperature."""

    before: Share
    after: Share


class PartFigures(TypedDict, total=False):
    """How a part of the rows was predicted."""

    accuracy: Share | None
    micro_f1: Share | None
    macro_f1: Share | None
    per_label: Mapping[str, Mapping[str, Amount | None]]
    calibration: CalibrationErrors
    baseline: Share | None


Metrics = Mapping[str, PartFigures]


class BaselineFigures(TypedDict, total=False):
    """What a model that is fitted in seconds does on the same rows."""

    name: str
    metrics: Metrics


class TeacherFigures(TypedDict, total=False):
    """How a student compares with its teacher on the same rows; see ``edgetext.metrics.difference.compared``."""

    rows: Count
    teacher: Share
    student: Share
    difference: Annotated[float, between(-1, 1)]
    low: Annotated[float, between(-1, 1)]
    high: Annotated[float, between(-1, 1)]
    same_answers: Share


class Teacher(TypedDict, total=False):
    """Whose student a checkpoint is."""

    name: str
    sha256: str | None
    kept: tuple[Count, ...]
    unlabelled: Count
    metrics: Mapping[str, TeacherFigures]


class Training(TypedDict, total=False):
    """What others read of ``training.json``; ``train`` writes more than this."""

    base_model: str
    max_length: Annotated[int, between(1, 1 << 20)]
    metrics: Metrics
    baseline: BaselineFigures
    calibration: Mapping[str, CalibrationErrors]
    temperature: Annotated[float, between(1e-3, 1e3)]
    thresholds: tuple[Share, ...]
    teacher: Teacher


@dataclass(frozen=True)
class DataSource:
    """A file of labelled text, as it was read.

    Attributes:
        uri: An absolute path, ``builtin:NAME`` or ``hub:NAME``.
        fingerprint: SHA-256 over the rows as read (see ``edgetext.data``), so that a changed file is noticed.
        rows: How many data rows the file has, broken ones included.
        text_column: The column that holds the text, or the first text of a pair.
        label_column: The column that holds the label or the labels; several, separated by commas, are one column a
            label.
        split_column: The column that says which part a row belongs to, if there is one.
        text_pair_column: The column that holds the second text of a pair, if texts are pairs.
        label_separator: What separates the labels in the label column, if anything does.
    """

    uri: str
    fingerprint: str
    rows: Count
    text_column: str
    label_column: str
    split_column: str | None = None
    text_pair_column: str | None = None
    label_separator: str | None = None


@dataclass(frozen=True)
class SplitPart:
    """The rows of one source that serve one purpose.

    Attributes:
        source: Index into ``SplitRecord.sources``.
        rows: Row numbers in that source; the first data row is 1.
    """

    source: Count
    rows: tuple[RowNumber, ...]


@dataclass(frozen=True)
class SplitRecord:
    """Which rows were used for what; export's gate and the bench never touch the training rows.

    Attributes:
        sources: The files that the rows come from.
        parts: The parts by name (``train``, ``validation``, ``test``); ``test`` may be absent.
        seed: The seed that made the parts that were not given.
    """

    sources: tuple[DataSource, ...]
    parts: Mapping[str, SplitPart]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Returns the record as plain JSON values."""
        return {
            "sources": [asdict(source) for source in self.sources],
            "parts": {name: {"source": part.source, "rows": list(part.rows)} for name, part in self.parts.items()},
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str = SPLIT_FILE) -> SplitRecord:
        """Reads the record back.

        Raises:
            ModelError: The value is not one that ``to_json`` gave.
        """
        return read_part(cls, value, where, error=ModelError)

    def disagreement(self) -> str:
        """Says which part names rows that its source lacks, or that another part has."""
        taken: dict[int, set[int]] = {}
        for name, part in self.parts.items():
            if part.source >= len(self.sources):
                return f"{listed([name])} is of source {part.source} of {len(self.sources)}, counted from 0"
            if max(part.rows, default=0) > self.sources[part.source].rows:
                return f"{listed([name])} has row {max(part.rows)} of {self.sources[part.source].rows}"
            rows = taken.setdefault(part.source, set())
            before = len(rows)
            rows.update(part.rows)
            if len(rows) < before + len(part.rows):
                return f"a row of {listed([name])} stands there twice, or in another part too"
        return ""


@dataclass(frozen=True)
class Checkpoint:
    """A fine-tuned sequence classifier on disk.

    Attributes:
        path: The folder.
        task: What it decides, with its labels, temperature and thresholds.
        model_type: The architecture as transformers names it, such as ``bert``.
        max_length: The longest input in tokens, special tokens included.
        base_model: What was fine-tuned, as the user named it; empty for a checkpoint that others made.
        split: The rows used, or ``None`` for a checkpoint that others made.
    """

    path: Path
    task: Task
    model_type: str
    max_length: int
    base_model: str = ""
    split: SplitRecord | None = None
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, by class index."""
        return self.task.labels

    @property
    def figures(self) -> Metrics:
        """How it did on its held-out parts: ``metrics`` of ``training.json``, and what that says beside them."""
        errors, baseline = self.training.get("calibration", {}), self.training.get("baseline", {})
        found: dict[str, PartFigures] = {}
        for part, figures in self.training.get("metrics", {}).items():
            simple = baseline.get("metrics", {}).get(part, {})
            found[part] = figures.copy()
            found[part]["baseline"] = simple.get("accuracy", simple.get("micro_f1"))
            if part in errors:
                found[part]["calibration"] = errors[part]
        return found

    @property
    def text_column(self) -> str:
        """The column that the training texts were read from; empty for a checkpoint that others made."""
        return self.trained_on.text_column if self.trained_on else ""

    @property
    def text_pair_column(self) -> str:
        """The column of the second texts, likewise; empty where texts are no pairs."""
        return (self.trained_on.text_pair_column or "") if self.trained_on else ""

    @property
    def trained_on(self) -> DataSource | None:
        """The file of the training rows; ``None`` for a checkpoint that others made."""
        part = self.split.parts.get("train") if self.split else None
        return self.split.sources[part.source] if self.split and part else None


def open_checkpoint(path: Path) -> Checkpoint:
    """Opens a folder as a checkpoint of a text classifier, whose parts agree with one another.

    Args:
        path: The folder; one that transformers saved serves as well as one that ``train`` wrote.

    Raises:
        ModelError: There is no such folder, the model is for another task, its weights are not whole safetensors,
            or weights, labels, tokenizer and lengths disagree (see ``edgetext.foreign.check``).
    """
    if not path.is_dir():
        raise ModelError(f"{path} is not a folder: give the checkpoint folder that 'edgetext train' wrote")
    config = read_config(path)
    _refuse_other_architectures(path, config)
    labels = read_labels(path / CONFIG_FILE, config, ModelError)
    training = _read_training(path)
    check_parts(path, config, labels=len(labels), max_length=training.get("max_length"))
    return Checkpoint(
        path=path,
        task=_task(path, config, labels, training),
        model_type=str(config.get("model_type", "")),
        max_length=_max_length(path, config, training),
        base_model=training.get("base_model", ""),
        split=read_split(path),
        training=training,
    )


def read_split(folder: Path) -> SplitRecord | None:
    """Reads the split that lies in a checkpoint's folder, or ``None`` for a checkpoint that others made.

    Raises:
        ModelError: It is damaged.
    """
    found = read_found(folder, SPLIT_FILE)
    if found is None:
        return None
    try:
        return SplitRecord.from_json(found, str(folder / SPLIT_FILE))
    except ModelError as error:
        raise ModelError(f"{error}: train again, or remove it and give --data") from None


def write_split(folder: Path, record: SplitRecord) -> None:
    """Writes the split beside the checkpoint."""
    write_json(folder / SPLIT_FILE, record.to_json())


def write_training(folder: Path, training: Mapping[str, Any]) -> None:
    """Writes ``training.json``: ``base_model``, ``max_length``, every argument, the loss history, the metrics."""
    write_json(folder / TRAINING_FILE, dict(training))


def _refuse_other_architectures(path: Path, config: Mapping[str, Any]) -> None:
    architectures = config.get("architectures") or ["(none named)"]
    if not all(name.endswith("ForSequenceClassification") for name in architectures):
        raise ModelError(
            f"{path} holds a {listed(architectures[:1])}, not a text classifier: "
            "expected an architecture that ends in ForSequenceClassification (fine-tune it with 'edgetext train')"
        )


def _task(path: Path, config: Mapping[str, Any], labels: tuple[str, ...], training: Training) -> Task:
    """Reads what the model decides; checkpoints of others, and of before, have no temperature and no thresholds."""
    from edgetext.task import PROBLEM_TYPES, MultiLabel, SingleLabel  # here, since it takes numpy

    problem = config.get("problem_type") or SingleLabel.problem_type
    if problem not in PROBLEM_TYPES:
        raise ModelError(f"{path} was trained for {problem!r:.60}: expected {' or '.join(PROBLEM_TYPES)}")
    temperature, thresholds = training.get("temperature", 1.0), tuple(training.get("thresholds", ()))
    if PROBLEM_TYPES[problem] is SingleLabel:
        return SingleLabel(labels, temperature)
    if len(thresholds) not in (0, len(labels)):
        raise ModelError(
            f"{path / TRAINING_FILE} has {len(thresholds)} thresholds, and {CONFIG_FILE} {len(labels)} labels: "
            "they are of different models; copy the folder again"
        )
    return MultiLabel(labels, temperature, thresholds)


def _max_length(path: Path, config: Mapping[str, Any], training: Mapping[str, Any]) -> int:
    if "max_length" in training:
        return int(training["max_length"])
    tokenizer = read_found(path, "tokenizer_config.json") or {}
    limits = [_USUAL_LENGTH, position_limit(config), tokenizer.get("model_max_length")]
    return min(limit for limit in limits if type(limit) is int and limit > 1)


def _read_training(folder: Path) -> Training:
    """Reads ``training.json``, checked where others read it; nothing for a checkpoint of others."""
    found = read_found(folder, TRAINING_FILE)
    return {} if found is None else read_part(Training, found, str(folder / TRAINING_FILE), error=ModelError)
