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

import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgetext.errors import BundleError, InputError
from edgetext.reading import parse_json
from edgetext.runtime.held import Held
from edgetext.task import FloatArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

FORMAT = "edgetext-static-1"
FIRST_STAGE_FILE = "first_stage.safetensors"
HASH_FACTOR = 1_000_003
MAX_STATIC_BYTES = 1 << 30
_MAX_HEADER_BYTES = 1 << 16
_LENGTH_BYTES = 8
_DTYPES: Mapping[str, np.dtype[Any]] = {"I8": np.dtype("<i1"), "F32": np.dtype("<f4")}
_TEXTS_AT_ONCE = 64  # the vectors of more do not stay in a core's cache


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
        finite = all(np.isfinite(part).all() for part in (self.scale, self.weight, self.bias))
        return "" if finite else "all numbers must be finite"


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

    def logits(self, rows: Sequence[Sequence[int]]) -> FloatArray:
        """Computes the logits, float32 of shape (texts, labels).

        Args:
            rows: The token ids of each text, at least one each, all below ``vocabulary``.
        """
        if len(rows) == 1:
            return self._one(rows[0])[None]
        parts = [self._some(rows[first : first + _TEXTS_AT_ONCE]) for first in range(0, len(rows), _TEXTS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.empty((0, self.labels), np.float32)

    def _one(self, row: Sequence[int]) -> FloatArray:
        ids = np.array(row, np.int64)
        if self._buckets:
            ids = np.concatenate((ids, self._pairs(ids)))
        mean: FloatArray = self._scale[ids] @ self._table[ids].astype(np.float32)
        mean /= np.float32(len(ids))
        logits: FloatArray = mean @ self._weight + self._bias
        return logits

    def _some(self, rows: Sequence[Sequence[int]]) -> FloatArray:
        lengths = np.array([len(row) for row in rows])
        ids = np.fromiter((token for row in rows for token in row), np.int64, int(lengths.sum()))
        first = np.concatenate(([0], lengths.cumsum()[:-1]))
        sums: FloatArray = np.add.reduceat(self._vectors(ids, self._scale[ids]), first, axis=0)
        if self._buckets and len(ids) > 1:
            pairs = self._pairs(ids)
            scale = self._scale[pairs]
            scale[first[1:] - 1] = 0  # no neighbours: the end of one text, and the beginning of the next
            vectors = np.concatenate((self._vectors(pairs, scale), np.zeros((1, sums.shape[1]), np.float32)))
            sums += np.add.reduceat(vectors, first, axis=0)
            lengths = 2 * lengths - 1
        sums /= lengths[:, None].astype(np.float32)
        logits: FloatArray = sums @ self._weight + self._bias
        return logits

    def _vectors(self, rows: NDArray[np.int64], scale: FloatArray) -> FloatArray:
        vectors: FloatArray = self._table[rows].astype(np.float32)
        vectors *= scale[:, None]
        return vectors

    def _pairs(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        return (ids[:-1] * HASH_FACTOR + ids[1:]) % self._buckets + self.vocabulary


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
    from safetensors.numpy import save_file  # with torch and transformers; what predicts never writes

    if wrong := table.disagreement():
        raise ValueError(wrong)
    parts = {name: np.ascontiguousarray(getattr(table, name)) for name in ("table", "scale", "weight", "bias")}
    save_file(parts, path, metadata={"format": FORMAT, "buckets": str(table.buckets)})


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
