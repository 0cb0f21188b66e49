"""Dynamic int8 on the graph as exported, by Optimum's quantizer: fits every architecture."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgetext.errors import needs_extra
from edgetext.export.quiet import quiet

with needs_extra("export"):
    from optimum.onnxruntime import ORTQuantizer
    from optimum.onnxruntime.configuration import AutoQuantizationConfig

HELP = "dynamic int8, weights per channel, on the graph as exported (Optimum's quantizer)"


def build(fp32: Path, target: Path, model_type: str) -> Mapping[str, Any]:  # noqa: ARG001
    """Quantizes the graph as it is; see ``registry.Scheme``."""
    quantizer = ORTQuantizer.from_pretrained(fp32, file_name="model.onnx")
    config = AutoQuantizationConfig.avx512_vnni(is_static=False, per_channel=True)
    with quiet(), tempfile.TemporaryDirectory(dir=target.parent) as folder:
        quantizer.quantize(save_dir=folder, quantization_config=config)
        shutil.move(Path(folder) / "model_quantized.onnx", target)
    return {}
