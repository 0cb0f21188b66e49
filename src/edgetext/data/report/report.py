"""``make_report``: all that is to be known of labelled text before it is trained on, without training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from edgetext.checkpoint import SPLIT_PARTS, SplitRecord
from edgetext.data.clean import Cleaned
from edgetext.data.example import Example, LabelledData
from edgetext.data.labels import ordered
from edgetext.data.load import Opened, open_labelled
from edgetext.data.report.findings import SEVERITIES, Finding, Item, counted
from edgetext.data.report.label_checks import check_labels
from edgetext.data.report.lengths import WORDS, Lengths, Ruler, measure
from edgetext.data.report.part_checks import check_near, check_parts, check_same
from edgetext.data.report.row_checks import check_broken, check_rows
from edgetext.data.report.text_checks import check_texts, check_together
from edgetext.data.settings import DataSettings
from edgetext.data.split import resolve_split
from edgetext.errors import DataError, MissingExtraError
from edgetext.progress import Progress, Silent

_GATE_ROWS = 1000  # held-out rows by which export's gate can decide at one point


@dataclass(frozen=True)
class DataReport:
    """What is in labelled text.

    Attributes:
        name: A short name of the data.
        uri: Where it is.
        one_label: Whether each row bears exactly one label.
        columns: The columns that are read, by what they are for.
        notes: How the files were read, a sentence each.
        rows: How many rows there are, unusable ones included.
        parts: How many usable rows each part has, as training would split them.
        labels: How many rows bear each label, by part.
        unlabelled: How many usable rows bear no label.
        lengths: How long the texts are.
        findings: What is wrong, the worst first.
        advice: What to do next, a sentence each.
    """

    name: str
    uri: str
    one_label: bool
    columns: Mapping[str, str]
    notes: tuple[str, ...]
    rows: int
    parts: Mapping[str, int]
    labels: Mapping[str, Mapping[str, int]]
    unlabelled: int
    lengths: Lengths
    findings: tuple[Finding, ...]
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Turns the report into plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Checked:
    """One of the files, its checked rows, and what they serve where the file says nothing."""

    opened: Opened
    cleaned: Cleaned
    part: str

    @cached_property
    def data(self) -> LabelledData:
        return self.opened.labelled(self.cleaned)

    def place(self, row: int) -> str:
        place = self.opened.table.records[row - 1].place()  # rows are numbered from 1, without a gap
        return place if self.part == "train" else f"{self.opened.uri}: {place}"

    def items(self, part_of: Mapping[int, str]) -> Iterator[Item]:
        given = self.cleaned.parts or [self.part] * len(self.cleaned.examples)
        for example, part in zip(self.cleaned.examples, given, strict=True):
            if self.part in ("train", part):  # a file for one part may hold others too
                yield _item(example, part_of.get(example.row, part), self.place(example.row))


def make_report(
    settings: DataSettings, *, ruler: Ruler = WORDS, seed: int = 42, progress: Progress | None = None
) -> DataReport:
    """Reads labelled text as training would, and looks for everything that is wrong with it.

    Args:
        settings: Where it is and how it is read; rows that cannot be used are findings, never refused.
        ruler: What measures the texts.
        seed: Of the parts that training would cut off.
        progress: Told of what takes long.

    Raises:
        DataError: A file cannot be read at all, a column is not found, or no row can be used.
        MissingExtraError: A file needs an extra that is not installed.
    """
    told = progress or Silent()
    files = list(_open(settings, told))
    main = files[0]
    record, refusal = _try_split(files, seed, told)
    items = [*main.items(_held_out(record)), *(item for file in files[1:] for item in file.items({}))]
    lengths, long = measure(items, ruler, told)
    told.step("checks", 0, 1)
    given = bool(main.cleaned.parts) or len(files) > 1
    texts = (main.opened.columns.text, *filter(None, [main.opened.columns.pair]))
    findings = [
        *check_broken([(file.place(row.record.row), row) for file in files for row in file.cleaned.broken]),
        *refusal,
        *check_rows(items, texts),
        *check_labels(main.opened, items),
        *check_same(items),
        *check_texts(items),
        *check_together(items),
        *long,
        *(check_parts(items) if given else ()),
        *check_near(items, told),
    ]
    told.step("checks", 1, 1)
    return _report(files, items, lengths, findings)


def certain_findings(*files: LabelledData | None) -> tuple[Finding, ...]:
    """Finds what nobody can argue with, for whoever trains without having asked for a report.

    Args:
        files: The rows to train on, and those of the parts that have files of their own.
    """
    data = [file for file in files if file is not None]
    items = [
        _item(
            example, "train", f"row {example.row}" if file is data[0] else f"{file.source.uri}: row {example.row}"
        )
        for file in data
        for example in file.examples
    ]
    source = data[0].source
    texts = (source.text_column, *filter(None, [source.text_pair_column]))
    found = (*check_rows(items, texts), *check_same(items), *check_texts(items, certain=True))
    return tuple(finding for finding in found if finding.certain)


def _open(settings: DataSettings, told: Progress) -> Iterator[_Checked]:
    uris = {"train": settings.uri, "validation": settings.validation, "test": settings.test}
    given = {part: uri for part, uri in uris.items() if uri}
    like = None
    for number, (part, uri) in enumerate(given.items()):
        told.step("reading", number, len(given))
        chosen = settings.columns
        if like:
            chosen["split_column"] = None
        opened = open_labelled(uri, chosen, like)
        cleaned = opened.cleaned(drop_invalid=True)
        file = _Checked(opened, cleaned, part)
        like = like or file.data.source
        yield file
    told.step("reading", len(given), len(given))


def _try_split(files: Sequence[_Checked], seed: int, told: Progress) -> tuple[SplitRecord | None, list[Finding]]:
    """Splits as training would; what training would refuse is a finding."""
    data = {file.part: file.data for file in files}
    try:
        return resolve_split(data["train"], data.get("validation"), data.get("test"), seed=seed).record, []
    except DataError as error:
        says = f"Training would refuse this: {error}"
        return None, [Finding("no-training", "error", says, "mend that first", 1)]
    except MissingExtraError as error:
        told.note(f"no parts are cut, as training would: {error}")
        return None, []


def _held_out(record: SplitRecord | None) -> dict[int, str]:
    """Says which rows of the first file are held out; all others train, those that training leaves out as well."""
    parts = record.parts if record else {}
    return {row: name for name, part in parts.items() if part.source == 0 for row in part.rows}


def _item(example: Example, part: str, place: str) -> Item:
    texts = (example.text,) if isinstance(example.text, str) else example.text
    return Item(texts, example.labels, part, place)


def _report(
    files: Sequence[_Checked], items: Sequence[Item], lengths: Lengths, findings: Iterable[Finding]
) -> DataReport:
    opened = files[0].opened
    parts = Counter(item.part for item in items)
    by_label: dict[str, Counter[str]] = {}
    for item in items:
        for label in item.labels:
            by_label.setdefault(label, Counter())[item.part] += 1
    columns = opened.columns
    named = {"text": columns.text, "text pair": columns.pair, "label": columns.label, "split": columns.split}
    ranked = sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))
    return DataReport(
        name=opened.name,
        uri=opened.uri,
        one_label=opened.form.one_label,
        columns={use: name for use, name in named.items() if name is not None},
        notes=tuple(note for file in files for note in file.opened.notes),
        rows=sum(len(file.opened.table.records) for file in files),
        parts={part: parts[part] for part in SPLIT_PARTS if part in parts},
        labels={label: dict(by_label[label]) for label in ordered(by_label)},
        unlabelled=sum(not item.labels for item in items),
        lengths=lengths,
        findings=tuple(ranked),
        advice=tuple(_advice(parts, ranked)),
    )


def _advice(parts: Mapping[str, int], findings: Sequence[Finding]) -> Iterator[str]:
    kinds = Counter(finding.severity for finding in findings)
    if kinds["error"]:
        yield f"Mend {counted(kinds['error'], 'fault')} before you train; each says how."
    if kinds["warning"]:
        yield f"Look at {counted(kinds['warning'], 'warning')}: figures and answers suffer from what they name."
    rows = parts.get("validation", 0)
    if 0 < rows < _GATE_ROWS:
        yield (
            f"{counted(rows, 'row')} validate: export's gate can decide at one point of accuracy with about "
            f"{_GATE_ROWS:,}; with fewer it may say undecided."
        )
