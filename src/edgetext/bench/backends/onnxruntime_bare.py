"""An ONNX model of the bundle in a plain loop: tokenizers, then ``InferenceSession.run``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from edgetext.bench.backends._graph import GraphRunner
from edgetext.runtime.session import ONNX_ONLY


class BareRunner(GraphRunner):
    """The fewest lines that turn a text into a label with onnxruntime.

    Args:
        spec: ``model`` (ONNX file), what ``GraphRunner`` takes, and ``session``: how the manifest says that the
            graph is to be loaded, so that the loop runs the very graph that edgetext runs and its row shows what
            the predictor adds.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._session = onnxruntime.InferenceSession(
            spec["model"],
            session_options(spec["threads"], spec["session"]),
            providers=["CPUExecutionProvider"],
            disabled_optimizers=spec["session"].get("disabled_optimizers"),
        )
        super().__init__(spec, [entry.name for entry in self._session.get_inputs()])

    def logits(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Runs the session."""
        found: NDArray[np.float32] = self._session.run(None, inputs)[0]
        return found


def session_options(threads: int, session: Mapping[str, Any]) -> onnxruntime.SessionOptions:
    """Makes the options with which a variant's graph is loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry(*ONNX_ONLY)
    if session.get("graph_optimization_level") == "disable":
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options


def load(spec: Mapping[str, Any]) -> BareRunner:
    """Loads the ONNX model (see ``BareRunner`` for the spec)."""
    return BareRunner(spec)
