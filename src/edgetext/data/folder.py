"""A folder of texts: ``LABEL/*.txt``, or ``train/LABEL/*.txt`` and ``test/LABEL/*.txt``, a text a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgetext.data.lines import open_lines
from edgetext.data.packed import format_suffix
from edgetext.data.parts import known_part
from edgetext.data.read import TEXT_COLUMN
from edgetext.data.separated import LONGEST_FIELD, line_problem
from edgetext.data.table import Problem, Table, TableRow
from edgetext.errors import DataError

LABEL_COLUMN, SPLIT_COLUMN = "label", "split"


def read_folder(path: Path) -> Table:
    """Reads a folder of texts, in the order of the names; the folders around a text say its label and its part.

    Hidden files and folders, and files that are no ``.txt``, are left out.

    Raises:
        DataError: There is no text in it, a link leaves it, or a file cannot be read.
    """
    folders = _folders(path)
    in_parts = bool(folders) and all(known_part(folder.name) and _folders(folder) for folder in folders)
    labelled = [
        (folder.name, label) for folder in folders for label in (_folders(folder) if in_parts else [folder])
    ]
    files = [(part, label.name, file) for part, label in labelled for file in _files(label)]
    texts = [found for found in files if format_suffix(found[2]) == ".txt"]
    if not texts:
        raise DataError(
            f"{path} is a folder without texts: expected a folder for each label with .txt files (LABEL/*.txt, or "
            "train/LABEL/*.txt and test/LABEL/*.txt), or give one file"
        )
    columns = (TEXT_COLUMN, LABEL_COLUMN, SPLIT_COLUMN) if in_parts else (TEXT_COLUMN, LABEL_COLUMN)
    records = tuple(
        _record(path, file, number, dict(zip(columns[1:], (label, part), strict=False)))
        for number, (part, label, file) in enumerate(texts, start=1)
    )
    left_out = len(files) - len(texts)
    note = f"{left_out} {'file was' if left_out == 1 else 'files were'} left out, whose names do not end in .txt"
    return Table(columns, records, (note,) if left_out else ())


def _record(root: Path, file: Path, number: int, values: dict[str, str]) -> TableRow:
    name = str(file.relative_to(root))
    if not file.resolve().is_relative_to(root.resolve()):
        raise DataError(f"{file} is a link that leaves the folder: expected the texts in it")
    text = _text(file)
    if isinstance(text, Problem):
        return TableRow(number, problem=text, file=name)
    return TableRow(number, {TEXT_COLUMN: text, **values}, file=name)


def _text(file: Path) -> str | Problem:
    if not file.stat().st_size:
        return ""
    stream, lines = open_lines(file)
    read: list[str] = []
    size = 0
    with stream:
        for line in lines:
            size += len(line.text)
            if line.fault:
                return line_problem(line)
            if size > LONGEST_FIELD:
                return Problem(f"the text is longer than {LONGEST_FIELD:,} characters")
            read.append(line.text)
    return "".join(read).rstrip("\r\n")


def _folders(path: Path) -> list[Path]:
    return sorted(entry for entry in _visible(path) if entry.is_dir())


def _files(path: Path) -> list[Path]:
    return sorted(entry for entry in _visible(path) if not entry.is_dir())


def _visible(path: Path) -> Iterator[Path]:
    return (entry for entry in path.iterdir() if not entry.name.startswith("."))
