"""The energy that the machine has used, where it counts: RAPL for processors, NVML for NVIDIA GPUs.

Both count for the whole machine, whatever program used it.
"""

from __future__ import annotations

from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")


class Energy:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._begin = _reading()

    def joules(self) -> dict[str, float] | None:
        """Gives the joules used since then by ``cpu`` and ``gpu``, where they count, else ``None``."""
        end = _reading()
        used = {}
        for name, (counted, span) in self._begin.items():
            if name in end:
                used[name] = (end[name][0] - counted) % span if span else end[name][0] - counted
        sums: dict[str, float] = {}
        for name, joules in used.items():
            device = name.partition(":")[0]
            sums[device] = round(sums.get(device, 0.0) + joules, 3)
        return sums or None


def _reading() -> dict[str, tuple[float, float]]:
    """Gives each counter in joules, with the value at which it starts again from 0 (0 for never)."""
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
