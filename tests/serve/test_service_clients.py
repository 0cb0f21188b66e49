"""Clients of others, as they come from the registries, talk to the service; and what it documents is tried."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from serving import Serving

from edgetext import Predictor

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TEXTS = ["a bowl of ramen", "the road to the mountain", "ünïcode ramen"]
CASES = int(os.environ.get("EDGETEXT_SCHEMA_CASES", "200"))
"""How many requests Schemathesis makes up, about."""


@pytest.fixture(scope="module")
def classify(tiny_bundle: Path) -> Iterator[Predictor]:
    with Predictor(tiny_bundle, deterministic=True, threads=1) as predictor:
        yield predictor


@pytest.mark.parametrize("binary", [True, False])
def test_the_client_of_triton(service: Serving, classify: Predictor, binary: bool) -> None:
    http = pytest.importorskip("tritonclient.http")
    client = http.InferenceServerClient(f"127.0.0.1:{service.port}")
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("tiny")
    assert client.get_server_metadata()["name"] == "edgetext"
    assert [output["name"] for output in client.get_model_metadata("tiny")["outputs"]] == [
        "label",
        "score",
        "scores",
    ]
    text = http.InferInput("text", [len(TEXTS)], "BYTES")
    text.set_data_from_numpy(np.array([one.encode() for one in TEXTS], np.object_), binary_data=binary)
    outputs = (
        None if binary else [http.InferRequestedOutput(name, binary_data=False) for name in ("label", "scores")]
    )
    found = client.infer("tiny", [text], outputs=outputs, request_id="7")
    labels = [one.decode() if isinstance(one, bytes) else one for one in found.as_numpy("label")]
    assert labels == [one.label for one in classify.predict(TEXTS)]
    np.testing.assert_array_equal(found.as_numpy("scores"), classify.predict_proba(TEXTS))
    assert found.get_response()["id"] == "7"
    client.close()


def test_the_client_of_triton_sends_pairs_and_reads_errors(service: Serving, tiny_pairs: Path) -> None:
    http = pytest.importorskip("tritonclient.http")
    client = http.InferenceServerClient(f"127.0.0.1:{service.port}")
    first, second = (http.InferInput(name, [1], "BYTES") for name in ("text", "text_pair"))
    first.set_data_from_numpy(np.array([b"a bowl of ramen"], np.object_))
    second.set_data_from_numpy(np.array([b"some soup"], np.object_))
    scores = client.infer("pairs", [first, second]).as_numpy("scores")
    with Predictor(tiny_pairs, deterministic=True, threads=1) as pairs:
        np.testing.assert_array_equal(scores, pairs.predict_proba([("a bowl of ramen", "some soup")]))
    with pytest.raises(Exception, match="there is no model 'other'"):
        client.infer("other", [first])
    client.close()


def test_a_plain_request_to_tei(service: Serving, classify: Predictor) -> None:
    url = f"{service.url}/predict"
    found = requests.post(url, json={"inputs": TEXTS[0], "raw_scores": False, "truncate": True}, timeout=20)
    assert found.status_code == 200 and found.headers["content-type"] == "application/json"
    expected = classify.predict(TEXTS)
    assert found.json() == [{"label": label, "score": score} for label, score in expected[0].scores.items()]
    batch = requests.post(url, json={"inputs": [[text] for text in TEXTS]}, timeout=20).json()
    assert [rows[0]["label"] for rows in batch] == [one.label for one in expected]


def test_a_client_of_the_open_inference_protocol(service: Serving, classify: Predictor) -> None:
    openapi = pytest.importorskip("open_inference.openapi")
    from open_inference.openapi.client import OpenInferenceClient

    with httpx.Client() as http:
        client = OpenInferenceClient(base_url=service.url, httpx_client=http)
        client.check_server_liveness()
        client.check_server_readiness()
        client.check_model_readiness("tiny")
        assert client.read_server_metadata().name == "edgetext"
        assert [tensor.name for tensor in client.read_model_metadata("tiny").inputs] == ["text"]
        text = openapi.RequestInput(name="text", shape=[len(TEXTS)], datatype="BYTES", data=TEXTS)
        found = client.model_infer("tiny", request=openapi.InferenceRequest(inputs=[text]))
    outputs = {output.name: output.data.__root__ for output in found.outputs}
    assert outputs["label"] == [one.label for one in classify.predict(TEXTS)]


def test_nothing_that_the_document_allows_or_forbids_makes_it_fail(
    service: Serving, tried: Callable[[str, int], None]
) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    wanted = [not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
              checks.response_schema_conformance]  # fmt: skip
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) > 10
    made = 0

    def call(case: Any) -> None:
        nonlocal made
        made += 1
        case.call_and_validate(session=session, checks=wanted)

    with requests.Session() as session:
        for operation in operations:
            for mode in schemathesis.GenerationMode:
                share = settings(max_examples=CASES // 10, deadline=None, database=None,
                                 suppress_health_check=list(HealthCheck))  # fmt: skip
                with suppress(Unsatisfiable):  # nothing about it can be wrong
                    share(given(operation.as_strategy(generation_mode=mode))(call))()
    tried("requests made up by Schemathesis", made)
    assert service.predict({"text": "a"}).status == 200


def test_a_script_in_a_browser(service: Serving, classify: Predictor, browser: Browser) -> None:
    """A page of the service's own origin may ask it; one of another origin gets no answer."""
    asks = """async ([url, texts]) => {
        const headers = {"Content-Type": "application/json"};
        const answer = await fetch(url, {method: "POST", headers, body: JSON.stringify({model: "tiny", texts})});
        return answer.json();
    }"""
    asked: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{service.url}/openapi.json")
    found = page.evaluate(asks, [f"{service.url}/v1/predict", TEXTS])
    assert [one["label"] for one in found["predictions"]] == [one.label for one in classify.predict(TEXTS)]
    assert all(url.startswith(service.url) for url in asked)
    page.goto("data:text/html,<p>elsewhere")
    refused = page.evaluate(
        "(given) => (" + asks + ")(given).then(() => '', String)", [f"{service.url}/v1/predict", TEXTS]
    )
    assert "Failed to fetch" in refused
    page.close()
