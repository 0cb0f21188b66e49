"""Static int8 by NNCF for OpenVINO, the strongest peer on a CPU: SmoothQuant, bias correction, 300 texts.

It needs nncf, openvino and tokenizers, and nothing of edgetext, so that it runs in an environment of its own::

    python -m venv nncf-env && nncf-env/bin/pip install nncf openvino tokenizers
    nncf-env/bin/python benchmarks/nncf_int8.py BUNDLE -o model_nncf.xml

The texts are the calibration texts that the bundle keeps, the same that edgetext's static schemes see.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

MOST_TEXTS = 300


def inputs(bundle: Path, names: list[str]) -> Iterator[dict[str, np.ndarray]]:
    """Yields the graph's inputs for one text after another, int64 arrays of shape (1, tokens)."""
    manifest = json.loads((bundle / "bundle.json").read_text("utf-8"))
    tokenizer = Tokenizer.from_file(str(bundle / "tokenizer.json"))
    tokenizer.enable_truncation(manifest["max_length"])
    lines = (bundle / "tuning" / "calibration.jsonl").read_text("utf-8").splitlines()
    for line in lines[:MOST_TEXTS]:
        found = tokenizer.encode(json.loads(line)["text"])
        columns = {
            "input_ids": found.ids,
            "attention_mask": found.attention_mask,
            "token_type_ids": found.type_ids,
        }
        yield {name: np.array([columns[name]], np.int64) for name in names}


def main() -> None:
    """Quantizes and writes."""
    import nncf
    import openvino

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True, help="model.xml; model.bin goes beside it")
    arguments = parser.parse_args()
    model = openvino.Core().read_model(arguments.bundle / "onnx" / "model.onnx")
    names = [port.get_any_name() for port in model.inputs]
    quantized = nncf.quantize(
        model,
        nncf.Dataset(list(inputs(arguments.bundle, names))),
        model_type=nncf.ModelType.TRANSFORMER,  # with SmoothQuant, and attention handled as NNCF thinks best
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=MOST_TEXTS,
        fast_bias_correction=False,
    )
    openvino.save_model(quantized, arguments.output, compress_to_fp16=False)


if __name__ == "__main__":
    main()
