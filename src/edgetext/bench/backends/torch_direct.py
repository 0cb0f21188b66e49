"""The checkpoint in torch, on the processor or on an NVIDIA GPU, eager or compiled.

Model and tokenizer come through transformers, and a batch is one forward pass. Copies to and from a GPU are in the
figures. The mode ``compile`` sends the model through ``torch.compile`` with dynamic shapes, so that a batch of
another length is not compiled anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from edgetext.bench.backends._shared import BATCHES, BatchedRunner, labels_of, task_of
from edgetext.foreign.clean_room import clean_room
from edgetext.foreign.load import Source, load_classifier
from edgetext.foreign.load import load_tokenizer as load_foreign_tokenizer
from edgetext.measure.processor import cpu_model, has_bf16
from edgetext.measure.runner import CannotMeasureError, Labels, NoDeviceError
from edgetext.task import Text

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def load_model(folder: str, variant: str) -> Any:
    """Loads a sequence classifier in the precision of a variant, whatever precision its file has.

    Args:
        folder: The checkpoint; nothing is fetched from anywhere else.
        variant: ``fp32``, ``fp16`` or ``bf16``.
    """
    with clean_room(Path(folder)) as room:
        source = Source(folder, str(room))
        return load_classifier(source, extra="bench", dtype=DTYPES[variant]).eval()


def load_tokenizer(folder: str) -> Any:
    """Loads the checkpoint's tokenizer."""
    with clean_room(Path(folder)) as room:
        return load_foreign_tokenizer(Source(folder, str(room)), extra="bench")


def weight_bytes(model: Any) -> int:
    """Counts the bytes of a model's parameters in the precision they have now."""
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())


def gpu_name() -> str:
    """Names the GPU that torch uses.

    Raises:
        NoDeviceError: There is no CUDA device, or this torch cannot use it.
    """
    if not torch.cuda.is_available():
        raise NoDeviceError("no CUDA device on this machine")
    return torch.cuda.get_device_name()


class TorchRunner(BatchedRunner):
    """A torch model, run eagerly or compiled: tokenize, pad to the longest of the batch, forward, label.

    Args:
        spec: ``model`` (folder), ``variant``, ``task``, ``max_length``, ``threads``, and if need be ``mode``:
            ``compile``.
        device: ``cpu`` or ``cuda``.
        device_name: For readers.
        synchronize: Called after each batch, so that a clock sees the device's work done.
    """

    def __init__(
        self,
        spec: Mapping[str, Any],
        device: str,
        device_name: str,
        synchronize: Callable[[], None] = lambda: None,
    ) -> None:
        torch.set_num_threads(spec["threads"])
        self._device = device
        self._synchronize = synchronize
        self._device_name = device_name
        self._max_length = spec["max_length"]
        self._tokenizer = load_tokenizer(spec["model"])
        self._model = load_model(spec["model"], spec["variant"]).to(device)
        self._task = task_of(spec)
        self._compiled = spec.get("mode") == "compile"
        self._run: Callable[..., Any] = torch.compile(self._model, dynamic=True) if self._compiled else self._model

    def tokenize(self, text: Text) -> Any:
        """Tokenizes one text, as ``one`` does, up to the tensors on the device."""
        return self._inputs([text])

    def about(self) -> dict[str, Any]:
        """Tells device, threads and the size of the weights."""
        said = {
            "device_name": self._device_name,
            "threads": torch.get_num_threads(),
            "model_bytes": weight_bytes(self._model),
            "batches": BATCHES,
        }
        if self._compiled:
            said["compile"] = "torch.compile with dynamic shapes; a later cold start finds torch's cache on disk"
        return said

    def forward(self, texts: list[Text]) -> list[Labels]:
        """Labels one batch, once the device is done."""
        with torch.inference_mode():
            logits = self._run(**self._inputs(texts)).logits.float().cpu().numpy()
        self._synchronize()
        return labels_of(self._task, logits)

    def _inputs(self, texts: list[Text]) -> Any:
        # A text and its pair go in apart: in a list of lists transformers sees words.
        parts = [texts] if isinstance(texts[0], str) else [list(part) for part in zip(*texts, strict=True)]
        return self._tokenizer(
            *parts, padding=True, truncation=True, max_length=self._max_length, return_tensors="pt"
        ).to(self._device)


def load_on_cpu(spec: Mapping[str, Any]) -> TorchRunner:
    """Loads the checkpoint on the processor (see ``TorchRunner`` for the spec).

    Raises:
        CannotMeasureError: bf16 was asked for, which this processor would only emulate, or compiling without a C++
            compiler.
    """
    if spec["variant"] == "bf16" and not has_bf16():
        raise CannotMeasureError("this processor has no bf16 instructions (AVX512_BF16, AMX or Arm's bf16)")
    if spec.get("mode") == "compile" and not shutil.which(os.environ.get("CXX", "g++")):
        raise CannotMeasureError("torch.compile needs a C++ compiler, and there is no g++ (or $CXX) here")
    return TorchRunner(spec, "cpu", cpu_model())


def load_on_gpu(spec: Mapping[str, Any]) -> TorchRunner:
    """Loads the checkpoint on the GPU (see ``TorchRunner`` for the spec).

    Raises:
        CannotMeasureError: There is no CUDA device, or it would only emulate bf16.
    """
    name = gpu_name()
    if spec["variant"] == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise CannotMeasureError("this GPU has no bf16 instructions (compute capability 8.0 or newer)")
    return TorchRunner(spec, "cuda", name, torch.cuda.synchronize)
