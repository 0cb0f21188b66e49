"""Labelled text: read from files, checked row by row, split into training and held-out parts.

CSV and JSON Lines need the standard library alone; Parquet, the Hub and the cutting of new parts need the
``train`` extra.
"""

from edgetext.data.example import Example, LabelledData, Split
from edgetext.data.held_out import held_out
from edgetext.data.load import load
from edgetext.data.split import Shares, resolve_split

__all__ = ["Example", "LabelledData", "Shares", "Split", "held_out", "load", "resolve_split"]
