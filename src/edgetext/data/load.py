"""``load``: a file, a data set of the Hub or a built-in one -> checked labelled text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edgetext.checkpoint import SPLIT_PARTS, DataSource
from edgetext.data.builtin import BUILTIN, read_builtin
from edgetext.data.clean import Cleaned, clean
from edgetext.data.columns import Columns, find_columns
from edgetext.data.example import Example, LabelledData
from edgetext.data.fingerprint import fingerprint
from edgetext.data.labels import short
from edgetext.data.parts import EXPECTED, known_part
from edgetext.data.read import read_file
from edgetext.data.table import Table


def load(
    uri: str,
    *,
    text_column: str | None = None,
    label_column: str | None = None,
    split_column: str | None = None,
    like: DataSource | None = None,
    drop_invalid: bool = False,
) -> LabelledData:
    """Reads labelled text and checks every row.

    Args:
        uri: A path to a ``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson`` or ``.parquet`` file,
            ``hub:NAME[:CONFIG][@REVISION]``, or ``builtin:food_not_food`` (the bare name will do, where no file
            has it).
        text_column: The column with the text; found by its usual names when not given.
        label_column: The column with the label, likewise.
        split_column: The column with the part (train, validation, test), likewise, unless hardly any of its values
            names a part; an empty name ignores such a column.
        like: A file that this one goes with: its columns are taken where they are there and none is given.
        drop_invalid: Leaves rows that cannot be used out, instead of refusing them.

    Raises:
        DataError: What was given cannot be read or used; the message names file, row and column.
        MissingExtraError: It is Parquet or on the Hub, and the ``train`` extra is not installed.
    """
    uri, name, table = _read(uri)
    columns = find_columns(
        uri,
        table.columns,
        text=text_column,
        label=label_column,
        split=split_column,
        like=Columns(like.text_column, like.label_column) if like else None,
    )
    notes = [f"{uri}: {note}" for note in table.notes]
    if columns.split and split_column is None and (other := _no_parts(table, columns.split)):
        notes.append(f"{uri}: the column {columns.split!r} is ignored: {other}")
        columns = replace(columns, split=None)
    cleaned = clean(uri, table, columns, drop_invalid=drop_invalid)
    source = DataSource(
        uri=uri if ":" in uri and uri.partition(":")[0] in ("hub", "builtin") else str(Path(uri).resolve()),
        fingerprint=fingerprint(table, columns),
        rows=len(table.records),
        text_column=columns.text,
        label_column=columns.label,
        split_column=columns.split,
    )
    splits = _by_part(cleaned) if columns.split else None
    return LabelledData(name, source, cleaned.examples, cleaned.dropped, splits, tuple(notes))


def _read(uri: str) -> tuple[str, str, Table]:
    """Gives the full address, a short name and the rows."""
    if uri.startswith("hub:"):
        from edgetext.data.hub import read_hub

        return uri, uri.removeprefix("hub:").partition("@")[0].rpartition("/")[2], read_hub(uri)
    if uri in BUILTIN and not Path(uri).exists():
        uri = f"builtin:{uri}"
    if uri.startswith("builtin:"):
        name = uri.removeprefix("builtin:")
        return uri, name, read_builtin(name)
    return uri, Path(uri).stem, read_file(Path(uri))


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
