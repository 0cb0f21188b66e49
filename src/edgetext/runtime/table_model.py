"""A table of word vectors as the model of a bundle: a static student, computed by numpy alone."""

from __future__ import annotations

from collections.abc import Sequence

from edgetext.errors import InputError
from edgetext.runtime.encode import Encoded, Encoder
from edgetext.runtime.graph import Graph
from edgetext.runtime.held import HeldModel
from edgetext.runtime.life import CLOSED
from edgetext.runtime.model import Model
from edgetext.runtime.static import StaticModel, StaticTable
from edgetext.task import FloatArray

TAKES = Graph(("input_ids",), "int64", "logits")
"""What it reads of a text: the segment of a token tells it nothing."""


class TableModel(Model):
    """A table of word vectors; threads side by side would gain nothing, since numpy's steps are short.

    Args:
        table: Its parameters.
        encoder: Makes rows of texts, for ``TAKES``.
        files: What it was loaded from.
    """

    def __init__(self, table: StaticTable, encoder: Encoder, files: HeldModel) -> None:
        self._static: StaticModel | None = StaticModel(table)
        super().__init__(encoder, files, self._static.labels)

    def run(self, rows: Sequence[Encoded]) -> FloatArray:
        """See ``Model``."""
        static = self._static
        if static is None:
            raise InputError(CLOSED)
        return static.logits([row.ids for row in rows])

    def batches(self, rows: Sequence[Encoded], texts: int) -> list[list[int]]:
        """See ``Model``: as they come, since none is padded."""
        return [list(range(len(rows)))[first : first + texts] for first in range(0, len(rows), texts)]

    def close(self) -> None:
        """See ``Model``."""
        self._static = None
