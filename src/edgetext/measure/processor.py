"""What the processor calls itself and what it can do.

Measured programs tell it, so that importing this must cost a cold start nothing: what is slow to import is imported
where it is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path

ISA_FLAGS = (
    "avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16",
    "asimd", "asimddp", "i8mm", "bf16", "sve",
)  # fmt: skip
"""The instruction sets that decide how fast int8 and bf16 are, as Linux names them."""

_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def cpu_model() -> str:
    """Names the processor as it calls itself."""
    for line in text_of(Path("/proc/cpuinfo")).splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    import platform

    if sys.platform == "darwin":
        return output_of("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    return platform.processor() or platform.machine()


def isa_flags() -> tuple[str, ...]:
    """Lists those of ``ISA_FLAGS`` that the processor has; empty where Linux's /proc is missing."""
    for line in text_of(Path("/proc/cpuinfo")).splitlines():
        if line.startswith(("flags", "Features")):
            present = set(line.partition(":")[2].split())
            return tuple(flag for flag in ISA_FLAGS if flag in present)
    return ()


def has_bf16() -> bool:
    """Says whether the processor multiplies bfloat16 numbers by itself (AVX512_BF16, AMX, or Arm's bf16)."""
    return bool(_BF16_FLAGS & set(isa_flags()))


def text_of(path: Path) -> str:
    """Reads the text of a file; empty where it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""


def output_of(*command: str) -> str | None:
    """Runs a program that only tells something; ``None`` when it is missing, slow, or has nothing to say."""
    import subprocess

    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
