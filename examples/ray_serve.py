"""A bundle as a Ray Serve deployment: requests share batches, and replicas follow the queue.

    pip install "edgetext" "ray[serve]"
    serve run examples.ray_serve:app bundle=/shared/bundle
    curl -s http://127.0.0.1:8000/ -H 'Content-Type: application/json' -d '{"texts": ["a bowl of ramen"]}'

Each replica is a process on one core that opens the bundle once. Serve sends a replica no more than
``max_ongoing_requests`` at once, adds replicas where more than ``target_ongoing_requests`` wait for each, and
answers 503 where ``max_queued_requests`` wait already. The bundle must lie where every machine finds it by the same
path.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from edgetext import Predictor

MOST_TEXTS = 256


@serve.deployment(
    ray_actor_options={"num_cpus": 1},
    max_ongoing_requests=64,
    max_queued_requests=512,
    autoscaling_config={"min_replicas": 1, "max_replicas": 16, "target_ongoing_requests": 16},
)
class Classifier:
    """Answers ``POST {"texts": [...]}`` with a label and a score a text, in order.

    Args:
        bundle: The folder of the bundle.
    """

    def __init__(self, bundle: str) -> None:
        self._classify = Predictor(bundle, profile="throughput", threads=1)

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.002)
    async def answer(self, requests: list[list[str]]) -> list[list[dict[str, Any]]]:
        """Answers the texts of several requests as one batch; Serve collects the requests."""
        texts = [text for request in requests for text in request]
        predictions = iter(await self._classify.apredict(texts))
        return [
            [{"label": found.label, "score": found.score} for found in islice(predictions, len(request))]
            for request in requests
        ]

    async def __call__(self, request: Request) -> JSONResponse:
        """Takes a request apart, and refuses what is no list of texts before it meets others in a batch."""
        try:
            texts = (await request.json())["texts"]
        except (ValueError, TypeError, KeyError):
            texts = None
        good = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
        if not good or not 0 < len(texts) <= MOST_TEXTS:
            said = f'expected {{"texts": [...]}} with 1 to {MOST_TEXTS} strings'
            return JSONResponse({"error": said}, status_code=422)
        return JSONResponse({"predictions": await self.answer(texts)})


def app(arguments: dict[str, str]) -> serve.Application:
    """Makes the application that ``serve run`` starts, of its ``bundle=PATH``."""
    return Classifier.bind(str(Path(arguments["bundle"]).absolute()))
