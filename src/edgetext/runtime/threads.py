"""How many threads this process may use: the CPU affinity and the cgroup quota, whichever is less.

onnxruntime's own default is the host's physical cores, which does not see a container's quota
(microsoft/onnxruntime#29510); threads beyond the quota wait for one another and get slower, not faster.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_V1_MOUNTS = ("sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/cpuacct,cpu")
_V2_MOUNTS = ("sys/fs/cgroup", "sys/fs/cgroup/unified")


def usable_threads(root: Path = Path("/")) -> int:
    """Counts the threads that can run at once, at least 1; half a core gives 1, two and a half give 2.

    Args:
        root: Where ``proc`` and ``sys`` are found; tests put a tree of their own there.
    """
    quota = cpu_quota(root)
    cores = _affinity()
    return cores if quota is None else max(1, min(cores, int(quota)))


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Reads the cores' worth of time that the cgroups allow, or ``None`` where nothing is limited.

    Every level counts, from the process's own group up to the mount, and the tightest one decides.
    """
    limits = [limit for limit in _limits(root) if limit is not None]
    return min(limits, default=None)


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _limits(root: Path) -> Iterator[float | None]:
    for controllers, group in _groups(root):
        if controllers == "":
            for folder in _levels(root, _V2_MOUNTS, group):
                yield _quota_v2(folder)
        elif "cpu" in controllers.split(","):
            for folder in _levels(root, _V1_MOUNTS, group):
                yield _quota_v1(folder)


def _groups(root: Path) -> Iterator[tuple[str, str]]:
    """Yields controllers and path of each group of this process; no controllers means version 2."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            yield parts[1], parts[2]


def _levels(root: Path, mounts: tuple[str, ...], group: str) -> Iterator[Path]:
    """Yields the group's folder and those above; in a container only the mount itself may be there."""
    path = PurePosixPath(group.lstrip("/"))
    if ".." in path.parts:  # a group outside the namespace that is mounted: what is visible is the mount
        path = PurePosixPath()
    for mount in mounts:
        for level in (path, *path.parents):
            yield root / mount / level


def _quota_v2(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split()
    if len(words) != 2 or words[0] == "max":
        return None
    return _ratio(words[0], words[1])


def _quota_v1(folder: Path) -> float | None:
    return _ratio(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float | None:
    try:
        allowed, of = int(quota), int(period)
    except ValueError:
        return None
    return allowed / of if allowed > 0 and of > 0 else None  # version 1 writes -1 for "no limit"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
