"""The most memory that this process has held."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_memory_bytes() -> int | None:
    """Gives the peak resident memory of this process, in bytes, or ``None`` where the system does not tell.

    On Linux this is ``VmHWM`` of ``/proc/self/status``. ``getrusage``'s ``ru_maxrss`` will not do there: it
    survives ``exec``, so a small child of a large parent would report the parent's size (see ``exec_mmap`` in the
    kernel's ``fs/exec.c``).
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return _peak_elsewhere()


def _peak_elsewhere() -> int | None:
    if sys.platform == "win32":
        try:
            from psutil import Process
        except ModuleNotFoundError:
            return None
        return int(Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
