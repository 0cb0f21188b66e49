"""What a measured process has used: memory, the machine's energy, and bytes that must be installed for it.

A process that is measured imports this, so that it must cost a cold start nothing: what is slow to import is
imported where it is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

_OURS = "edgetext"
_POWERCAP = Path("/sys/class/powercap")


def peak_memory_bytes() -> int | None:
    """Reads the peak resident memory of this process, in bytes; ``None`` where the system does not tell.

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


def installed_bytes(before: Collection[str]) -> dict[str, int]:
    """Sums the size of each distribution that this process has imported something from, by its name.

    The size is the sum over the files in the distribution's ``RECORD``, as its wheel brought them. What a library
    imports only where it happens to be installed counts as well. edgetext itself is left out: every measured
    process has imported it, to be measured.

    Args:
        before: Names of modules that were there already, such as those that the interpreter itself loads.
    """
    from importlib.metadata import distribution, packages_distributions

    owners = packages_distributions()
    packages = {name.partition(".")[0] for name in sys.modules.keys() - set(before)}
    names = {owner for package in packages for owner in owners.get(package, ())} - {_OURS}
    return {name: sum(file.size or 0 for file in distribution(name).files or ()) for name in sorted(names)}


class Energy:
    """The energy that the machine uses from now on, where it counts: RAPL for processors, NVML for NVIDIA GPUs.

    Both count for the whole machine, whatever program used it.
    """

    def __init__(self) -> None:
        self._begin = _counters()

    def joules(self) -> dict[str, float] | None:
        """Reads the joules used since then by ``cpu`` and ``gpu``, where they count, else ``None``."""
        end = _counters()
        sums: dict[str, float] = {}
        for name, (counted, span) in self._begin.items():
            if name in end:
                used = (end[name][0] - counted) % span if span else end[name][0] - counted
                device = name.partition(":")[0]
                sums[device] = round(sums.get(device, 0.0) + used, 3)
        return sums or None


def _counters() -> dict[str, tuple[float, float]]:
    """Reads each counter in joules, with the value at which it starts again from 0 (0 for never)."""
    return {**_processors(_POWERCAP), **_gpus()}


def _processors(root: Path) -> dict[str, tuple[float, float]]:
    """Reads the packages' RAPL counters; root's alone to read on many systems, and absent in most containers."""
    found = {}
    for zone in sorted(root.glob("intel-rapl:*")):
        if zone.name.count(":") != 1:  # a part of a package, which is counted in it
            continue
        try:
            counted, span = (int((zone / name).read_text()) for name in ("energy_uj", "max_energy_range_uj"))
        except (OSError, ValueError):
            continue
        found[f"cpu:{zone.name}"] = (counted / 1e6, span / 1e6)
    return found


def _gpus() -> dict[str, tuple[float, float]]:
    try:
        import pynvml
    except ModuleNotFoundError:
        return {}
    try:
        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        counted = [pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3 for handle in handles]
    except pynvml.NVMLError:
        return {}
    return {f"gpu:{index}": (joules, 0.0) for index, joules in enumerate(counted)}


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
