"""An OpenVINO int8 model as a runner, each job in the way that suits it best. For ``export.py``.

One text goes through a request compiled for latency. Many go through OpenVINO's own queue of requests, compiled for
throughput, in batches of similar length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import openvino

from edgetext.bench.backends._graph import Tokens


class OpenVinoInt8:
    """A quantized OpenVINO model behind the tokenizer.

    Args:
        spec: ``model`` (.xml), ``tokenizer`` (file), ``labels``, ``max_length``, ``threads``.
    """

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._labels: list[str] = spec["labels"]
        self._threads: int = spec["threads"]
        core = openvino.Core()
        model = core.read_model(spec["model"])
        threads = {"INFERENCE_NUM_THREADS": self._threads}
        self._one = core.compile_model(model, "CPU", {**threads, "PERFORMANCE_HINT": "LATENCY"})
        streams = {**threads, "PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": self._threads}
        self._queue = openvino.AsyncInferQueue(core.compile_model(model, "CPU", streams), 2 * self._threads)
        inputs = [port.get_any_name() for port in self._one.inputs]
        self._tokens = Tokens(spec["tokenizer"], spec["max_length"], inputs)

    def one(self, text: str) -> str:
        """Labels one text."""
        return self._labels[int(self._one(self._tokens([text]))[0].argmax())]

    def many(self, texts: Sequence[str], batch: int) -> list[str]:
        """Labels many texts; for ``batch`` 1 one by one, else in batches of similar length."""
        if batch == 1:
            return [self.one(text) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        labels = [""] * len(texts)

        def finished(request: Any, places: list[int]) -> None:
            for place, index in zip(places, request.get_output_tensor(0).data.argmax(axis=-1), strict=True):
                labels[place] = self._labels[index]

        self._queue.set_callback(finished)
        for begin in range(0, len(order), batch):
            places = order[begin : begin + batch]
            self._queue.start_async(self._tokens([texts[place] for place in places]), places)
        self._queue.wait_all()
        return labels

    def about(self) -> dict[str, Any]:
        """Tells threads and version."""
        return {"threads": self._threads, "openvino": openvino.get_version()}

    def close(self) -> None:
        """Does nothing: the process ends."""


def load(spec: Mapping[str, Any]) -> OpenVinoInt8:
    """Loads the model (see ``OpenVinoInt8`` for the spec)."""
    return OpenVinoInt8(spec)
