"""The rows of a part again, or of all parts, from the record that lies beside a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgetext.checkpoint import SplitRecord
from edgetext.data.example import Example, Split
from edgetext.data.load import load
from edgetext.errors import DataError

if TYPE_CHECKING:
    from edgetext.task import Task


def same_split(record: SplitRecord, task: Task, places: Mapping[str, str | None] | None = None) -> Split:
    """Reads the rows of all parts, so that each serves again what it served before.

    Args:
        record: Which rows of which file were used for what.
        task: What was learned.
        places: Where the file of a part lies now; by default where it lay.

    Raises:
        DataError: As for ``held_out``, or there are no training or no validation rows.
    """
    rows = {part: held_out(record, part, (places or {}).get(part)) for part in ("train", "validation")}
    test = held_out(record, "test", (places or {}).get("test")) if "test" in record.parts else ()
    return Split(rows["train"], rows["validation"], test, task, record)


def held_out(record: SplitRecord, part: str, data: str | None = None) -> tuple[Example, ...]:
    """Reads the rows of one part from the file that they came from.

    Args:
        record: Which rows of which file were used for what.
        part: ``train``, ``validation`` or ``test``.
        data: Where the file lies now; by default where it lay when the checkpoint was trained.

    Returns:
        The rows, in the order of the record.

    Raises:
        DataError: There is no such part, or the file is missing or is not the one that was used.
    """
    if part not in record.parts:
        raise DataError(f"the checkpoint's split has no part {part!r}: it has {', '.join(record.parts)}")
    wanted = record.parts[part]
    source = record.sources[wanted.source]
    found = load(
        data or source.uri,
        text_column=source.text_column,
        text_pair_column=source.text_pair_column,
        label_column=source.label_column,
        label_separator=source.label_separator,
        split_column=source.split_column or "",
        drop_invalid=True,
    )
    by_row = {example.row: example for example in found.examples}
    if found.source.fingerprint != source.fingerprint or not by_row.keys() >= set(wanted.rows):
        raise DataError(
            f"{data or source.uri}: its rows are not those that the checkpoint was split by: "
            "give the same file, or train again"
        )
    return tuple(by_row[row] for row in wanted.rows)
