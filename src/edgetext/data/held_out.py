"""The rows of a part again, from the record that lies beside a checkpoint."""

from __future__ import annotations

from edgetext.checkpoint import SplitRecord
from edgetext.data.example import Example
from edgetext.data.load import load
from edgetext.errors import DataError


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
