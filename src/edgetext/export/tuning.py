"""The texts of a search: those to calibrate on, and labelled ones for the gate.

A bundle keeps them, ``tuning/*.jsonl``, so that ``tune`` can repeat the search elsewhere.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edgetext.checkpoint import Checkpoint
from edgetext.data.evaluation import check_labels
from edgetext.data.example import Example
from edgetext.data.held_out import held_out
from edgetext.data.load import load
from edgetext.errors import BundleError, DataError, InputError
from edgetext.fields import Count, read_part
from edgetext.files import sha256, write_atomically
from edgetext.reading import parse_json
from edgetext.runtime.bundle import Bundle
from edgetext.task import Task, Text

MANIFEST_FIELD = "tuning"
CALIBRATION_FILE = "tuning/calibration.jsonl"
GATE_FILE = "tuning/gate.jsonl"
MOST_TEXTS = 256
MOST_GATE_TEXTS = 1000
_SHARE = 10  # where there are no training rows, one in so many held-out rows is set aside
_LEAST_TEXTS = 32
_SEED = 17
_MOST_BYTES = 64 << 20

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class _File:
    """What the manifest says of a file of texts."""

    file: str
    sha256: str
    rows: Count
    origin: str = "the bundle"


@dataclass(frozen=True)
class _Files:
    """What the manifest says of both."""

    calibration: _File
    gate: _File


@dataclass(frozen=True)
class _Line:
    """A line of the calibration texts; ``text_pair`` is the second text of a pair."""

    text: str
    text_pair: str | None = None

    @property
    def content(self) -> Text:
        """The text, or the pair."""
        return self.text if self.text_pair is None else (self.text, self.text_pair)


@dataclass(frozen=True)
class _LabelledLine(_Line):
    """A line of the held-out texts: its label, or the labels that it bears for multi label."""

    label: str | None = None
    labels: tuple[str, ...] | None = None

    def disagreement(self) -> str:
        """Says when both or none are there."""
        return "" if (self.label is None) != (self.labels is None) else "expected either label or labels"


@dataclass(frozen=True)
class CalibrationTexts:
    """Texts of the training kind, for schemes that fix the scales of activations; labels are not looked at.

    Attributes:
        texts: At most ``MOST_TEXTS`` where edgetext chose them; none where there are none to be had.
        origin: Where they come from, in words.

    Raises:
        DataError: A text is empty.
    """

    texts: tuple[Text, ...]
    origin: str

    def __post_init__(self) -> None:
        """Refuses empty texts: their activations are those of padding, and would widen or narrow every scale."""
        for number, text in enumerate(self.texts, start=1):
            if not "".join(text).strip():
                raise DataError(
                    f"calibration text {number} of {len(self.texts)} ({self.origin}) is empty: "
                    "leave it out, or give other texts with --calibration"
                )


@dataclass(frozen=True)
class Tuning:
    """What a search needs beside the fp32 graph.

    Attributes:
        calibration: Texts of the training kind; may be none.
        examples: Labelled held-out texts for the gate and for timing.
        unlabelled: Texts without labels that are neither among these nor known to have been trained on. What
            learned the answers to them must not be judged by them. The bundle does not keep them.
    """

    calibration: CalibrationTexts
    examples: tuple[Example, ...]
    unlabelled: tuple[Text, ...] = ()


def read_calibration(uri: str) -> CalibrationTexts:
    """Reads labelled rows and draws the texts to calibrate static int8 on.

    Args:
        uri: As ``DataSettings.uri``.

    Raises:
        DataError: They cannot be used.
    """
    found = load(uri)
    return CalibrationTexts(_texts(sample(found.examples, MOST_TEXTS)), f"{found.name} (--calibration)")


def find_tuning(checkpoint: Checkpoint, examples: Sequence[Example]) -> Tuning:
    """Takes calibration texts from the training rows, or else sets some held-out rows aside for it.

    Args:
        checkpoint: Its split names the training rows.
        examples: The held-out rows.

    Returns:
        The calibration texts, and the held-out rows that are left for the gate.
    """
    try:
        rows = held_out(checkpoint.split, "train") if checkpoint.split else ()
    except DataError:
        rows = ()
    if rows:
        return Tuning(CalibrationTexts(_texts(sample(rows, MOST_TEXTS)), "training rows"), tuple(examples))
    count = min(MOST_TEXTS, len(examples) // _SHARE)
    if count < _LEAST_TEXTS:
        nothing = CalibrationTexts((), "none: the training rows cannot be read, and there are few others")
        return Tuning(nothing, tuple(examples))
    aside = set(sample(range(len(examples)), count))
    taken = [example for index, example in enumerate(examples) if index in aside]
    left = tuple(example for index, example in enumerate(examples) if index not in aside)
    return Tuning(CalibrationTexts(_texts(taken), "held-out rows that the gate does not see"), left)


def check_held_out(examples: Sequence[Example], task: Task, owner: str) -> None:
    """Refuses held-out rows that the gate cannot use.

    Args:
        examples: The rows.
        task: What the model decides.
        owner: What to call the model in a message.

    Raises:
        InputError: There is no row.
        DataError: The model does not know a label.
    """
    if not examples:
        raise InputError("there are no held-out texts, and the gate needs some: give --data with labelled rows")
    check_labels(examples, task.labels, owner, one_label=task.one_label)


def write_tuning(folder: Path, tuning: Tuning, task: Task) -> dict[str, Any]:
    """Writes the texts into a bundle, at most ``MOST_GATE_TEXTS`` of the examples.

    Args:
        folder: The bundle in the making.
        tuning: The texts.
        task: What is decided; a single label is written as ``label``, several as ``labels``.

    Returns:
        What the manifest says of them: files, SHA-256, numbers of rows.
    """
    (folder / CALIBRATION_FILE).parent.mkdir()
    examples = sample(tuning.examples, MOST_GATE_TEXTS)
    _write_lines(folder / CALIBRATION_FILE, [_text_fields(text) for text in tuning.calibration.texts])
    _write_lines(folder / GATE_FILE, [{**_text_fields(row.text), **_label_fields(row, task)} for row in examples])
    entry = _entry(folder, CALIBRATION_FILE, len(tuning.calibration.texts))
    return {
        "calibration": {**entry, "origin": tuning.calibration.origin},
        "gate": _entry(folder, GATE_FILE, len(examples)),
    }


def read_tuning(bundle: Bundle) -> Tuning | None:
    """Reads the texts back; ``None`` where the bundle keeps none. Nothing in it is taken on trust.

    Raises:
        BundleError: The entry or a file is damaged, or a path leaves the folder.
        IntegrityError: A file is not the one that was exported.
        DataError: A calibration text is empty.
    """
    entries = bundle.manifest.extra.get(MANIFEST_FIELD)
    if entries is None:
        return None
    files = read_part(_Files, entries, f"{bundle.path}: bundle.json: {MANIFEST_FIELD}", error=BundleError)
    texts = _read_lines(bundle, files.calibration, _Line)
    examples = _read_lines(bundle, files.gate, _LabelledLine)
    return Tuning(
        CalibrationTexts(tuple(line.content for line in texts), files.calibration.origin),
        tuple(Example(line.content, _labels(line), row) for row, line in enumerate(examples, start=1)),
    )


def sample(items: Sequence[_Item], most: int) -> tuple[_Item, ...]:
    """Draws so many items by a fixed seed, in their order; all of them where there are no more."""
    if len(items) <= most:
        return tuple(items)
    return tuple(items[index] for index in sorted(random.Random(_SEED).sample(range(len(items)), most)))


def _texts(examples: Sequence[Example]) -> tuple[Text, ...]:
    return tuple(example.text for example in examples)


def _text_fields(text: Text) -> dict[str, str]:
    return {"text": text} if isinstance(text, str) else {"text": text[0], "text_pair": text[1]}


def _label_fields(row: Example, task: Task) -> dict[str, Any]:
    return {"label": row.labels[0]} if task.one_label else {"labels": list(row.labels)}


def _labels(line: _LabelledLine) -> tuple[str, ...]:
    return (line.labels or ()) if line.label is None else (line.label,)


def _entry(folder: Path, file: str, rows: int) -> dict[str, Any]:
    return {"file": file, "sha256": sha256(folder / file), "rows": rows}


def _write_lines(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    write_atomically(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8"))


def _read_lines(bundle: Bundle, entry: _File, kind: type[_Item]) -> list[_Item]:
    path = bundle.path / entry.file
    lines = bundle.read(entry.file, _MOST_BYTES, expected=entry.sha256).removesuffix(b"\n").split(b"\n")
    if lines == [b""]:
        lines = []
    if len(lines) != entry.rows:
        raise BundleError(f"{path} has {len(lines)} lines, and bundle.json says {entry.rows}: export again")
    places = ((f"{path}: line {number}", line) for number, line in enumerate(lines, start=1))
    return [
        read_part(kind, parse_json(line, place, error=BundleError), place, error=BundleError)
        for place, line in places
    ]
