"""What people serve a text classifier with today: FastAPI over a pipeline, written the plain way.

::

    python benchmarks/serve_peers.py transformers CHECKPOINT --port 8001
    python benchmarks/serve_peers.py optimum BUNDLE --port 8002

The endpoint is no ``async def``, so that FastAPI runs it in its threads; uvicorn, torch and onnxruntime keep their
defaults. ``BUNDLE`` holds what Optimum's quantizer made of the checkpoint (``edgetext export CHECKPOINT -o BUNDLE
--scheme dynamic-int8 --first-stage off``). It takes what ``edgetext serve`` takes: ``POST /v1/predict``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

Classify = Callable[..., list[dict[str, Any]]]


class Question(BaseModel):
    """A text to classify."""

    text: str


class Answer(BaseModel):
    """The most probable label, and how probable it is."""

    label: str
    score: float


def make_app(classify: Classify) -> FastAPI:
    """Makes the application over a pipeline."""
    app = FastAPI()

    @app.post("/v1/predict")
    def predict(question: Question) -> Answer:
        found = classify(question.text, truncation=True)[0]
        return Answer(label=found["label"], score=found["score"])

    return app


def transformers_pipeline(folder: Path) -> Classify:
    """Opens a checkpoint in torch."""
    from transformers import pipeline

    opened: Classify = pipeline("text-classification", model=str(folder), device="cpu")
    return opened


def optimum_pipeline(folder: Path) -> Classify:
    """Opens the default variant of a bundle in onnxruntime."""
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer, pipeline

    from edgetext.runtime.bundle import open_bundle

    file = Path(open_bundle(folder).manifest.variant().file)
    model = ORTModelForSequenceClassification.from_pretrained(
        folder, subfolder=file.parent.as_posix(), file_name=file.name
    )
    opened: Classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
    return opened


PIPELINES = {"transformers": transformers_pipeline, "optimum": optimum_pipeline}


def main() -> None:
    """Serves on this machine alone until it is told to stop."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pipeline", choices=PIPELINES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(make_app(PIPELINES[arguments.pipeline](arguments.folder)), host="127.0.0.1", port=arguments.port)


if __name__ == "__main__":
    main()
