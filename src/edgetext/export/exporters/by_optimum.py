"""Optimum's exporter: what there is beside transformers 4."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra

with needs_extra("optimum"):
    from optimum.exporters.onnx import onnx_export_from_model
    from optimum.exporters.tasks import TasksManager

NAME = "optimum"
_TASK = "text-classification"
_SEGMENTS = "token_type_ids"


def write_graph(network: Any, folder: Path, tokens: int) -> None:
    """Writes ``model.onnx``, ``config.json`` and the files of the tokenizer that the model was loaded with.

    Args:
        network: A classifier of transformers, ready to predict.
        folder: An existing folder.
        tokens: How long the texts are that it is traced with; the graph takes any length.
    """
    onnx_export_from_model(
        network,
        output=folder,
        task=_TASK,
        custom_onnx_configs=_one_segment(network),
        do_validation=False,  # check_logits compares real texts instead of random numbers
        sequence_length=tokens,
    )


def cannot_export(model_type: str, said: str) -> str:
    """Says what Optimum said, and which architectures it knows where this one is none of them."""
    message = f"Optimum cannot export a {model_type!r} model: {said.strip().partition(chr(10))[0]}"
    known = TasksManager.get_supported_model_type_for_task(_TASK, exporter="onnx")
    return message if model_type in known else f"{message} It can export {', '.join(sorted(known))}"


def _one_segment(network: Any) -> dict[str, Any]:
    """Leaves the segments out of the graph of a model that knows one: Optimum would trace it with two.

    Where none are given, each token is of the first segment, in torch as in the graph.
    """
    if getattr(network.config, "type_vocab_size", None) != 1:
        return {}
    make = TasksManager.get_exporter_config_constructor("onnx", network, task=_TASK, library_name="transformers")
    known = make(network.config).__class__

    class OneSegment(known):  # type: ignore[misc, valid-type]
        @property
        def inputs(self) -> dict[str, dict[int, str]]:
            return {name: axes for name, axes in super().inputs.items() if name != _SEGMENTS}

    return {"model": OneSegment(network.config, task=_TASK)}
