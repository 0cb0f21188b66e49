"""Dynamic int8 by Optimum's quantizer, on the graph as exported: fits every architecture."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.schemes.registry import SchemeInput

with needs_extra("export"):
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig


def build_as_exported(
    source: SchemeInput, target: Path, *, per_channel: bool = True, reduce_range: bool = False
) -> Mapping[str, Any]:
    """Quantizes the graph as it is.

    Args:
        source: The exported model.
        target: The file to write.
        per_channel: Whether each column of a weight matrix has a scale of its own.
        reduce_range: Whether weights have 7 bits, so that sums of products cannot saturate without VNNI.
    """
    quantizer = ORTQuantizer.from_pretrained(source.folder, file_name=source.model.name)
    config = AutoQuantizationConfig.avx512_vnni(
        is_static=False, per_channel=per_channel, nodes_to_exclude=sorted(source.keep)
    )
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        quantizer.quantize(save_dir=folder, quantization_config=replace(config, reduce_range=reduce_range))
        shutil.move(Path(folder) / "model_quantized.onnx", target)
    return {}
