"""The results file, ``results.json``, schema version 1: raw samples, predictions, and what they were measured on.

Measuring writes it once; every reader works from it alone. Fields of newer versions are kept as they are, in
``extra``. The annotations here are the schema (see ``edgetext.fields``): what is read fits them, so that no reader
looks again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, TypeAlias, TypedDict

from edgetext.bench.settings import BenchSettings
from edgetext.errors import DataError, InputError
from edgetext.fields import (
    LATER,
    NOT_EMPTY,
    Amount,
    Count,
    Positive,
    Rule,
    Share,
    between,
    read_part,
    write_part,
)
from edgetext.files import write_atomically
from edgetext.reading import MAX_RECORD_BYTES, read_object
from edgetext.task import TASKS, SingleLabel, Task

SCHEMA_VERSION = 1
RESULTS_FILE = "results.json"
MEASURED, NOT_MEASURED, FAILED = "measured", "not_measured", "failed"
_NUMBERS = re.compile(r"\[\n[-+\d.,eE\s\[\]]+\]")  # a raw line break stands outside of every string
STATUSES = (MEASURED, NOT_MEASURED, FAILED)
MOST_ROWS = 200
"""Each is compared with each: a thousand would keep a reader busy for a minute."""

_FEW = Rule(f"be at most {MOST_ROWS}", lambda rows: len(rows) <= MOST_ROWS)
_TASK = Rule(f"be one of {', '.join(TASKS)}", lambda name: not name or name in TASKS)
_STATUS = Rule(f"be one of {', '.join(STATUSES)}", STATUSES.__contains__)

_Index = Annotated[int, between(-1, 1e9)]
Answer: TypeAlias = _Index | tuple[_Index, ...]
"""A text's label as an index into the data's, or the sorted indices of all that it bears where it may bear several.

-1 is a label that is not among them: a model's own.
"""

Samples = Annotated[tuple[Positive, ...], NOT_EMPTY]
Rounds = tuple[Annotated[int, between(1, 1e9)], ...]


class Environment(TypedDict, total=False):
    """What readers print of a machine, in that order; see ``measure.environment``."""

    host: str
    cpu: str | None
    isa: tuple[str, ...]
    cores: Count | None
    usable_cores: Count | None
    threads: Count | None
    memory_gb: Amount | None
    gpu: Mapping[str, str] | None
    other_load_cores: Amount | None
    os: str | None
    python: str | None
    libraries: Mapping[str, str]
    date: str | None
    git_revision: str | None


class _OlderSettings(TypedDict, total=False):
    """Those that were once among ``BenchSettings``."""

    starts: Count


class About(TypedDict, total=False):
    """What readers take from a row's ``about``."""

    installed_bytes: Mapping[str, Count] | None
    joules_per_text: Mapping[str, Amount]
    starts_ms: tuple[Positive, ...]


class LabelFigures(TypedDict, total=False):
    """How well a label was found."""

    rows: Count
    recall: Share | None
    precision: Share | None


class WarmUp(TypedDict, total=False):
    """How the warm-up was found."""

    texts: Count
    passes_ms: tuple[Amount, ...]


class Tokenization(TypedDict, total=False):
    """Milliseconds of tokenizing a text by itself."""

    p50: Amount
    samples: tuple[Amount, ...]


class SingleStream(TypedDict, total=False):
    """Of LoadGen's scenario; milliseconds, by percentile."""

    mean_ms: Positive
    percentiles_ms: Mapping[str, Amount]
    early_stopping_ms: Mapping[str, Amount]


class Offline(TypedDict, total=False):
    """Of LoadGen's scenario."""

    per_s: Amount


class ServerScenario(TypedDict, total=False):
    """Of LoadGen's scenario; no rate where none that was tried kept the bound."""

    rate_per_s: Positive | None
    p99_bound_ms: Amount


class Scenarios(TypedDict, total=False):
    """What other ways of asking showed; see ``bench.scenarios``."""

    seconds: Amount
    note: str
    single_stream: SingleStream
    offline: Offline
    server: ServerScenario


@dataclass(frozen=True)
class Latency:
    """Milliseconds from a text to its label, tokenization inside, one text at a time.

    Attributes:
        p50: The median of ``samples``.
        p90: Nine in ten samples are at or below it.
        p99: Ninety-nine in a hundred samples are at or below it.
        samples: One a timed text, in the order in which they were timed.
        rounds: How many of the samples are each round's; empty in a file from before rounds were kept.
        mean: The mean of ``samples``; ``None`` in a file from before it was told, whose samples tell it.
        first: For each sample, 1 where a first stage answered the text and 0 where the model did; empty where there
            is no first stage.
    """

    p50: Positive
    p90: Positive
    p99: Positive
    samples: Samples
    rounds: Rounds = field(default=(), metadata=LATER)
    mean: Positive | None = field(default=None, metadata=LATER)
    first: tuple[Annotated[int, between(0, 1)], ...] = field(default=(), metadata=LATER)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mean_ms(self) -> float:
        """The mean, of older files too."""
        return fmean(self.samples) if self.mean is None else self.mean

    def by_stage(self, first: int) -> list[float]:
        """Lists the samples that the first stage answered, for 1, or those that the model did, for 0."""
        return [took for took, stage in zip(self.samples, self.first, strict=False) if stage == first]

    def disagreement(self) -> str:
        """Says where the rounds, or the stages, are not those of the samples."""
        if len(self.first) not in (0, len(self.samples)):
            return f"it tells the stage of {len(self.first)} samples of {len(self.samples)}"
        return _uncut(self.rounds, self.samples, "samples")


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
    """

    value: Positive
    batch: Count
    texts: Count
    samples: Samples
    slices: tuple[Positive, ...] = field(default=(), metadata=LATER)
    rounds: Rounds = field(default=(), metadata=LATER)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def disagreement(self) -> str:
        """Says where the rounds are not those of the slices."""
        return _uncut(self.rounds, self.slices, "slices")


_FromMinusOne = Annotated[float, between(-1, 1)]


@dataclass(frozen=True)
class Proportion:
    """A proportion, or a difference of two, with its 95 % interval."""

    value: _FromMinusOne
    low: _FromMinusOne
    high: _FromMinusOne
    extra: Mapping[str, Any] = field(default_factory=dict)

    def disagreement(self) -> str:
        """Says where the value lies outside of its interval."""
        inside = self.low <= self.value <= self.high
        return "" if inside else f"{self.value:g} is not within [{self.low:g}, {self.high:g}]"


_ShareOf = Annotated[Proportion, Rule("be from 0 to 1", lambda found: found.low >= 0)]


@dataclass(frozen=True)
class DataInfo:
    """The held-out rows that every backend predicted.

    Attributes:
        name: What a reader calls them.
        fingerprint: SHA-256 over their texts and labels; accuracies are compared only where it is the same.
        rows: How many there are.
        labels: The label names that ``expected`` and the rows' ``predictions`` index.
        expected: What is right, in order.
        note: Where the rows come from, and what a reader must know about them.
        task: What is decided about a text, by its name; empty in older files, which know one label a text.
    """

    name: str
    fingerprint: str
    rows: Count
    labels: tuple[str, ...] = ()
    expected: tuple[Count | tuple[Count, ...], ...] = ()
    note: str = ""
    task: Annotated[str, _TASK] = field(default="", metadata=LATER)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def decides(self) -> Task:
        """The task, with its labels."""
        return TASKS[self.task or SingleLabel.name](self.labels)

    def answers(self, texts: Iterable[Sequence[str]]) -> tuple[Answer, ...]:
        """Finds the indices of the labels of each text."""
        index, one_label = self.decides.index, self.decides.one_label
        found = (sorted(index.get(label, -1) for label in labels) for labels in texts)
        return tuple(each[0] if one_label else tuple(each) for each in found)

    def disagreement(self) -> str:
        """Says where the true labels are not those of the rows."""
        if self.expected and len(self.expected) != self.rows:
            return f"{len(self.expected)} expected labels for {self.rows} rows"
        if self.expected and not any(map(each, self.expected)):
            return "no row bears any label"
        return self.misfit(self.expected, "it expects")

    def misfit(self, answers: Sequence[Answer], verb: str) -> str:
        """Says which answer is not one that the task gives, or is of no label; nothing where all are."""
        labels, one_label = len(self.labels), self.decides.one_label
        wrong = next((answer for answer in answers if isinstance(answer, int) != one_label), None)
        if wrong is not None:
            return f"{verb} {wrong!r:.60} where {'a label' if one_label else 'a list of labels'} belongs"
        largest = max((index for answer in answers for index in each(answer)), default=-1)
        return "" if largest < labels else f"{verb} label {largest} of {labels}, counted from 0"


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
        accuracy: Share of held-out rows with the right label, or with all of the right ones and no other, with
            Wilson's interval.
        accuracy_difference: Accuracy minus that of the baseline, on the same rows, with its paired interval; where
            a text may bear several labels ``None``.
        model_bytes: ONNX: size of the file. torch: size of the weights in this precision.
        peak_memory_mb: Peak resident memory of the process in 10^6 bytes; a GPU's memory is not in it.
        first_prediction_ms: From the start of the process to its first label, files in the disk's cache.
        predictions: The labels given.
        about: What the backend says of itself: scheme, device name, how it forms batches, load time.
        environment: The machine, in a file merged from several; ``None`` for that of the file.
        agreement: Share of held-out rows with the same labels as the baseline's, with Wilson's interval.
        mcnemar_p: The p-value of McNemar's exact test against the baseline.
        per_label: ``rows``, ``recall`` and ``precision`` of each label; ``None`` where none is there to count.
        warm_up: How the warm-up was found: ``texts`` before each turn, ``passes_ms`` over the same few texts.
        tokenization_ms: ``p50`` and ``samples`` of tokenizing a text by itself; empty where that cannot be told.
        scenarios: What other ways of asking showed, by name.
        macro_f1: The mean F1 over the labels that a held-out row bears, with its bootstrap interval.
        micro_f1: F1 over all labels together, likewise; ``None`` where a text bears one label, since it is the
            accuracy then.
        micro_f1_difference: Micro F1 minus that of the baseline, on the same rows, with its paired interval.
        model: What tells its bundle or checkpoint from the others of the run; empty where there are none.
    """

    backend: str
    variant: str
    device: str
    threads: Count
    status: Annotated[str, _STATUS]
    reason: str | None = None
    latency_ms: Latency | None = None
    throughput_per_s: Throughput | None = None
    accuracy: _ShareOf | None = None
    accuracy_difference: Proportion | None = None
    model_bytes: Count | None = None
    peak_memory_mb: Amount | None = None
    first_prediction_ms: Amount | None = None
    predictions: tuple[Answer, ...] = ()
    about: Annotated[Mapping[str, Any], About] = field(default_factory=dict)
    environment: Annotated[Mapping[str, Any], Environment] | None = None
    agreement: _ShareOf | None = field(default=None, metadata=LATER)
    mcnemar_p: Share | None = field(default=None, metadata=LATER)
    per_label: Mapping[str, LabelFigures] = field(default_factory=dict, metadata=LATER)
    warm_up: Annotated[Mapping[str, Any], WarmUp] = field(default_factory=dict, metadata=LATER)
    tokenization_ms: Annotated[Mapping[str, Any], Tokenization] = field(default_factory=dict, metadata=LATER)
    scenarios: Annotated[Mapping[str, Any], Scenarios] = field(default_factory=dict, metadata=LATER)
    macro_f1: _ShareOf | None = field(default=None, metadata=LATER)
    micro_f1: _ShareOf | None = field(default=None, metadata=LATER)
    micro_f1_difference: Proportion | None = field(default=None, metadata=LATER)
    model: str = field(default="", metadata=LATER)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def score(self) -> Proportion | None:
        """The task's own metric: the micro F1 where a text may bear several labels, else the accuracy."""
        return self.micro_f1 or self.accuracy

    @property
    def score_difference(self) -> Proportion | None:
        """The difference from the baseline in the task's own metric."""
        return self.micro_f1_difference or self.accuracy_difference

    @property
    def name(self) -> str:
        """What readers call it: backend and variant, and the model where a run has several."""
        return f"{self.backend} {self.variant}{self.model and f' ({self.model})'}"

    @property
    def coverage(self) -> float | None:
        """The share of the timed texts that a first stage answered; ``None`` where there is no first stage."""
        stages = self.latency_ms.first if self.latency_ms else ()
        return fmean(stages) if stages else None

    def disagreement(self) -> str:
        """Says what a row that was measured lacks."""
        whole = self.latency_ms is not None and self.throughput_per_s is not None
        return "" if whole or self.status != MEASURED else "it is measured and has no figures"


@dataclass(frozen=True)
class Results:
    """One results file.

    Attributes:
        environment: The machine (see ``measure.environment``).
        data: The held-out rows.
        settings: How much was measured (see ``bench.settings``).
        rows: One a backend and variant.
        run: Which run it was: files with the same name here were measured in the same rounds. Empty where unknown.
    """

    environment: Annotated[Mapping[str, Any], Environment]
    data: DataInfo
    settings: Annotated[Mapping[str, Any], BenchSettings, _OlderSettings]
    rows: Annotated[tuple[Row, ...], _FEW]
    run: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def disagreement(self) -> str:
        """Says which row did not answer the texts of the data."""
        for number, row in enumerate(self.rows, start=1):
            if len(row.predictions) != len(self.data.expected) and (row.predictions or row.status == MEASURED):
                return f"row {number} has {len(row.predictions)} predictions for {len(self.data.expected)} texts"
            if misfit := self.data.misfit(row.predictions, "predicts"):
                return f"row {number} {misfit}"
        return ""

    def row(self, backend: str, variant: str) -> Row | None:
        """Finds the first measured row of that name, if there is one."""
        wanted = (backend, variant, MEASURED)
        return next((row for row in self.rows if (row.backend, row.variant, row.status) == wanted), None)

    def environment_of(self, row: Row) -> Mapping[str, Any]:
        """Finds the machine that a row was measured on."""
        return self.environment if row.environment is None else row.environment

    def to_json(self) -> dict[str, Any]:
        """Turns the results into plain JSON values, unknown fields included."""
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
        document = dict(value) if isinstance(value, dict) else {}
        _check_version(document.pop("schema_version", None), where)
        return read_part(cls, {"settings": {}, **document}, where)


def read_results(path: Path) -> Results:
    """Reads a results file, or the one in a folder.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    if not file.exists():
        raise InputError(f"{file} is not there: give a {RESULTS_FILE} that 'edgetext bench' wrote")
    return Results.from_json(read_object(file, limit=MAX_RECORD_BYTES), str(file))


def each(answer: Answer) -> tuple[int, ...]:
    """Lists the indices of an answer."""
    return (answer,) if isinstance(answer, int) else answer


def check_same_rows(one: tuple[str, Results], other: tuple[str, Results], to: str) -> None:
    """Refuses two results whose answers cannot be compared, since their rows or labels are not the same.

    Args:
        one: What to call it in the error, and the results.
        other: The same of the other one.
        to: What was to be done with them.

    Raises:
        DataError: They did not predict the same rows.
    """
    (name, mine), (other_name, others) = ((name, results.data) for name, results in (one, other))
    if any(
        getattr(mine, name) != getattr(others, name) for name in ("fingerprint", "labels", "expected", "decides")
    ):
        raise DataError(
            f"{other_name} and {name} were measured on different rows ({others.rows} of {others.name}, "
            f"{mine.rows} of {mine.name}): {to} results of the same data and labels"
        )


def write_results(path: Path, results: Results) -> None:
    """Writes a results file whole or not at all; a list of numbers, or of lists of them, takes one line."""
    text = json.dumps(results.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    text = _NUMBERS.sub(lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text)
    write_atomically(path, (text + "\n").encode("utf-8"))


def _check_version(version: object, where: str) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"{where} is no results file: schema_version is {version!r:.60}, expected a whole number")
    if version > SCHEMA_VERSION:
        raise InputError(
            f"{where} has schema version {version:.6g} and this edgetext reads up to {SCHEMA_VERSION}: "
            "update edgetext"
        )


def _uncut(rounds: Rounds, pieces: tuple[float, ...], name: str) -> str:
    """Says how many pieces the rounds leave or lack; older files have no rounds."""
    fits = not rounds or sum(rounds) == len(pieces)
    return "" if fits else f"its rounds add up to {sum(rounds)}, and there are {len(pieces)} {name}"
