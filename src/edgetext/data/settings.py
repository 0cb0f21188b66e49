"""What a user may choose about labelled text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSettings:
    """Where labelled text is, and how it is read and split.

    Attributes:
        uri: A file, ``hub:NAME[:CONFIG][@REVISION]`` or a built-in name (see ``edgetext.data.load``).
        text_column: The column with the text; found by its usual names where ``None``.
        label_column: The column with the label, likewise.
        split_column: The column that says train, validation or test, likewise; an empty name takes none.
        validation: A file of rows that choose the best epoch; cut from the data where ``None``.
        test: A file of rows for the final figures, likewise.
        drop_invalid: Whether rows that cannot be used are left out, instead of refused.
    """

    uri: str
    text_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    validation: str | None = None
    test: str | None = None
    drop_invalid: bool = False
