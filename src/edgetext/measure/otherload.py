"""How busy other programs keep the machine while something is measured; where Linux's /proc/stat tells."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_STAT = Path("/proc/stat")
_BUSY_SHARE = 0.1
_BUSY = (0, 1, 2, 5, 6, 7)  # user, nice, system, irq, softirq, steal: see proc_stat(5)


class OtherLoad:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._begin = _reading()

    def cores(self) -> float | None:
        """Counts how many cores' worth of time others took on average since then; ``None`` where nobody counts.

        What this process and its children took is subtracted; a child counts once it has ended and been waited for.
        """
        end = _reading()
        if self._begin is None or end is None:
            return None
        elapsed, busy, own = (after - before for before, after in zip(self._begin, end, strict=True))
        return round(max(0.0, busy - own) / elapsed, 2) if elapsed > 0 else None


def disturbs(environment: Mapping[str, Any]) -> bool:
    """Says whether others took so much of a machine that its times mean little; not where nobody counted."""
    load, cores = environment.get("other_load_cores"), environment.get("cores")
    return isinstance(load, int | float) and isinstance(cores, int) and load >= _BUSY_SHARE * cores


def others(environment: Mapping[str, Any]) -> str:
    """Says how much of a machine's time others took, and what that means; empty where nobody counted."""
    load, cores = environment.get("other_load_cores"), environment.get("cores")
    if load is None or not cores:
        return ""
    share = f"{load / cores:.0%}".replace("%", " %")
    end = ": the times are disturbed; measure again." if disturbs(environment) else "."
    return f"Other programs took {share} of the machine's time meanwhile{end}"


def _reading() -> tuple[float, float, float] | None:
    """Reads, in seconds: the clock, the time that all cores were busy, and the part of it that was ours."""
    try:
        counts = [int(word) for word in _STAT.read_text().splitlines()[0].split()[1:]]
        busy = sum(counts[index] for index in _BUSY) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return None
    return time.monotonic(), busy, sum(os.times()[:4])
