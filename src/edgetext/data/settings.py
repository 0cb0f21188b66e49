"""What a user may choose about labelled text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


class ColumnChoice(TypedDict, total=False):
    """Which columns a user chose, and how labels stand in them; what is absent or ``None`` is found.

    Attributes:
        text_column: The column with the text, or with the first text of a pair.
        text_pair_column: The column with the second text. A pair is looked for by its usual names only where
            neither of the two is given.
        label_column: The column with the label; several separated by commas are one column a label, 0 or 1 in each
            row (a name that holds a comma in double quotes).
        label_separator: What separates the labels of a row that stand in one text.
        split_column: The column that says train, validation or test; an empty name takes none.
    """

    text_column: str | None
    text_pair_column: str | None
    label_column: str | None
    label_separator: str | None
    split_column: str | None


@dataclass(frozen=True)
class DataSettings:
    """Where labelled text is, and how it is read and split.

    Attributes:
        uri: A file, a folder, ``hub:NAME[:CONFIG][@REVISION]`` or a built-in name (see ``edgetext.data.load``).
        text_column: See ``ColumnChoice``.
        label_column: See ``ColumnChoice``.
        split_column: See ``ColumnChoice``.
        validation: A file of rows that choose the best epoch; cut from the data where ``None``.
        test: A file of rows for the final figures, likewise.
        drop_invalid: Whether rows that cannot be used are left out, instead of refused.
        text_pair_column: See ``ColumnChoice``.
        label_separator: See ``ColumnChoice``.
    """

    uri: str
    text_column: str | None = None
    label_column: str | None = None
    split_column: str | None = None
    validation: str | None = None
    test: str | None = None
    drop_invalid: bool = False
    text_pair_column: str | None = None
    label_separator: str | None = None

    @property
    def columns(self) -> ColumnChoice:
        """The columns that were chosen, as ``load`` and ``evaluation_rows`` take them."""
        return {
            "text_column": self.text_column,
            "text_pair_column": self.text_pair_column,
            "label_column": self.label_column,
            "label_separator": self.label_separator,
            "split_column": self.split_column,
        }
