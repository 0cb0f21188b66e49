"""The routes of a service, as a FastAPI application: they read a request, ask a model, and write the answer.

Bodies are read by pydantic as they come, whatever media type they are sent with; FastAPI documents them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

from edgetext import __version__
from edgetext.errors import BundleError, EdgetextError, InputError
from edgetext.serve.batching import Answers, QueueFullError
from edgetext.serve.entrance import VISIT, State, Visit, headers_of
from edgetext.serve.guard import is_of_this_machine_alone
from edgetext.serve.metrics import MEDIA_TYPE, Metrics
from edgetext.serve.models import Models, Served, UnknownModelError
from edgetext.serve.protocols import (
    PredictAnswer,
    PredictRequest,
    RequestError,
    TeiRequest,
    TeiScore,
    answer,
    as_json,
    check,
    parse,
    tei_answer,
)
from edgetext.serve.settings import ServiceSettings
from edgetext.serve.tensors import OUTPUTS, TEXT, TEXT_PAIR, InferAnswer, InferRequest, infer_answer, read_infer
from edgetext.task import Text

JSON_LENGTH = "Inference-Header-Content-Length"
"""Where the JSON of a body ends and binary tensors begin."""

_OF_TEXTS = (400, 408, 413, 415, 422, 503)
_REQUESTS = (PredictRequest, TeiRequest, InferRequest)
_SCHEMAS = "#/components/schemas/"


class ErrorAnswer(BaseModel):
    """What is wrong with a request, or with the service."""

    error: str


class Service:
    """What the routes share.

    Args:
        settings: Of the service.
        models: That are asked.
        metrics: Of the service.
        state: What it is doing.
        reload: Opens the bundles anew, and tells the other processes.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        models: Models,
        metrics: Metrics,
        state: State,
        reload: Callable[[], Awaitable[str]],
    ) -> None:
        self.settings = settings
        self.models = models
        self.metrics = metrics
        self.state = state
        self.reload = reload

    async def ask(self, request: Request, served: Served, texts: list[Text]) -> Answers:
        """Has the texts of a request answered, and notes it."""
        check(texts, self.settings.limits)
        visit: Visit = request.scope[VISIT]
        visit.texts = len(texts)
        if self.settings.log_texts:
            visit.shown = list(texts)
        answers = await served.ask(texts)
        visit.batch = answers.batch
        return answers


def make_app(service: Service) -> FastAPI:
    """Makes the application."""
    app = FastAPI(title="edgetext", version=__version__, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    _add_own(app, service)  # routes are tried in this order
    _add_tei(app, service)
    _add_inference(app, service)
    _add_operations(app, service)
    for kind, respond in ((EdgetextError, _told), (HTTPException, _http), (Exception, _unexpected)):
        app.add_exception_handler(kind, respond)
    app.openapi = lambda: _documented(app)  # type: ignore[method-assign]
    return app


def _add_own(app: FastAPI, service: Service) -> None:
    @app.post("/v1/predict", response_model=PredictAnswer, responses=_problems(404, *_OF_TEXTS),
              openapi_extra=_takes(PredictRequest))  # fmt: skip
    async def predict(request: Request) -> Response:
        """Classifies texts or pairs of texts."""
        _enter(request)
        asked = parse(PredictRequest, await request.body())
        served = service.models.named(asked.model)
        answers = await service.ask(request, served, asked.asked())
        return _json(answer(served.name, answers.predictions, asked.top_k))

    @app.get("/v1/models", responses=_problems())
    async def list_models(request: Request) -> Response:
        """Lists the models by name; the first answers what names none."""
        _enter(request)
        return _json({"models": [_described(served) for served in service.models]})

    @app.post("/v1/reload", responses=_problems(403, 409))
    async def reload(request: Request) -> Response:
        """Opens the bundles anew; requests that are under way are answered by those that they found."""
        _enter(request)
        if not service.state.keys and not is_of_this_machine_alone(service.settings.access.host):
            raise RequestError(403, "anybody can reach this service: without API keys it reloads by SIGHUP only")
        refused = await service.reload()
        if refused:
            raise RequestError(409, refused)
        return _json({"models": [served.name for served in service.models]})


def _add_tei(app: FastAPI, service: Service) -> None:
    @app.post("/predict", response_model=list[TeiScore] | list[list[TeiScore]],
              responses=_problems(*_OF_TEXTS), openapi_extra=_takes(TeiRequest))  # fmt: skip
    async def predict_as_tei(request: Request) -> Response:
        """Classifies as Text Embeddings Inference does, by the first model."""
        _enter(request)
        asked = parse(TeiRequest, await request.body())
        answers = await service.ask(request, service.models.named(None), asked.asked())
        return _json(tei_answer(answers.predictions, batch=asked.is_batch))


def _add_inference(app: FastAPI, service: Service) -> None:
    """Adds the routes of the Open Inference Protocol."""

    @app.get("/v2")
    async def server_metadata(request: Request) -> Response:
        """Says which server this is, and which extensions of the protocol it speaks."""
        _enter(request)
        return _json({"name": "edgetext", "version": __version__, "extensions": ["binary_tensor_data"]})

    @app.get("/v2/models/{name}", responses=_problems(404))
    async def model_metadata(name: str, request: Request) -> Response:
        """Describes the inputs and outputs of a model."""
        _enter(request)
        return _json(_tensors(service.models.named(name)))

    @app.get("/v2/models/{name}/ready", responses=_problems(404, 503))
    async def model_ready(name: str, request: Request) -> Response:
        """Says whether a model answers."""
        _enter(request)
        return _readiness(service, {"name": service.models.named(name).name, "ready": service.state.ready})

    @app.post("/v2/models/{name}/infer", response_model=InferAnswer, responses=_problems(404, *_OF_TEXTS),
              openapi_extra=_takes(InferRequest))  # fmt: skip
    async def infer(name: str, request: Request) -> Response:
        """Classifies the texts of a BYTES tensor, in JSON or in binary."""
        _enter(request)
        served = service.models.named(name)
        asked = read_infer(await request.body(), request.headers.get(JSON_LENGTH))
        answers = await service.ask(request, served, asked.texts)
        body, length = infer_answer(served.name, served.classify.labels, asked, answers.predictions)
        if length is None:
            return _json(body)
        return Response(body, headers={JSON_LENGTH: str(length)}, media_type="application/octet-stream")


def _add_operations(app: FastAPI, service: Service) -> None:
    async def alive(request: Request) -> Response:
        """Says that the process answers."""
        _enter(request)
        return _json({"live": True})

    async def ready(request: Request) -> Response:
        """Says whether requests should be sent here: not once the service was told to stop."""
        _enter(request)
        return _readiness(service, {"ready": service.state.ready})

    for path, endpoint, problems in (
        ("/healthz", alive, ()),
        ("/v2/health/live", alive, ()),
        ("/readyz", ready, (503,)),
        ("/v2/health/ready", ready, (503,)),
    ):
        app.add_api_route(
            path, endpoint, responses=_problems(*problems), operation_id=path.strip("/").replace("/", "_")
        )

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def metrics(request: Request) -> Response:
        """Counts, for Prometheus."""
        _enter(request)
        service.metrics.queue(service.state.room.taken)
        return Response(await asyncio.to_thread(service.metrics.text), headers={"content-type": MEDIA_TYPE})


def _enter(request: Request) -> None:
    """Notes which route a request came to."""
    request.scope[VISIT].route = request.scope["route"].path


def _readiness(service: Service, said: dict[str, Any]) -> Response:
    return _json(
        said if service.state.ready else {**said, "error": "the service is stopping"},
        200 if service.state.ready else 503,
    )


def _described(served: Served) -> dict[str, Any]:
    classify = served.classify
    return {
        "name": served.name,
        "variant": classify.variant.name,
        "task": classify.task.name,
        "labels": list(classify.labels),
        "max_length": classify.max_length,
        "pairs": bool(classify.manifest.text_pair_column),
        "first_stage": classify.first_stage is not None,
    }


def _tensors(served: Served) -> dict[str, Any]:
    names = (TEXT, TEXT_PAIR) if served.classify.manifest.text_pair_column else (TEXT,)
    labels = list(served.classify.labels)
    return {
        "name": served.name,
        "versions": ["1"],
        "platform": "edgetext",
        "inputs": [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in names],
        "outputs": [
            {"name": name, "datatype": kind, "shape": [-1, len(labels)] if name == "scores" else [-1]}
            for name, kind in OUTPUTS.items()
        ],
        "parameters": {"labels": labels},
    }


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = value if isinstance(value, bytes) else as_json(value)
    return Response(body, status, headers, media_type="application/json")


def _problem(status: int, sentence: str) -> Response:
    return _json({"error": sentence}, status, {name.decode(): value.decode() for name, value in headers_of(status)})


async def _told(_: Request, error: Exception) -> Response:
    """Answers with an error that is raised on purpose."""
    if isinstance(error, RequestError):
        return _problem(error.status, str(error))
    statuses = ((QueueFullError, 503), (UnknownModelError, 404), (BundleError, 500), (InputError, 422))
    return _problem(next((status for kind, status in statuses if isinstance(error, kind)), 500), str(error))


async def _http(request: Request, error: Exception) -> Response:
    """Answers that there is no such path, or that it takes another method."""
    assert isinstance(error, HTTPException)
    sentence = {404: "there is nothing here", 405: f"this path does not take {request.method}"}
    response = _problem(error.status_code, sentence.get(error.status_code, error.detail))
    response.headers.update(error.headers or {})
    return response


async def _unexpected(_: Request, error: Exception) -> Response:
    """Answers where this program is at fault; the server logs the traceback."""
    return _problem(500, f"the service failed: {type(error).__name__}")


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documents the errors of a route; what stands before the routes may answer with the first four."""
    return {status: {"model": ErrorAnswer} for status in sorted({401, 403, 421, *statuses})}


def _takes(kind: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": f"{_SCHEMAS}{kind.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _documented(app: FastAPI) -> dict[str, Any]:
    """Makes the OpenAPI document, with the bodies that FastAPI does not read itself."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        _, found = models_json_schema(
            [(kind, "validation") for kind in _REQUESTS], ref_template=_SCHEMAS + "{model}"
        )
        document["components"]["schemas"] |= found["$defs"]
        app.openapi_schema = document
    return app.openapi_schema
