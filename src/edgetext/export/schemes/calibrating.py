"""Calibration texts as the graph's inputs, the very tokens that the runtime would feed, and SmoothQuant by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from edgetext.errors import InputError, needs_extra
from edgetext.export.graph.smoothing import largest_inputs, smooth
from edgetext.export.schemes.registry import SchemeInput, SchemeNotApplicableError
from edgetext.runtime.encode import Encoder, load_tokenizer
from edgetext.runtime.graph import Graph

with needs_extra("export"):
    from onnx import ModelProto
    from onnx.helper import tensor_dtype_to_np_dtype
    from onnxruntime.quantization import CalibrationDataReader

_BATCH = 32

Feed = Mapping[str, Any]


def calibration_feeds(source: SchemeInput, model: ModelProto) -> tuple[Feed, ...]:
    """Gives the calibration texts in batches of texts with equally many tokens.

    So there is no padding, whose activations would count as if they were somebody's.

    Args:
        source: With the texts and the tokenizer.
        model: The graph to feed.

    Raises:
        InputError: A text is empty.
    """
    for number, text in enumerate(source.calibration, start=1):
        if not text.strip():
            raise InputError(f"calibration text {number} of {len(source.calibration)} is empty: leave it out")
    inputs = model.graph.input
    dtype = tensor_dtype_to_np_dtype(inputs[0].type.tensor_type.elem_type).name
    graph = Graph(tuple(item.name for item in inputs), dtype, model.graph.output[0].name)
    tokenizer = load_tokenizer((source.folder / "tokenizer.json").read_bytes())
    encoder = Encoder(tokenizer, source.max_length, graph)
    rows = sorted((encoder.encode(text) for text in source.calibration), key=lambda row: len(row.ids))
    batches: list[Feed] = []
    for _, group in groupby(rows, key=lambda row: len(row.ids)):
        equal = list(group)
        batches += [encoder.batch(equal[start : start + _BATCH]) for start in range(0, len(equal), _BATCH)]
    return tuple(batches)


def smooth_by(feeds: Sequence[Feed], model: ModelProto) -> None:
    """Moves the range of the largest channels into the weights (SmoothQuant), by the activations of these batches.

    Args:
        feeds: The batches.
        model: The fp32 graph; changed in place.

    Raises:
        SchemeNotApplicableError: There is nothing to smooth.
    """
    if not smooth(model, largest_inputs(model, feeds)):
        raise SchemeNotApplicableError("no product of this graph reads a layer normalization")


class FeedReader(CalibrationDataReader):  # type: ignore[misc]
    """The batches as onnxruntime's calibrators read them, from one place to another.

    Args:
        feeds: The batches.
    """

    def __init__(self, feeds: tuple[Feed, ...]) -> None:
        """Starts at the first batch; see the class for the arguments."""
        self._feeds = feeds
        self._left: Iterator[Feed] = iter(feeds)

    def __len__(self) -> int:
        """Gives the number of batches."""
        return len(self._feeds)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Goes on with the batches from one place up to another."""
        self._left = iter(self._feeds[start_index:end_index])

    def get_next(self) -> Feed | None:
        """Gives the next batch, or ``None`` after the last."""
        return next(self._left, None)
