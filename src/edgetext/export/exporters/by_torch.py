"""torch's own exporter (``torch.export``): what there is beside transformers 5, for which Optimum has none.

The attention of an architecture that lets others compute it (transformers' attention interface) goes into the graph
as one operator of ours, which ``graph.multi_head`` writes out in standard ones: a graph that any runtime opens, and
in which the fused schemes find each attention again, whatever torch makes of its parts.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edgetext.errors import ModelError, first_line, needs_extra
from edgetext.export.graph.multi_head import ATTENTION, DOMAIN, write_out
from edgetext.export.graph.walk import drop_unread, fixed_reshapes

with needs_extra("export"):
    import onnx
    import onnxscript  # noqa: F401  # torch's exporter imports it while it works
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import bidirectional_mask_function, eager_mask

NAME = "torch"
_OURS = "edgetext"
_OPSET = 18  # what onnxscript writes without converting; GELU and normalization are operators of onnxruntime there
_LARGEST = 2**31 - 2**20  # bytes of weights in one file of ONNX, with room for the graph
_SUMMARY = "## Exception summary"
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_SCOPES = "pkg.torch.onnx.name_scopes"


def write_graph(network: Any, folder: Path, tokens: int) -> None:
    """Writes ``model.onnx`` and ``config.json``.

    Args:
        network: A classifier of transformers, ready to predict.
        folder: An existing folder.
        tokens: How long the texts are that it is traced with; the graph takes any length.

    Raises:
        ModelError: It is over ONNX's 2 GB for one file.
    """
    if sum(weight.numel() * weight.element_size() for weight in network.parameters()) > _LARGEST:
        raise ModelError("it is over 2 GB as ONNX, more than a bundle's one file can hold")
    given = _sample(network, max(tokens, 2))
    sizes = {name: {0: "batch", 1: "sequence"} for name in given}
    with _attention_as_one(network):
        program = torch.onnx.export(
            network,
            (),
            kwargs=given,
            dynamo=True,  # the older tracer loses the padding mask of transformers 5
            dynamic_shapes=sizes,
            output_names=["logits"],
            opset_version=_OPSET,
            verbose=False,
        )
    assert program is not None  # it is where no file was named
    model = program.model_proto
    write_out(model)
    fixed_reshapes(model)
    _tidy(model)
    onnx.save(model, folder / "model.onnx")
    network.config.save_pretrained(folder)


def cannot_export(model_type: str, said: str) -> str:
    """Says what torch said."""
    cause = said.rpartition(_SUMMARY)[2].strip()  # before it stands advice for those who export themselves
    return f"torch cannot export a {model_type!r} model: {first_line(Exception(_COLOUR.sub('', cause)))}"


def _sample(network: Any, tokens: int) -> dict[str, Any]:
    """Inputs to trace with: two texts (three where a text has two tokens), the last of them padded.

    Sizes that are equal, or one, would count as fixed.
    """
    ids = torch.full((3 if tokens == 2 else 2, tokens), 1, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[-1, -1] = 0
    given = {"input_ids": ids, "attention_mask": mask}
    # A model of one segment needs none; where none are given, each token is of the first one.
    if (getattr(network.config, "type_vocab_size", None) or 0) > 1:
        given["token_type_ids"] = torch.zeros_like(ids)
    taken = inspect.signature(network.forward).parameters
    return {name: values for name, values in given.items() if name in taken}


@contextmanager
def _attention_as_one(network: Any) -> Iterator[None]:
    """Lets a network whose class has the attention interface compute its attention by ours, inside the block."""
    if not network.is_backend_compatible():
        yield
        return
    AttentionInterface.register(_OURS, _attend)
    AttentionMaskInterface.register(_OURS, _mask)
    before = network.config._attn_implementation
    network.set_attn_implementation(_OURS)
    try:
        yield
    finally:
        network.set_attn_implementation(before)


def _attend(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: float | None = None, **_: Any
) -> tuple[Any, None]:
    """Puts the operator into the graph, as the attention interface wants an attention.

    Args:
        module: Of the model; tells how many heads share a key.
        query: Shape (batch, heads, tokens, size); key and value likewise, with fewer heads where some share them.
        key: See above.
        value: See above.
        attention_mask: From ``_mask``.
        scaling: Of the scores; by default one over the root of the size.
    """
    batch, heads, length, size = query.shape
    shared = getattr(module, "num_key_value_groups", 1)
    if shared > 1:
        key, value = (part.repeat_interleave(shared, dim=1) for part in (key, value))
    attributes = {"scale": float(size**-0.5 if scaling is None else scaling), "heads": int(heads)}
    masks = [] if attention_mask is None else [attention_mask]
    result = torch.onnx.ops.symbolic(
        f"{DOMAIN}::{ATTENTION}",
        [query, key, value, *masks],
        {**attributes, "padding": bool(masks) and attention_mask.ndim == 2},
        dtype=query.dtype,
        shape=(batch, length, heads, value.shape[-1]),
        version=1,
    )
    return result, None


def _mask(**given: Any) -> Any:
    """Hands on a mask of the padding as it is, of shape (batch, tokens); any other one as what is added to scores.

    The latter, of shape (batch, 1, tokens, tokens), is for attention that reaches only so far, and for decoders.
    """
    if given["mask_function"] is bidirectional_mask_function:
        return given["attention_mask"]
    return eager_mask(**given)


def _tidy(model: onnx.ModelProto) -> None:
    """Names nodes by the modules they come from, and leaves out what torch noted of its own and of this machine."""
    drop_unread(model.graph)
    seen: Counter[str] = Counter()
    for node in model.graph.node:
        name = _module_name(node)
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}_{seen[name] - 1}"
        kept = [item for item in node.metadata_props if item.key.startswith(f"{DOMAIN}.")]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
        node.doc_string = ""
    for part in (model, model.graph, *model.graph.initializer, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    del model.graph.value_info[:]


def _module_name(node: onnx.NodeProto) -> str:
    """``/bert/encoder/layer.0/output/dense/MatMul`` for a node of ``bert.encoder.layer.0.output.dense``."""
    noted = next((item.value for item in node.metadata_props if item.key == _SCOPES), "[]")
    scopes = [scope for scope in ast.literal_eval(noted)[:-1] if scope]  # the last one is the operator
    parts, outer = [], ""
    for scope in scopes:
        parts.append(scope.removeprefix(f"{outer}."))
        outer = scope
    return "/".join(["", *parts, node.op_type])
