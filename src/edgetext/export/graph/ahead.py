"""onnxruntime's own graph optimizations, done once at export instead of each time the model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgetext.errors import needs_extra

with needs_extra("export"):
    import onnxruntime as ort

LOAD_AS_IT_IS = {"graph_optimization_level": "disable"}
"""The session options for a graph that was optimized ahead: optimized again, it would get the slow fusions too."""


def optimize_ahead(source: Path, target: Path, disabled: Sequence[str]) -> None:
    """Writes the graph as onnxruntime would rewrite it for the CPU when it loads it.

    The level is ``extended``: fusions that every CPU runs. ``all`` would add layouts of the machine at hand.

    Args:
        source: The graph.
        target: The file to write.
        disabled: Names of optimizers to leave out.
    """
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 3
    ort.InferenceSession(
        str(source), options, providers=["CPUExecutionProvider"], disabled_optimizers=list(disabled)
    )
