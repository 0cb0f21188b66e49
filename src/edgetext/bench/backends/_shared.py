"""What several backends share and needs no library: the task, batches in the order given, calls of a pipeline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from edgetext.measure.runner import Labels
from edgetext.task import TASKS, FloatArray, Task, Text, parts_of

BATCHES = "in the order given, padded to the longest text of the batch"
PIPELINE_BATCHES = "by the pipeline's batch_size, in the order given"


def task_values(task: Task) -> dict[str, Any]:
    """Makes a task JSON values, for a spec."""
    return {"name": task.name, **asdict(task)}


def task_of(spec: Mapping[str, Any]) -> Task:
    """Makes the task of a spec."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in spec["task"].items()
    }
    kind: type[Task] = TASKS[values.pop("name")]
    return kind(**values)


def labels_of(task: Task, logits: FloatArray) -> list[Labels]:
    """Names the labels that each text gets, by logits of shape (texts, labels)."""
    # Softmax and temperature keep the order: nobody who wants the label alone computes them.
    return task.names(task.answers(logits if task.one_label else task.probabilities(logits)))


class BatchedRunner(ABC):
    """A runner (see ``measure.runner.Runner``) made of one method that labels one batch."""

    def one(self, text: Text) -> Labels:
        """Labels one text."""
        return self.forward([text])[0]

    def many(self, texts: Sequence[Text], batch: int) -> list[Labels]:
        """Labels many texts, in batches in the order given."""
        return [found for at in range(0, len(texts), batch) for found in self.forward(list(texts[at : at + batch]))]

    def close(self) -> None:  # noqa: B027 - the end of the process lets go of all there is
        """Does nothing: the process ends."""

    @abstractmethod
    def forward(self, texts: list[Text]) -> list[Labels]:
        """Labels one batch, in order."""


class PipelineCalls:
    """Calls a text-classification pipeline; what holds it is made by whoever derives from this.

    Where a text may bear several labels the pipeline gives the logits of all: thresholds hold for probabilities
    after the temperature, which no pipeline knows of.

    Args:
        pipeline: Of transformers; its model may be torch's or Optimum's.
        spec: ``max_length``: longer texts are cut to so many tokens; ``task``.
    """

    def __init__(self, pipeline: Any, spec: Mapping[str, Any]) -> None:
        self._pipeline = pipeline
        self._task = task_of(spec)
        self._cut = {"truncation": True, "max_length": spec["max_length"]}
        self._how: dict[str, Any] = {} if self._task.one_label else {"top_k": None, "function_to_apply": "none"}

    def one(self, text: Text) -> Labels:
        """Labels one text."""
        return self._labels(self._pipeline([_given(text)], **self._cut, **self._how)[0])

    def many(self, texts: Sequence[Text], batch: int) -> list[Labels]:
        """Labels many texts; the pipeline makes the batches."""
        found = self._pipeline([_given(text) for text in texts], batch_size=batch, **self._cut, **self._how)
        return [self._labels(answer) for answer in found]

    def tokenize(self, text: Text) -> Any:
        """Tokenizes one text, as the pipeline does."""
        return self._pipeline.tokenizer(*parts_of(text), return_tensors="pt", **self._cut)

    def close(self) -> None:
        """Does nothing: the process ends."""

    def _labels(self, answer: Any) -> Labels:
        if self._task.one_label:
            return (str(answer["label"]),)
        logits = np.empty((1, len(self._task.labels)), np.float32)
        for entry in answer:
            logits[0, self._task.index[entry["label"]]] = entry["score"]
        return labels_of(self._task, logits)[0]


def _given(text: Text) -> str | dict[str, str]:
    """Writes a text as a pipeline takes it."""
    return text if isinstance(text, str) else {"text": text[0], "text_pair": text[1]}
