"""What this machine trains on, and whether 16-bit arithmetic pays there."""

from __future__ import annotations

from pathlib import Path

from edgetext.errors import needs_extra

_CPU_FEATURES = ("avx512_bf16", "amx_bf16")


def device() -> str:
    """Gives ``cuda`` where there is such a device, else ``cpu``."""
    with needs_extra("train"):
        import torch
    return "cuda" if torch.cuda.is_available() else "cpu"


def bf16_pays() -> bool:
    """Says whether the processor, or the GPU in use, multiplies bfloat16 in hardware.

    On a CPU with AVX512_BF16 fine-tuning MiniLM was 2.7 times faster with it; without such instructions it is
    slower than float32.
    """
    with needs_extra("train"):
        import torch
    if device() == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    ask = getattr(torch.cpu, "get_capabilities", None)  # not in older torch
    features = ask() if ask else dict.fromkeys(_linux_flags(), True)
    return any(features.get(name) for name in _CPU_FEATURES)


def _linux_flags() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return []
    return next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
