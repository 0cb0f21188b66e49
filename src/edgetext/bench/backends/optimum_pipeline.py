"""A variant of the bundle in Optimum's ``ORTModelForSequenceClassification`` and a transformers pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, pipeline

from edgetext.bench.backends._shared import PIPELINE_BATCHES, PipelineCalls
from edgetext.bench.backends.onnxruntime_bare import session_options
from edgetext.foreign.versions import transformers_version
from edgetext.measure.processor import cpu_model
from edgetext.measure.runner import CannotMeasureError


class OptimumRunner(PipelineCalls):
    """A text-classification pipeline over an ONNX file.

    Args:
        spec: ``bundle`` (folder), ``model`` (ONNX file inside it), ``session`` (how it is loaded), ``task``,
            ``max_length``, ``threads``.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        from optimum.onnxruntime import ORTModelForSequenceClassification

        file = Path(spec["model"])
        model = ORTModelForSequenceClassification.from_pretrained(
            spec["bundle"],
            subfolder=file.parent.relative_to(spec["bundle"]).as_posix(),
            file_name=file.name,
            session_options=session_options(spec["threads"], spec["session"]),
        )
        self._threads = spec["threads"]
        tokenizer = AutoTokenizer.from_pretrained(spec["bundle"], local_files_only=True)
        super().__init__(pipeline("text-classification", model=model, tokenizer=tokenizer), spec)

    def about(self) -> dict[str, Any]:
        """Tells device, threads and how batches are made."""
        return {"device_name": cpu_model(), "threads": self._threads, "batches": PIPELINE_BATCHES}


def load(spec: Mapping[str, Any]) -> OptimumRunner:
    """Loads the ONNX file (see ``OptimumRunner`` for the spec).

    Raises:
        CannotMeasureError: transformers is of a version that Optimum's ONNX models are not made for.
    """
    if transformers_version() >= (5, 0):
        raise CannotMeasureError(
            "Optimum's ONNX models are not installed beside transformers 5, which they do not know"
        )
    return OptimumRunner(spec)
