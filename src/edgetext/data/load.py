"""``load``: a file, a data set of the Hub or a built-in one -> checked labelled text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from edgetext.checkpoint import SPLIT_PARTS, DataSource
from edgetext.data.builtin import BUILTIN, read_builtin
from edgetext.data.clean import Cleaned, clean, reasons
from edgetext.data.columns import Columns, find_columns
from edgetext.data.example import Example, LabelledData
from edgetext.data.fingerprint import fingerprint
from edgetext.data.folder import read_folder
from edgetext.data.forms import LabelForm, find_form
from edgetext.data.labels import short
from edgetext.data.packed import is_packed
from edgetext.data.parts import EXPECTED, known_part
from edgetext.data.read import LABELLED, Reader, read_file
from edgetext.data.settings import ColumnChoice
from edgetext.data.table import Table


@dataclass(frozen=True)
class Opened:
    """A file of labelled text, read but not checked.

    Attributes:
        uri: Its full address.
        name: A short name.
        table: Its rows.
        columns: Which of its columns are read.
        form: How labels stand in it.
        notes: As for ``LabelledData``.
    """

    uri: str
    name: str
    table: Table
    columns: Columns
    form: LabelForm
    notes: tuple[str, ...]

    def cleaned(self, *, drop_invalid: bool) -> Cleaned:
        """Checks every row, as ``clean`` does."""
        return clean(self.uri, self.table, self.columns, self.form, drop_invalid=drop_invalid)

    def labelled(self, cleaned: Cleaned) -> LabelledData:
        """Puts together what is known of the file and its checked rows."""
        columns = self.columns
        on_disk = self.uri.partition(":")[0] not in ("hub", "builtin")
        source = DataSource(
            uri=str(Path(self.uri).resolve()) if on_disk else self.uri,
            fingerprint=fingerprint(self.table, columns, self.form),
            rows=len(self.table.records),
            text_column=columns.text,
            label_column=columns.label,
            split_column=columns.split,
            text_pair_column=columns.pair,
            label_separator=self.form.separator,
        )
        return LabelledData(
            name=self.name,
            source=source,
            examples=cleaned.examples,
            dropped=reasons(self.uri, cleaned.broken),
            splits=_by_part(cleaned) if columns.split else None,
            notes=self.notes,
            one_label=self.form.one_label,
        )


def load(
    uri: str, *, like: DataSource | None = None, drop_invalid: bool = False, **chosen: Unpack[ColumnChoice]
) -> LabelledData:
    """Reads labelled text and checks every row.

    Args:
        uri: A path to a ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson``, ``.json``, ``.parquet`` or ``.xlsx`` file, or
            one of them packed (``.csv.gz``); to a folder with a folder of ``.txt`` files for each label;
            ``hub:NAME[:CONFIG][@REVISION]``, or ``builtin:food_not_food`` (the bare name will do, where no file
            has it).
        like: A file that this one goes with: its columns are taken where they are there and none is given, and so
            is its label separator.
        drop_invalid: Leaves rows that cannot be used out, instead of refusing them.
        chosen: See ``ColumnChoice``. A column that is called like one with the parts is ignored where hardly any
            of its values names a part, unless it was chosen.

    Raises:
        DataError: What was given cannot be read or used; the message names file, row and column.
        MissingExtraError: It is Parquet, a workbook or on the Hub, and the extra for it is not installed.
    """
    opened = open_labelled(uri, chosen, like)
    return opened.labelled(opened.cleaned(drop_invalid=drop_invalid))


def open_labelled(uri: str, chosen: ColumnChoice, like: DataSource | None = None) -> Opened:
    """Reads labelled text and finds its columns, without a check of its rows.

    Args:
        uri: As for ``load``.
        chosen: Likewise.
        like: Likewise.

    Raises:
        DataError: It cannot be read, or a column is not found.
        MissingExtraError: As for ``load``.
    """
    uri, name, table = read_rows(uri)
    columns = find_columns(uri, table, chosen, like)
    notes = list(table.notes)
    if columns.pair and not (chosen.get("text_column") or chosen.get("text_pair_column") or like):
        notes.append(f"each text is a pair, of the columns {columns.text!r} and {columns.pair!r}")
    if columns.split and chosen.get("split_column") is None and (other := _no_parts(table, columns.split)):
        notes.append(f"the column {columns.split!r} is ignored: {other}")
        columns = replace(columns, split=None)
    given = chosen.get("label_separator")
    separator = like.label_separator if given is None and like else given
    form = find_form(uri, table, columns, separator, insisted=given is not None)
    if form.note:
        notes.append(form.note)
    return Opened(uri, name, table, columns, form, tuple(f"{uri}: {note}" for note in notes))


def read_rows(uri: str, readers: dict[str, Reader] = LABELLED) -> tuple[str, str, Table]:
    """Reads rows without a check, and finds their full address and a short name.

    Args:
        uri: As for ``load``.
        readers: Those that will do for a file, by suffix.

    Raises:
        DataError: They cannot be read.
        MissingExtraError: As for ``load``.
    """
    if uri.startswith("hub:"):
        from edgetext.data.hub import read_hub

        return uri, uri.removeprefix("hub:").partition("@")[0].rpartition("/")[2], read_hub(uri)
    if uri in BUILTIN and not Path(uri).exists():
        uri = f"builtin:{uri}"
    if uri.startswith("builtin:"):
        name = uri.removeprefix("builtin:")
        return uri, name, read_builtin(name)
    path = Path(uri)
    if _is_folder(path):
        return uri, path.resolve().name, read_folder(path)
    return uri, Path(path.stem).stem if is_packed(path) else path.stem, read_file(path, readers)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that nothing can have; whoever opens it says so
        return False


def _no_parts(table: Table, column: str) -> str:
    """Says what a column holds that is only called like one with the parts; empty where half of it names parts."""
    values = [record.values[column] for record in table.records if record.values.get(column) not in (None, "")]
    known = sum(known_part(value) is not None for value in values)
    if not values or 2 * known >= len(values):
        return ""
    others = dict.fromkeys(short(value) for value in values if known_part(value) is None)
    return f"it says {', '.join(list(others)[:3])}, and a part of a data set is called {EXPECTED}"


def _by_part(cleaned: Cleaned) -> Mapping[str, tuple[Example, ...]]:
    pairs = list(zip(cleaned.examples, cleaned.parts, strict=True))
    parts = {part: tuple(example for example, where in pairs if where == part) for part in SPLIT_PARTS}
    return {part: examples for part, examples in parts.items() if examples}
