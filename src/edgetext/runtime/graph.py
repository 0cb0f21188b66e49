"""What a loaded graph takes and gives, checked once so that no call has to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgetext.errors import BundleError
from edgetext.reading import listed
from edgetext.runtime.manifest import Manifest

KNOWN_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_NUMPY_TYPES = {"tensor(int64)": "int64", "tensor(int32)": "int32"}


@dataclass(frozen=True)
class Graph:
    """The signature of a text classifier.

    Attributes:
        inputs: Names of its inputs, all of ``KNOWN_INPUTS``.
        dtype: numpy's name of their type.
        output: Name of the output with the logits, of shape (texts, labels).
    """

    inputs: tuple[str, ...]
    dtype: str
    output: str


def check_graph(session: Any, manifest: Manifest, name: str) -> Graph:
    """Reads the signature of a loaded model.

    Args:
        session: The onnxruntime session.
        manifest: What the graph should fit.
        name: How to call the model in an error.

    Raises:
        BundleError: The graph is no text classifier with these labels.
    """
    try:
        return _signature(session, manifest, name)
    except UnicodeDecodeError:  # onnxruntime loads such a model, and its names are decoded when they are asked for
        raise BundleError(
            f"{name} is damaged: it names things in no valid UTF-8; copy or export it again"
        ) from None


def _signature(session: Any, manifest: Manifest, name: str) -> Graph:
    inputs = session.get_inputs()
    _check_inputs(inputs, manifest, name)
    dtypes = {_NUMPY_TYPES.get(item.type, item.type) for item in inputs}
    if len(dtypes) != 1 or not dtypes <= set(_NUMPY_TYPES.values()):
        raise BundleError(
            f"{name} takes inputs of type {', '.join(sorted(dtypes))}: expected int64 for all of them"
        )
    return Graph(tuple(item.name for item in inputs), dtypes.pop(), _output(session.get_outputs(), manifest, name))


def _check_inputs(inputs: list[Any], manifest: Manifest, name: str) -> None:
    names = {item.name for item in inputs}
    if "input_ids" not in names or not names <= set(KNOWN_INPUTS):
        raise BundleError(
            f"{name} takes {listed(sorted(names))}: expected input_ids and, with it, attention_mask "
            "and token_type_ids at most"
        )
    if manifest.inputs and names != set(manifest.inputs):
        raise BundleError(f"{name} takes {listed(sorted(names))}, and bundle.json says {listed(manifest.inputs)}")
    fixed = [item.name for item in inputs if len(item.shape) != 2 or any(isinstance(n, int) for n in item.shape)]
    if fixed:
        raise BundleError(f"{name} takes {fixed[0]} in one shape only: export it with dynamic axes")


def _output(outputs: list[Any], manifest: Manifest, name: str) -> str:
    logits = next((item for item in outputs if item.name == "logits"), outputs[0])
    wanted = len(manifest.labels)
    shape = logits.shape
    if logits.type != "tensor(float)" or len(shape) != 2:
        raise BundleError(
            f"{name} gives {listed([logits.name])} of type {logits.type} and rank {len(shape)}: "
            "expected float logits of shape (texts, labels)"
        )
    if isinstance(shape[1], int) and shape[1] != wanted:
        raise BundleError(f"{name} gives {shape[1]} scores a text, and there are {wanted} labels")
    return str(logits.name)
