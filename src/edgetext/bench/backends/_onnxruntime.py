"""What the backends over onnxruntime share: the session options that a manifest asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnxruntime

from edgetext.runtime.session import ONNX_ONLY


def session_options(threads: int, session: Mapping[str, Any]) -> onnxruntime.SessionOptions:
    """Makes the options with which a variant's graph is loaded.

    Args:
        threads: For the operators.
        session: The manifest's ``session`` of the variant.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry(*ONNX_ONLY)
    if session.get("graph_optimization_level") == "disable":
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return options
