"""Texts that are nearly the same, found without comparing each with each.

MinHash (Broder, "On the resemblance and containment of documents", 1997) with banding (Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", chapter 3): texts that agree in a band of their signatures are compared by the
share of their shingles that they have in common.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgetext.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIMILAR = 0.8
"""Share of common shingles (Jaccard) from which on two texts are nearly the same."""
_SHINGLE = 5  # letters
_BANDS, _ROWS = 16, 4  # finds 99.98 % of the pairs at 0.8, and 95 % at 0.65
_LONGEST = 20_000  # letters that are looked at
_MOST_OF_A_BUCKET = 20  # texts of one band that a further one is compared with
_WORD = re.compile(r"\w+")


def near_pairs(
    texts: Sequence[str], may_pair: Callable[[int, int], bool], progress: Progress
) -> list[tuple[int, int, float]]:
    """Finds pairs of texts that are nearly the same; letter case, spaces and punctuation do not count.

    Args:
        texts: The texts.
        may_pair: Says of two places in ``texts``, the first one first, whether such a pair is looked for.
        progress: Told how many texts were read.

    Returns:
        The places of both and their similarity, from 0.8 to 1, the first one's place first.
    """
    if len(texts) < 2:
        return []
    shingles: list[NDArray[np.uint64]] = []
    signatures = np.empty((len(texts), _BANDS * _ROWS), np.uint32)
    for place, text in enumerate(texts):
        shingles.append(_shingles(text))
        signatures[place] = _signature(shingles[place])
        if place % 1000 == 999 or place + 1 == len(texts):
            progress.step("near duplicates", place + 1, len(texts))
    return sorted(
        (first, second, similarity)
        for first, second in set(_candidates(signatures, may_pair))
        if (similarity := _jaccard(shingles[first], shingles[second])) >= SIMILAR
    )


def _shingles(text: str) -> NDArray[np.uint64]:
    """Hashes each run of a few letters to 64 bits."""
    plain = " ".join(_WORD.findall(text[:_LONGEST].casefold())).ljust(_SHINGLE)
    letters = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    hashes = np.zeros(len(letters) - _SHINGLE + 1, np.uint64)
    for offset in range(_SHINGLE):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + letters[offset : offset + len(hashes)]
    return np.unique(hashes)


_chance = np.random.default_rng(0)
_FACTORS = _chance.integers(1 << 63, size=_BANDS * _ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_TERMS = _chance.integers(1 << 63, size=_BANDS * _ROWS, dtype=np.uint64)


def _signature(hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
    spread = (hashes[:, None] ^ (hashes[:, None] >> np.uint64(29))) * _FACTORS + _TERMS
    smallest: NDArray[np.uint32] = (spread >> np.uint64(32)).min(axis=0).astype(np.uint32)
    return smallest


def _candidates(signatures: NDArray[np.uint32], may_pair: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    for band in range(_BANDS):
        rows = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for place, key in enumerate(map(bytes, rows)):
            bucket = buckets[key]
            for other in bucket:
                if may_pair(other, place):
                    yield other, place
            if len(bucket) < _MOST_OF_A_BUCKET:
                bucket.append(place)


def _jaccard(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> float:
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / (len(first) + len(second) - common)
