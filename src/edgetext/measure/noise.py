"""Whether the machine gave what it can, turn by turn: a fixed piece of work, timed between the turns.

It is SHA3-256 over a block of memory, on one core and then on every core that the programs use at once; hashlib
lets go of the interpreter's lock meanwhile. Two virtual cores that share a physical one show in the second figure,
a busy machine in both. SHA3 has much to compute side by side, so that it suffers from a shared core as a matrix
product does. SHA-256 would not do: where the processor has an instruction for it, it waits for itself most of the
time, and two of them fit on one core almost without a trace (``benchmarks/noise_probe.py`` shows both).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from time import perf_counter

ALGORITHM = "sha3_256"
# The work must never change: readings of different runs are compared.
_BLOCK = bytes(256 * 1024)
_BLOCKS = 20  # about half a millisecond each on a server's core of the 2020s

TOLERANCE = 1.15
"""How many times the best reading a turn's may be (``benchmarks/noise_probe.py`` shows what readings there are)."""


@dataclass(frozen=True)
class Reading:
    """How long the fixed work took.

    Attributes:
        alone_ms: Milliseconds a block on one core.
        together_ms: Milliseconds a block on all used cores at once: those of the slowest thread.
    """

    alone_ms: float
    together_ms: float

    def worse(self, other: Reading) -> Reading:
        """Gives the slower of both figures: those of a turn that lies between the two readings."""
        return Reading(max(self.alone_ms, other.alone_ms), max(self.together_ms, other.together_ms))


class NoiseCheck:
    """Takes readings.

    Args:
        threads: How many cores the measured programs use, at least 1.
        algorithm: The work, as hashlib names it; another than the default is for experiments.
    """

    def __init__(self, threads: int, algorithm: str = ALGORITHM) -> None:
        self._threads = threads
        self._algorithm = algorithm

    def read(self) -> Reading:
        """Times the work; takes about 20 to 30 ms."""
        alone = self._block_ms()
        if self._threads == 1:
            return Reading(alone, alone)
        start = Barrier(self._threads)

        def at_once(_: int) -> float:
            start.wait()
            return self._block_ms()

        with ThreadPoolExecutor(self._threads) as pool:
            return Reading(alone, max(pool.map(at_once, range(self._threads))))

    def _block_ms(self) -> float:
        """Gives the mean over the blocks: a median would not see the time that another program takes in slices."""
        begin = perf_counter()
        for _ in range(_BLOCKS):
            hashlib.new(self._algorithm, _BLOCK).digest()
        return round((perf_counter() - begin) / _BLOCKS * 1000, 4)


def disturbed(readings: Sequence[Reading], best: Reading) -> tuple[bool, ...]:
    """Says of each reading whether the machine gave clearly less than at its best.

    Args:
        readings: One a turn.
        best: What to compare with (see ``best_of``).
    """
    return tuple(
        reading.alone_ms > TOLERANCE * best.alone_ms or reading.together_ms > TOLERANCE * best.together_ms
        for reading in readings
    )


def best_of(readings: Sequence[Reading]) -> Reading:
    """Gives the fastest of both figures.

    Args:
        readings: At least one, all of the same machine and number of threads.
    """
    return Reading(min(reading.alone_ms for reading in readings), min(reading.together_ms for reading in readings))
