"""A classifier without layers: a vector for each token and each pair of neighbours, their mean, one linear layer.

It reads the token ids that the encoder's tokenizer makes, and answers in some 20 microseconds by numpy alone. The
file is in the safetensors format (https://huggingface.co/docs/safetensors), mapped and not read:

    ``table``  int8, shape (vocabulary + buckets, dimensions): vectors of tokens, then of hashed pairs
    ``scale``  float32, shape (vocabulary + buckets,): what the integers of each row are multiplied by
    ``weight`` float32, shape (dimensions, labels), and ``bias`` float32, shape (labels,): mean vector to logits
    metadata   ``{"format": "edgetext-static-1", "buckets": "16381"}``

A pair of neighbours (a, b) has the row ``vocabulary + (1000003 a + b) mod buckets``. Source of the idea, a mean of
vectors, hashed pairs and the linear layer: A. Joulin, E. Grave, P. Bojanowski, T. Mikolov, "Bag of Tricks for
Efficient Text Classification", EACL 2017.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgetext.errors import BundleError, InputError
from edgetext.reading import parse_json
from edgetext.runtime.held import Held
from edgetext.task import FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_STAGE_FILE, STATIC_FILE = "first_stage.safetensors", "static.safetensors"
"""What a bundle calls such a file: the one that is asked before its model, and the one that is its model."""

FORMAT = "edgetext-static-1"
FIRST_STAGE_FILE = "first_stage.safetensors"
HASH_FACTOR = 1_000_003
MAX_STATIC_BYTES = 1 << 30
_MAX_HEADER_BYTES = 1 << 16
_LENGTH_BYTES = 8
_DTYPES: Mapping[str, np.dtype[Any]] = {"I8": np.dtype("<i1"), "F32": np.dtype("<f4")}
_LARGEST = 1e6  # no number that is trained comes near it, and no sum or product of such ones leaves float32


@dataclass(frozen=True)
class StaticTable:
    """What a file holds; see the module for shapes and dtypes.

    Attributes:
        table: Quantized vectors, of tokens and of hashed pairs.
        scale: What each row is multiplied by.
        weight: Of the linear layer.
        bias: Of the linear layer.
        buckets: How many rows pairs of neighbours are hashed into; 0 where pairs are not looked at.
    """

    table: NDArray[np.int8]
    scale: FloatArray
    weight: FloatArray
    bias: FloatArray
    buckets: int

    @property
    def vocabulary(self) -> int:
        """How many tokens have a vector."""
        return len(self.table) - self.buckets

    def disagreement(self) -> str:
        """Says what does not fit together; nothing where all does."""
        if self.table.ndim != 2 or self.weight.ndim != 2:
            return "table and weight must have two dimensions"
        rows, dimensions = self.table.shape
        if self.scale.shape != (rows,) or self.weight.shape[0] != dimensions:
            return "scale must have a number for each row of table, and weight a row for each of its columns"
        if self.bias.shape != self.weight.shape[1:]:
            return "bias must have a number for each column of weight"
        if not 0 <= self.buckets < rows:
            return f"buckets is {self.buckets}, and table has {rows} rows"
        usable = all((np.abs(part) <= _LARGEST).all() for part in (self.scale, self.weight, self.bias))
        return "" if usable else f"all numbers must be finite, and at most {_LARGEST:.0f} in size"


class StaticModel:
    """Computes logits of rows of token ids; safe to use from many threads.

    Args:
        table: Its parameters.
    """

    def __init__(self, table: StaticTable) -> None:
        self.labels = len(table.bias)
        self.vocabulary = table.vocabulary
        self._table, self._scale = table.table, table.scale
        self._weight, self._bias, self._buckets = table.weight, table.bias, table.buckets

    def one(self, row: Sequence[int]) -> FloatArray:
        """Computes the logits of one text, float32 of shape (labels,).

        Args:
            row: Its token ids; without any, only the bias answers.

        Raises:
            BundleError: A token has no vector: the tokenizer is of another model.
        """
        logits: FloatArray = self._mean(row).dot(self._weight)
        logits += self._bias
        return logits

    def logits(self, rows: Sequence[Sequence[int]]) -> FloatArray:
        """Computes the logits, float32 of shape (texts, labels).

        Args:
            rows: The token ids of each text, see ``one``.

        Raises:
            BundleError: A token has no vector: the tokenizer is of another model.
        """
        means = np.empty((len(rows), self._table.shape[1]), np.float32)
        for place, row in enumerate(rows):
            means[place] = self._mean(row)
        logits: FloatArray = means @ self._weight
        logits += self._bias
        return logits

    def _mean(self, row: Sequence[int]) -> FloatArray:
        """Computes the mean vector of a text.

        A step of numpy takes longer to call than to do for a text of the usual length: so pairs are made in Python,
        and those methods are called that do the least beside their work.
        """
        if not row:
            return np.zeros(self._table.shape[1], np.float32)
        vocabulary, buckets = self.vocabulary, self._buckets
        if max(row) >= vocabulary:
            raise BundleError(f"tokenizer.json gives the token {max(row)}, and the table has {vocabulary} vectors")
        pairs = [(a * HASH_FACTOR + b) % buckets + vocabulary for a, b in pairwise(row)] if buckets else []
        places = np.array([*row, *pairs], np.int64)
        vectors = self._table.take(places, 0, None, "clip").astype(np.float32)
        mean: FloatArray = self._scale.take(places, None, None, "clip").dot(vectors)
        mean /= np.float32(len(places))
        return mean


def read_static(held: Held) -> StaticTable:
    """Maps a file; its pages are read as they are needed.

    Args:
        held: The file, whose checksum the caller compares; it may be closed afterwards.

    Raises:
        BundleError: It is damaged, or of another format.
    """
    content = held.map()
    try:
        return _read(content)
    except (InputError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise BundleError(
            f"{held.path} is damaged: it is no table of word vectors that this edgetext reads ({error}); copy or "
            "export the bundle again"
        ) from None


def write_static(path: Path, table: StaticTable) -> None:
    """Writes the file.

    Raises:
        ValueError: The parts do not fit together.
    """
    from safetensors.numpy import save  # with torch and transformers; what predicts never writes

    if wrong := table.disagreement():
        raise ValueError(wrong)
    parts = {name: np.ascontiguousarray(getattr(table, name)) for name in ("table", "scale", "weight", "bias")}
    content = save(parts, metadata={"format": FORMAT, "buckets": str(table.buckets)})
    begin = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    header = json.dumps(json.loads(content[_LENGTH_BYTES:begin]), sort_keys=True, separators=(",", ":"))
    # The library writes the metadata in another order each time, and the same table shall have the same checksum.
    path.write_bytes(content[:_LENGTH_BYTES] + header.encode().ljust(begin - _LENGTH_BYTES) + content[begin:])


def _read(content: mmap.mmap) -> StaticTable:
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    if not 0 < length <= min(_MAX_HEADER_BYTES, len(content) - _LENGTH_BYTES):
        raise ValueError("its header is cut off")
    begin = _LENGTH_BYTES + length
    header = parse_json(content[_LENGTH_BYTES:begin], "its header")
    about = header["__metadata__"]
    if about["format"] != FORMAT:
        raise ValueError(f"its format is {about['format']!r:.40}")
    parts = {name: _tensor(content, begin, header[name]) for name in ("table", "scale", "weight", "bias")}
    table = StaticTable(**parts, buckets=int(about["buckets"]))
    dtypes = [part.dtype.char for part in parts.values()]
    if dtypes != ["b", "f", "f", "f"]:
        raise ValueError("its numbers are of other kinds")
    if wrong := table.disagreement():
        raise ValueError(wrong)
    return table


def _tensor(content: mmap.mmap, begin: int, entry: Mapping[str, Any]) -> NDArray[Any]:
    dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
    first, end = entry["data_offsets"]
    count = 1
    for size in shape:
        if type(size) is not int or size < 1:
            raise ValueError("a shape holds something else than positive whole numbers")
        count *= size
    if type(first) is not int or first < 0 or end - first != count * dtype.itemsize or begin + end > len(content):
        raise ValueError("a part lies beyond its end")
    if (begin + first) % dtype.itemsize:
        raise ValueError("a part does not begin at a multiple of its numbers' size")
    return np.frombuffer(content, dtype, count, begin + first).reshape(shape)
