"""Weights in blocks of few bits, each with its scale (MatMulNBits), by onnxruntime's quantizer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.schemes.prepared import finish, fused_where_possible
from edgetext.export.schemes.registry import SchemeInput

with needs_extra("export"):
    _placeholder = logging.NullHandler()
    logging.root.addHandler(_placeholder)  # else the import would set up logging for the whole program
    try:
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    finally:
        logging.root.removeHandler(_placeholder)

_BLOCK = 32  # weights that share a scale; the smallest block that the kernels take loses least
_INT8_PRODUCTS = 4  # accuracy_level: the other factor becomes int8 too, block by block, as each row needs it


def build_weight_only(source: SchemeInput, target: Path, *, bits: int) -> Mapping[str, Any]:
    """Quantizes the weights of the graph, fused where the architecture allows.

    Args:
        source: The exported model.
        target: The file to write.
        bits: Of a weight, 4 or 8.
    """
    prepared = fused_where_possible(source)
    quantizer = MatMulNBitsQuantizer(
        prepared.model,
        bits=bits,
        block_size=_BLOCK,
        is_symmetric=True,
        accuracy_level=_INT8_PRODUCTS,
        nodes_to_exclude=sorted(prepared.keep),
    )
    quantizer.process()
    return finish(replace(prepared, model=quantizer.model.model), target)
