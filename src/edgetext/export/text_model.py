"""``onnx/model_text.onnx``: one file from text to label, for programs that have no tokenizer.

It needs onnxruntime and the operators of onnxruntime-extensions; docs/embed-elsewhere.md shows how to use it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edgetext.errors import ModelError, needs_extra
from edgetext.export.text_graph import LABEL_OUTPUT, PROBABILITIES_OUTPUT, TEXT_INPUT, assemble, tokenizing_graph
from edgetext.files import sha256, write_atomically
from edgetext.progress import Progress
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest
from edgetext.runtime.predictor import Predictor
from edgetext.task import Text

with needs_extra("export"):
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnxruntime_extensions import get_library_path
    from tokenizers import Tokenizer

TEXT_FILE = "onnx/model_text.onnx"
MANIFEST_FIELD = "text_model"
PROBABILITY_TOLERANCE = 1e-4
"""Largest absolute difference of a probability from ``Predictor``'s: the same kernels see the same tokens, so that
only softmax is computed elsewhere. One other token moves a probability by far more."""
_LEVELS = {"disable": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED"}


def with_text_model(folder: Path, manifest: Manifest, texts: Sequence[Text], progress: Progress) -> Manifest:
    """Adds the text model to a finished bundle, and to its manifest; a text that it gets wrong leaves it out.

    Args:
        folder: The bundle.
        manifest: As written.
        texts: Held-out texts to compare on.
        progress: Told why there is no text model.

    Returns:
        The manifest as written.
    """
    try:
        return write_manifest(folder, add_text_model(folder, manifest, texts))
    except ModelError as error:
        progress.note(str(error))
        return manifest


def add_text_model(folder: Path, manifest: Manifest, texts: Sequence[Text]) -> Manifest:
    """Writes the text model of a bundle's default variant, once it is shown to answer as ``Predictor`` does.

    Args:
        folder: The bundle, with ``bundle.json`` written.
        manifest: What it says.
        texts: Held-out texts to compare on; an empty text and one far over ``max_length`` are compared too.

    Returns:
        The manifest, which is not written; its field ``text_model`` says what was made of which variant, how to
        load it, on how many texts it was compared and by how much a probability differed at most.

    Raises:
        ModelError: The tokenizer has no operator, or a text gets another label or other probabilities; nothing is
            left behind then.
    """
    if manifest.text_pair_column or not all(isinstance(text, str) for text in texts):
        raise ModelError(
            "there is no text model: its tokenizer's operator takes one text, and this model reads pairs"
        )
    variant = manifest.variant()
    model = assemble(
        tokenizing_graph(folder), onnx.load(folder / variant.file), manifest, _ending(folder / "tokenizer.json")
    )
    content = model.SerializeToString()
    probes = (*texts, "", "a long text and then more of it " * manifest.max_length)
    largest = _compare(folder, content, variant.session, probes)
    target = folder / TEXT_FILE
    write_atomically(target, content)
    made = {
        "file": TEXT_FILE,
        "sha256": sha256(target),
        "bytes": len(content),
        "variant": variant.name,
        "session": dict(variant.session),  # to load it with, as that model
        "checked": len(probes),
        "largest_difference": largest,
    }
    return replace(manifest, extra={**manifest.extra, MANIFEST_FIELD: made})


def open_text_model(model: Path | bytes, session: Mapping[str, Any] | None = None) -> Any:
    """Opens a text model as a program elsewhere would: onnxruntime and the operators' library, nothing else.

    Args:
        model: The file, or its content.
        session: Session options from the manifest.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # a second pool that spins would slow the one beside it tenfold
    options.register_custom_ops_library(get_library_path())
    level = (session or {}).get("graph_optimization_level")
    if level in _LEVELS:
        options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, _LEVELS[level])
    source = model if isinstance(model, bytes) else str(model)
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _ending(tokenizer: Path) -> int:
    """Counts the special tokens that close an input, such as one ``[SEP]``."""
    marks = Tokenizer.from_file(str(tokenizer)).encode("a").special_tokens_mask
    return next((count for count, mark in enumerate(reversed(marks)) if not mark), len(marks))


def _compare(folder: Path, content: bytes, session: Mapping[str, Any], texts: Sequence[Text]) -> float:
    asked = open_text_model(content, session)
    largest = 0.0
    with Predictor(folder, profile="background", first_stage="off") as classify:
        for text in texts:
            expected = classify.predict_proba([text])[0]
            label, found = asked.run([LABEL_OUTPUT, PROBABILITIES_OUTPUT], {TEXT_INPUT: np.array([text], object)})
            difference = float(np.abs(found[0] - expected).max())
            best = classify.labels[int(expected.argmax())]
            if label[0] != best or not difference <= PROBABILITY_TOLERANCE:
                raise ModelError(
                    f"the text model is not written: for {json.dumps(text[:60], ensure_ascii=False)} it answers "
                    f"{label[0]} where the bundle answers {best} (a probability differs by {difference:.2g}); "
                    "onnxruntime-extensions splits this text differently: leave --text-model out"
                )
            largest = max(largest, difference)
    return largest
