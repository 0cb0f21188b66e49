"""The results file, ``results.json``, schema version 1: raw samples, predictions, and what they were measured on.

Measuring writes it once; every reader works from it alone. Fields of newer versions are kept as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from edgetext.bench.fields import LATER, json_object, read_part, write_part
from edgetext.errors import InputError
from edgetext.files import write_atomically
from edgetext.reading import MAX_RECORD_BYTES, read_json

SCHEMA_VERSION = 1
RESULTS_FILE = "results.json"
MEASURED, NOT_MEASURED, FAILED = "measured", "not_measured", "failed"
_NUMBERS = re.compile(r"\[\n([-+\d.,eE\s]+)\]")  # a raw line break stands outside of every string
STATUSES = (MEASURED, NOT_MEASURED, FAILED)


@dataclass(frozen=True)
class Latency:
    """Milliseconds from a text to its label, tokenization inside, one text at a time.

    Attributes:
        p50: The median of ``samples``.
        p90: Nine in ten samples are at or below it.
        p99: Ninety-nine in a hundred samples are at or below it.
        samples: One a timed text, in the order in which they were timed.
        rounds: How many of the samples are each round's; empty in a file from before rounds were kept.
        extra: Fields of newer versions.
    """

    p50: float
    p90: float
    p99: float
    samples: tuple[float, ...]
    rounds: tuple[int, ...] = field(default=(), metadata=LATER)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Throughput:
    """Texts per second in batches: the median over rounds.

    Attributes:
        value: The median of ``samples``.
        batch: Texts in a batch.
        texts: Texts in a slice of a turn; in older files, whose turns had no slices, in a turn.
        samples: Texts per second, one number a round: the median of its slices.
        slices: Texts per second, one number a slice, in the order in which they were timed; empty in older files.
        rounds: How many of the slices are each round's.
        extra: Fields of newer versions.
    """

    value: float
    batch: int
    texts: int
    samples: tuple[float, ...]
    slices: tuple[float, ...] = field(default=(), metadata=LATER)
    rounds: tuple[int, ...] = field(default=(), metadata=LATER)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """A proportion, or a difference of two, with its 95 % interval."""

    value: float
    low: float
    high: float
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Calibration:
    """What the machine gave around each of a row's turns: of the readings around a slice the slower, their median.

    Attributes:
        alone_ms: Milliseconds that a fixed piece of work took on one core, one number a round.
        together_ms: Milliseconds that it took on every used core at once (see ``measure.noise``).
        extra: Fields of newer versions.
    """

    alone_ms: tuple[float, ...]
    together_ms: tuple[float, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataInfo:
    """The held-out rows that every backend predicted.

    Attributes:
        name: What a reader calls them.
        fingerprint: SHA-256 over their texts and labels; accuracies are compared only where it is the same.
        rows: How many there are.
        labels: The label names that ``expected`` and the rows' ``predictions`` index.
        expected: The true labels, in order, as indices.
        note: Where the rows come from, and what a reader must know about them.
        extra: Fields of newer versions.
    """

    name: str
    fingerprint: str
    rows: int
    labels: tuple[str, ...] = ()
    expected: tuple[int, ...] = ()
    note: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One backend with one variant.

    Attributes:
        backend: Its name in the registry.
        variant: Precision, or name of the bundle's variant.
        device: ``cpu`` or ``cuda``.
        threads: Threads that it was given.
        status: ``measured``, ``not_measured`` (the machine lacks something) or ``failed``.
        reason: Why it was not measured, or what is missing of a row that was left unfinished, as a sentence.
        latency_ms: Batch-1 latency.
        throughput_per_s: Texts per second in batches.
        accuracy: Share of held-out rows with the right label, with Wilson's interval.
        accuracy_difference: Accuracy minus that of the baseline, on the same rows, with its paired interval.
        model_bytes: ONNX: size of the file. torch: size of the weights in this precision.
        peak_memory_mb: Peak resident memory of the process in 10^6 bytes; a GPU's memory is not in it.
        first_prediction_ms: From the start of the process to its first label, files in the disk's cache.
        predictions: The labels given, as indices into the data's ``labels``; -1 for one that is not among them.
        about: What the backend says of itself: scheme, device name, how it forms batches, load time.
        environment: The machine, in a file merged from several; ``None`` for that of the file.
        agreement: Share of held-out rows with the same label as the baseline's, with Wilson's interval.
        mcnemar_p: The p-value of McNemar's exact test against the baseline.
        per_label: ``rows``, ``recall`` and ``precision`` of each label; ``None`` where none is there to count.
        calibration: What the machine gave around each turn.
        warm_up: How the warm-up was found: ``texts`` before each turn, ``passes_ms`` over the same few texts.
        tokenization_ms: ``p50`` and ``samples`` of tokenizing a text by itself; empty where that cannot be told.
        scenarios: What other ways of asking showed, by name.
        extra: Fields of newer versions.
    """

    backend: str
    variant: str
    device: str
    threads: int
    status: str
    reason: str | None = None
    latency_ms: Latency | None = None
    throughput_per_s: Throughput | None = None
    accuracy: Estimate | None = None
    accuracy_difference: Estimate | None = None
    model_bytes: int | None = None
    peak_memory_mb: float | None = None
    first_prediction_ms: float | None = None
    predictions: tuple[int, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] | None = None
    agreement: Estimate | None = field(default=None, metadata=LATER)
    mcnemar_p: float | None = field(default=None, metadata=LATER)
    per_label: Mapping[str, Any] = field(default_factory=dict, metadata=LATER)
    calibration: Calibration | None = field(default=None, metadata=LATER)
    warm_up: Mapping[str, Any] = field(default_factory=dict, metadata=LATER)
    tokenization_ms: Mapping[str, Any] = field(default_factory=dict, metadata=LATER)
    scenarios: Mapping[str, Any] = field(default_factory=dict, metadata=LATER)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Results:
    """One results file.

    Attributes:
        environment: The machine (see ``measure.environment``).
        data: The held-out rows.
        settings: How much was measured (see ``bench.settings``).
        rows: One a backend and variant.
        run: Which run it was: files with the same name here were measured in the same rounds. Empty where unknown.
        extra: Fields of newer versions.
    """

    environment: Mapping[str, Any]
    data: DataInfo
    settings: Mapping[str, Any]
    rows: tuple[Row, ...]
    run: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def row(self, backend: str, variant: str) -> Row | None:
        """Gives the first measured row of that name, if there is one."""
        wanted = (backend, variant, MEASURED)
        return next((row for row in self.rows if (row.backend, row.variant, row.status) == wanted), None)

    def to_json(self) -> dict[str, Any]:
        """Gives the results as plain JSON values, unknown fields included."""
        return {
            "schema_version": SCHEMA_VERSION,
            **({"run": self.run} if self.run else {}),
            "environment": dict(self.environment),
            "data": write_part(self.data),
            "settings": dict(self.settings),
            "rows": [write_part(row) for row in self.rows],
            **self.extra,
        }

    @classmethod
    def from_json(cls, value: object, where: str = RESULTS_FILE) -> Results:
        """Checks and reads results.

        Args:
            value: What the file holds.
            where: What to call the file in an error.

        Raises:
            InputError: It is no results file, or of a schema newer than this program.
        """
        document = json_object(value, where)
        _check_version(document, where)
        known = {item.name for item in fields(cls)} | {"schema_version"}
        rows = document.get("rows")
        if not isinstance(rows, list):
            raise InputError(f"{where}: rows must be a list")
        run = document.get("run", "")
        if not isinstance(run, str):
            raise InputError(f"{where}: run must be a text, found {run!r:.60}")
        return cls(
            environment=json_object(document.get("environment"), f"{where}: environment"),
            data=read_part(DataInfo, document.get("data"), f"{where}: data"),
            settings=json_object(document.get("settings", {}), f"{where}: settings"),
            rows=tuple(_row(entry, f"{where}: row {number}") for number, entry in enumerate(rows, start=1)),
            run=run,
            extra={name: entry for name, entry in document.items() if name not in known},
        )


def read_results(path: Path) -> Results:
    """Reads a results file, or the one in a folder.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    if not file.exists():
        raise InputError(f"{file} is not there: give a {RESULTS_FILE} that 'edgetext bench' wrote")
    return Results.from_json(read_json(file, limit=MAX_RECORD_BYTES), str(file))


def write_results(path: Path, results: Results) -> None:
    """Writes a results file whole or not at all; a list of numbers takes one line."""
    text = json.dumps(results.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    text = _NUMBERS.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text)
    write_atomically(path, (text + "\n").encode("utf-8"))


def _check_version(document: Mapping[str, Any], where: str) -> None:
    version = document.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"{where} is no results file: schema_version is {version!r}, expected a whole number")
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{where} has schema version {version} and this edgetext reads up to {SCHEMA_VERSION}: update edgetext"
        )


def _row(value: object, where: str) -> Row:
    row = read_part(Row, value, where, _NESTED)
    if row.status not in STATUSES:
        raise InputError(f"{where}: status is {row.status!r}, expected one of {', '.join(STATUSES)}")
    return row


_NESTED: dict[str, type[Any]] = {
    "latency_ms": Latency,
    "throughput_per_s": Throughput,
    "accuracy": Estimate,
    "accuracy_difference": Estimate,
    "agreement": Estimate,
    "calibration": Calibration,
}
