"""Classifies a file of rows into a file of predictions: whole or not at all, and able to go on after a stop.

Rows are taken in chunks whose limits depend on the input alone, and each chunk is classified and noted by itself.
A run that was stopped and went on therefore makes the same batches, and so the same file to the byte, as one that
was not: the scores of an int8 model depend a little on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetext.bulk.journal import BEGIN_AGAIN, Journal, Note, bundle_identity, input_identity, refuse_other_job
from edgetext.bulk.parquet import OpenedAgain, write_parquet
from edgetext.bulk.records import Broken, OpenRows, Record, TextColumns
from edgetext.bulk.rows import TextRow, classify_rows
from edgetext.bulk.write import Added, csv_line, csv_row, json_row, json_text, numbered_row, refuse_taken
from edgetext.errors import InputError, OutputExistsError
from edgetext.runtime.prediction import Prediction
from edgetext.runtime.predictor import Predictor
from edgetext.trouble import tell_failed_writes

CHUNK_ROWS = 4096
CHUNK_CHARACTERS = 8 << 20

NEEDS = "the output takes the size of the input and some 30 bytes a row, Parquet and JSON Lines a few times that"

Report = Callable[[int, float, int], None]


@dataclass(frozen=True)
class FileJob:
    """What to do.

    Attributes:
        output: A ``.csv``, ``.jsonl`` or ``.parquet`` file.
        input: The file of rows; ``None`` where the rows come from elsewhere, and nobody can go on later.
        rejects: Where broken rows go, as JSON Lines; without it the first one stops the run.
        text_column: The column of the input that holds the text; that of the training rows if not given.
        text_pair_column: The column with the second texts of pairs, likewise.
        top_k: How many scores to keep; all if not given.
        resume: Whether to go on from what an earlier run left.
        overwrite: Whether to begin again although an earlier run left something.
        spreadsheet: Whether cells of CSV that a spreadsheet would run as formulas are defused.
    """

    output: Path
    input: Path | None = None
    rejects: Path | None = None
    text_column: str | None = None
    text_pair_column: str | None = None
    top_k: int | None = None
    resume: bool = False
    overwrite: bool = False
    spreadsheet: bool = False

    @property
    def kind(self) -> str:
        """The suffix of the output."""
        return self.output.suffix.lower()


@dataclass(frozen=True)
class Outcome:
    """What was done: rows in the output and rows set aside, those of earlier runs included."""

    rows: int
    rejected: int


def is_placing(output: Path) -> bool:
    """Says whether an earlier run was stopped while it renamed its finished files."""
    note = Journal(output, None).note()
    return note is not None and note.placing


def rows_kept(output: Path) -> int:
    """Says how many rows of the input an interrupted run has dealt with for good."""
    note = Journal(output, None).note()
    return note.read if note else 0


def predict_rows(classify: Predictor, source: OpenRows, job: FileJob, report: Report) -> Outcome:
    """Classifies open rows into a file.

    Args:
        classify: The predictor.
        source: The rows: those of ``job.input``, or of elsewhere where that is ``None``.
        job: What to do.
        report: Called with the rows done, how much of the input is read, and its size (see ``OpenRows``).

    Raises:
        InputError: The input cannot be used, a row is broken, or an earlier run was about something else.
        OutputExistsError: An earlier run left something, and neither ``resume`` nor ``overwrite`` is set.
    """
    refuse_taken(source.columns or (), Added.by(classify).names(job.kind))
    journal = Journal(job.output, job.rejects)
    try:
        note = _start(journal, job, _identity(classify, job))
        if not note.placing:
            _work(_Run(classify, source, job, journal, note, report), keep=job.input is not None)
        with tell_failed_writes(job.output, NEEDS):
            journal.place(note)
    finally:
        journal.close()
    return Outcome(note.read - note.rejected, note.rejected)


def _work(work: _Run, *, keep: bool) -> None:
    """Runs it, and removes what it left if it fails with nothing that a later run could go on from."""
    try:
        with tell_failed_writes(work.journal.output, NEEDS):
            work.run()
    except BaseException as error:
        read = rows_kept(work.journal.output) if keep else 0  # the note: what it says is on the disk
        if not read:
            work.journal.discard()
        elif isinstance(error, InputError):
            error.add_note(f"{read:,} rows are done and kept: --resume goes on from there")
        raise


class _Run:
    """One run, from where its note says."""

    def __init__(
        self, classify: Predictor, source: OpenRows, job: FileJob, journal: Journal, note: Note, report: Report
    ) -> None:
        self._classify = classify
        self._source = source
        self._job = job
        self.journal = journal
        self.note = note
        self._report = report
        self._added = Added.by(classify)

    def run(self) -> None:
        """Does what is left, and makes the finished file."""
        if self.note.columns is None and self._source.columns is not None:
            self._write_header(self._source.columns)
        self._skip()
        before = float(self._source.position())
        for taken, chunk in self._chunks():
            after = float(self._source.position())
            self._classify_chunk(chunk, before, after)
            before = after
            self.note.read += taken
            self.journal.commit(self.note)
        self._finish()

    def _skip(self) -> None:
        for _ in range(self.note.read):
            if next(self._source.records, None) is None:
                raise InputError(
                    f"{self._source.name} has fewer rows than an earlier run has read: has it changed?"
                )

    def _write_header(self, columns: Sequence[str]) -> None:
        if self._job.kind == ".csv":
            self.note.columns = tuple(columns)
            header = [*columns, *self._added.names(self._job.kind)]
            self.journal.write("output", csv_line(header, spreadsheet=self._job.spreadsheet))

    def _chunks(self) -> Iterator[tuple[int, list[TextRow]]]:
        """Yields how many records were taken, and the good rows among them."""
        taken, characters, chunk = 0, 0, list[TextRow]()
        for record in self._source.records:
            taken += 1
            characters += _characters(record)
            row = self._checked(record)
            if row is not None:
                chunk.append(row)
            if taken >= CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
                yield taken, chunk
                taken, characters, chunk = 0, 0, []
        if taken:
            yield taken, chunk

    def _checked(self, record: Record) -> TextRow | None:
        """Returns a row that can be written; sets it aside, or stops the run, if it is broken."""
        if isinstance(record, TextRow):
            refuse_taken(record.columns, self._added.names(self._job.kind))
            record = self._fitting(record)
        if isinstance(record, TextRow):
            return record
        if self._job.rejects is None:
            hint = "; --rejects sets such rows aside" if self._job.input else ""
            raise InputError(record.sentence(self._source.name) + hint)
        self.journal.write("rejects", record.json_line())
        self.note.rejected += 1
        return None

    def _fitting(self, row: TextRow) -> Record:
        """Refuses a row whose columns the header of CSV lacks; the first row of JSON Lines makes the header."""
        if self._job.kind != ".csv":
            return row
        if self.note.columns is None:
            self._write_header(list(row.columns))
        known = self.note.columns or ()
        more = next((name for name in row.columns if name not in known), None)
        if more is None:
            return row
        reason = f"the first row has no column {more!r}, and CSV has the same columns in every row"
        return Broken(row.number, reason, json_text(row.columns))

    def _classify_chunk(self, chunk: list[TextRow], before: float, after: float) -> None:
        begun = self.note.read - self.note.rejected
        for done, (row, prediction) in enumerate(classify_rows(self._classify, chunk, self._job.top_k), 1):
            self.journal.write("output", self._line(row, prediction))
            self._report(begun + done, before + (after - before) * done / len(chunk), self._source.size)

    def _line(self, row: TextRow, prediction: Prediction) -> str:
        if self._job.kind == ".csv":
            cells = self._added.cells(prediction)
            return csv_row(row, self.note.columns or (), cells, spreadsheet=self._job.spreadsheet)
        values = self._added.values(prediction)
        return json_row(row, values) if self._job.kind == ".jsonl" else numbered_row(row, values)

    def _finish(self) -> None:
        if self._job.input is None:
            return
        if input_identity(self._job.input) != self.note.job["input"]:
            raise InputError(f"{self._job.input} has changed since the run began: {BEGIN_AGAIN}")
        if self._job.kind == ".parquet":
            columns = text_columns(self._classify, self._job.text_column, self._job.text_pair_column)
            write_parquet(OpenedAgain(self._job.input, columns, self.journal.side), self.journal.whole, self._added)


def text_columns(classify: Predictor, given: str | None = None, given_pair: str | None = None) -> TextColumns:
    """Tells which columns hold the texts: those that were named, or those of the bundle's training."""
    manifest = classify.manifest
    return TextColumns(given, manifest.text_column, given_pair, manifest.text_pair_column)


def _characters(record: Record) -> int:
    if isinstance(record, Broken):
        return len(record.raw)
    return sum(len(value) for value in record.columns.values() if isinstance(value, str | bytes | list | dict))


def _identity(classify: Predictor, job: FileJob) -> dict[str, Any]:
    options = {
        "text-column": job.text_column,
        "text-pair-column": job.text_pair_column,
        "min-confidence": classify.min_confidence,
        "top-k": job.top_k,
        "profile": classify.profile.name,
        "truncation": classify.truncation,
        "deterministic": classify.deterministic or None,
        "no-first-stage": True if classify.manifest.first_stage and not classify.first_stage else None,
        "for-spreadsheets": job.spreadsheet or None,
        "rejects": str(job.rejects.absolute()) if job.rejects else None,
    }
    source = input_identity(job.input) if job.input else None
    return {"input": source, "bundle": bundle_identity(classify), "options": options}


def _start(journal: Journal, job: FileJob, identity: dict[str, Any]) -> Note:
    """Begins, or goes on."""
    old = journal.note() if job.resume or not job.overwrite else None
    if old and job.resume:
        refuse_other_job(old.job, identity, journal.side)
        old.job = identity
        if not old.placing:
            journal.go_on(old)
        return old
    left = journal.leftover()
    if left and not job.overwrite:
        raise OutputExistsError(
            f"{left} was left by an interrupted run ({old.read if old else 0:,} rows done): add --resume to go on "
            "from there, or --overwrite to begin again"
        )
    note = Note(identity, 0, 0, None, {})
    journal.begin(note)
    return note
