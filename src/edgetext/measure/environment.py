"""What a figure was measured on: the machine, the libraries, the revision. Standard library only.

The computer's own name is left out, since results are made to be published: a machine is named by what it is.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgetext.measure.processor import cpu_model, isa_flags, output_of, text_of
from edgetext.runtime.threads import cpu_quota, usable_threads

LIBRARIES = (
    "numpy", "onnxruntime", "onnxruntime-gpu", "tokenizers", "torch", "triton", "transformers", "safetensors",
    "optimum", "optimum-onnx", "openvino", "scikit-learn", "mlcommons-loadgen",
)  # fmt: skip

_GPU_FIELDS = {
    "name": "name", "driver": "driver_version", "memory": "memory.total", "compute_capability": "compute_cap",
}  # fmt: skip


def capture_environment(threads: int) -> dict[str, Any]:
    """Describes the machine, libraries and revision of programs that may use so many threads each.

    These are JSON values; what the machine does not tell is ``None``. ``usable_cores`` go by affinity and quota,
    and ``quota`` is the cores' worth of time that the cgroups allow.
    """
    gpu = gpu_name()
    cpu, cores = cpu_model(), os.cpu_count()
    return {
        "host": f"{cpu}, {cores} cores" + (f", {gpu['name']}" if gpu else ""),
        "cpu": cpu,
        "isa": list(isa_flags()),
        "cores": cores,
        "usable_cores": usable_threads(),
        "affinity": affinity(),
        "quota": cpu_quota(),
        "governor": governor(),
        "threads": threads,
        "memory_gb": _memory_gb(),
        "gpu": gpu,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": library_versions(),
        "git_revision": git_revision(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def affinity() -> list[int] | None:
    """Lists the numbers of the cores that this process may run on; ``None`` where the system has no such notion."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def governor() -> str | None:
    """Tells how the first core's clock is governed, such as ``performance``; ``None`` where Linux does not tell."""
    return text_of(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")).strip() or None


def gpu_name() -> dict[str, str] | None:
    """Tells name, driver, memory and compute capability of the first NVIDIA GPU, by ``nvidia-smi``, or ``None``."""
    line = output_of("nvidia-smi", f"--query-gpu={','.join(_GPU_FIELDS.values())}", "--format=csv,noheader")
    fields = [field.strip() for field in (line or "").splitlines()[0].split(",")] if line else []
    return dict(zip(_GPU_FIELDS, fields, strict=True)) if len(fields) == len(_GPU_FIELDS) else None


def library_versions(names: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Lists the versions of those libraries that are installed, without importing them."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_revision() -> str | None:
    """Tells the revision of edgetext's own source, with ``+changes`` if it was edited since; else ``None``."""
    folder = Path(__file__).resolve().parent
    if output_of("git", "-C", str(folder), "ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None  # installed inside somebody else's repository
    revision = output_of("git", "-C", str(folder), "rev-parse", "HEAD")
    if revision is None:
        return None
    changes = output_of("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no", "--", "..")
    return revision + ("+changes" if changes else "")


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
