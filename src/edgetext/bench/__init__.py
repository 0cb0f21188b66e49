"""Bundle + checkpoint -> results.json -> report: what each way to run the model costs and gets right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgetext.lazy import hand_out

if TYPE_CHECKING:
    from edgetext.bench.heldout import HeldOut, find_held_out
    from edgetext.bench.report import write_report
    from edgetext.bench.results import Results
    from edgetext.bench.run import BenchInterrupted, run_bench
    from edgetext.bench.settings import BenchSettings
else:
    __getattr__ = hand_out(
        __name__,
        {
            "BenchInterrupted": "edgetext.bench.run",
            "BenchSettings": "edgetext.bench.settings",
            "HeldOut": "edgetext.bench.heldout",
            "Results": "edgetext.bench.results",
            "find_held_out": "edgetext.bench.heldout",
            "run_bench": "edgetext.bench.run",
            "write_report": "edgetext.bench.report",
        },
    )

__all__ = [
    "BenchInterrupted",
    "BenchSettings",
    "HeldOut",
    "Results",
    "find_held_out",
    "run_bench",
    "write_report",
]


def __dir__() -> list[str]:
    return sorted(__all__)
