"""Requests as they are read, and answers as they are written: JSON, and tensors of the Open Inference Protocol."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

from edgetext.runtime.prediction import Prediction
from edgetext.serve.protocols import PredictRequest, RequestError, TeiRequest, answer, check, parse, tei_answer
from edgetext.serve.settings import Limits
from edgetext.serve.tensors import InferRequest, infer_answer, read_infer

LABELS = ("a", "ü")
PREDICTIONS = [
    Prediction("a", 0.75, {"a": 0.75, "ü": 0.25}, ("a",)),
    Prediction("ü", 0.5, {"ü": 0.5, "a": 0.5}, ("ü",), stage="first"),
]


def tensor(**fields: Any) -> dict[str, Any]:
    return {"name": "text", "datatype": "BYTES", "shape": [2], "data": ["x", "y"], **fields}


def infer_body(*tensors: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({"inputs": list(tensors), **fields}).encode()


def packed(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        ({"text": "x"}, ["x"]),
        ({"text": ""}, [""]),
        ({"text": ["x", "y"]}, [("x", "y")]),
        ({"text": "x", "text_pair": "y"}, [("x", "y")]),
        ({"texts": ["x", ["y", "z"]]}, ["x", ("y", "z")]),
        ({"texts": ["x"], "model": None, "top_k": None}, ["x"]),
    ],
)
def test_texts_and_pairs_are_read(body: Any, texts: Any) -> None:
    assert parse(PredictRequest, json.dumps(body).encode()).asked() == texts


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b'{"text": "\\ud800"}', 400, "JSON"),
        (b"\xff", 400, "JSON"),
        (b"[" * 5000, 400, "JSON"),
        (b"[]", 422, "body"),
        (b"{}", 422, "'texts'"),
        (b'{"text": "x", "texts": []}', 422, "'texts'"),
        (b'{"text": 3}', 422, "text: "),
        (b'{"texts": "x"}', 422, "texts: "),
        (b'{"texts": ["x", 3]}', 422, "texts.1"),
        (b'{"texts": ["x", ["y"]]}', 422, "texts.1"),
        (b'{"texts": ["x", ["y", "z", "z"]]}', 422, "texts.1"),
        (b'{"text": null}', 422, "text: "),
        (b'{"text": "x", "txet": "x"}', 422, "txet"),
        (b'{"text": "x", "top_k": 0}', 422, "top_k"),
        (b'{"text": "x", "top_k": true}', 422, "top_k"),
        (b'{"text": "x", "top_k": "3"}', 422, "top_k"),
        (b'{"text": "x", "model": 3}', 422, "model"),
        (b'{"text": ["x", "y"], "text_pair": "y"}', 422, "text_pair"),
        (b'{"texts": ["x"], "text_pair": "y"}', 422, "text_pair"),
    ],
)
def test_what_is_wrong_is_named_in_a_sentence(body: bytes, status: int, named: str) -> None:
    with pytest.raises(RequestError) as found:
        parse(PredictRequest, body).asked()
    assert found.value.status == status and named in str(found.value) and "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("inputs", "texts", "batch"),
    [
        ("x", ["x"], False),
        (["x"], ["x"], False),
        (["x", "y"], [("x", "y")], False),
        ([["x"], ["y", "z"]], ["x", ("y", "z")], True),
        ([["x"]], ["x"], True),
    ],
)
def test_inputs_mean_what_they_mean_to_tei(inputs: Any, texts: Any, batch: bool) -> None:
    body = {"inputs": inputs, "truncate": False, "raw_scores": False, "parameters": {}}
    asked = parse(TeiRequest, json.dumps(body).encode())
    assert asked.asked() == texts and asked.is_batch is batch


@pytest.mark.parametrize("inputs", [None, 3, [], ["x", "y", "z"], [[]], [["x", "y", "z"]], ["x", ["y"]], [[3]]])
def test_other_inputs_are_refused(inputs: Any) -> None:
    with pytest.raises(RequestError) as found:
        parse(TeiRequest, json.dumps({"inputs": inputs}).encode()).asked()
    assert found.value.status == 422 and "inputs" in str(found.value)
    with pytest.raises(RequestError, match="raw_scores"):
        parse(TeiRequest, b'{"inputs": "x", "raw_scores": true}').asked()


def test_answers_have_the_highest_scores_first() -> None:
    assert json.loads(answer("m", PREDICTIONS, 1)) == {
        "model": "m",
        "predictions": [
            {"label": "a", "score": 0.75, "scores": {"a": 0.75}, "labels": ["a"], "truncated": False, "sure": True,
             "stage": "model"},
            {"label": "ü", "score": 0.5, "scores": {"ü": 0.5}, "labels": ["ü"], "truncated": False, "sure": True,
             "stage": "first"},
        ],
    }  # fmt: skip
    rows = [
        [{"label": "a", "score": 0.75}, {"label": "ü", "score": 0.25}],
        [{"label": "ü", "score": 0.5}, {"label": "a", "score": 0.5}],
    ]
    assert json.loads(tei_answer(PREDICTIONS, batch=True)) == rows
    assert json.loads(tei_answer(PREDICTIONS[:1], batch=False)) == rows[0]


def test_tensors_in_json_and_in_binary_are_the_same_texts() -> None:
    plain = infer_body(tensor(data=["x", "ü"]), tensor(name="text_pair", shape=[2, 1], data=[["y"], ["z"]]), id="7")
    first, second = packed(b"x", "ü".encode()), packed(b"y", b"z")
    head = infer_body(
        tensor(data=None, parameters={"binary_data_size": len(first)}),
        tensor(name="text_pair", data=None, parameters={"binary_data_size": len(second)}),
        id="7",
    )
    read = read_infer(plain, None)
    assert read.texts == [("x", "y"), ("ü", "z")] and read.id == "7"
    assert read_infer(head + first + second, str(len(head))) == read


def test_outputs_are_those_that_are_wanted_as_they_are_wanted() -> None:
    asked = read_infer(infer_body(tensor()), None)
    assert asked.outputs == {"label": False, "score": False, "scores": False}
    body, length = infer_answer("m", LABELS, asked, PREDICTIONS)
    assert length is None
    assert json.loads(body) == {
        "model_name": "m",
        "model_version": "1",
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["a", "ü"]},
            {"name": "score", "datatype": "FP32", "shape": [2], "data": [0.75, 0.5]},
            {"name": "scores", "datatype": "FP32", "shape": [2, 2], "data": [0.75, 0.25, 0.5, 0.5]},
        ],
    }
    outputs = [{"name": "scores", "parameters": {"binary_data": True}}, {"name": "label"}]
    asked = read_infer(infer_body(tensor(), outputs=outputs, id="7"), None)
    body, length = infer_answer("m", LABELS, asked, PREDICTIONS)
    document = json.loads(body[:length])
    assert document["id"] == "7" and [output["name"] for output in document["outputs"]] == ["scores", "label"]
    assert document["outputs"][0]["parameters"] == {"binary_data_size": 16} and "data" not in document["outputs"][0]
    assert np.frombuffer(body[length:], "<f4").tolist() == [0.75, 0.25, 0.5, 0.5]
    everything = read_infer(infer_body(tensor(), parameters={"binary_data_output": True}), None)
    body, length = infer_answer("m", LABELS, everything, PREDICTIONS)
    assert body[length:].startswith(packed(b"a", "ü".encode()))


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (infer_body(), 422, "'text'"),
        (infer_body(tensor(name="other")), 422, "'other'"),
        (infer_body(tensor(), tensor()), 422, "twice"),
        (infer_body(tensor(datatype="FP32")), 422, "FP32"),
        (infer_body(tensor(data=[1, 2])), 422, "texts"),
        (infer_body(tensor(data=None)), 422, "shape"),
        (infer_body(tensor(shape=[3])), 422, "shape"),
        (infer_body(tensor(shape=[-1])), 422, "shape"),
        (infer_body(tensor(shape=[10**30])), 422, "shape"),
        (infer_body(tensor(), tensor(name="text_pair", shape=[1], data=["x"])), 422, "text_pair"),
        (infer_body(tensor(), outputs=[{"name": "logits"}]), 422, "'logits'"),
        (infer_body(tensor(data=None, parameters={"binary_data_size": 9})), 400, "binary_data_size"),
        (infer_body(tensor(data=None, parameters={"binary_data_size": True})), 400, "binary_data_size"),
        (b'{"inputs": [3]}', 422, "inputs.0"),
    ],
)
def test_tensors_that_are_wrong_are_named(body: bytes, status: int, named: str) -> None:
    with pytest.raises(RequestError) as found:
        read_infer(body, None)
    assert found.value.status == status and named in str(found.value)


@pytest.mark.parametrize(
    ("tail", "size", "status"),
    [
        (b"\5\0\0\0abc", 7, 400),
        (b"\5\0", 2, 400),
        (packed(b"\xff", b"x"), 10, 422),
        (packed(b"x", b"y") + b"more", 10, 400),
        (packed(b"x"), 5, 422),
        (b"\xff\xff\xff\xffabcd", 8, 400),
    ],
)
def test_bytes_that_are_no_tensor_are_refused(tail: bytes, size: int, status: int) -> None:
    head = infer_body(tensor(data=None, parameters={"binary_data_size": size}))
    with pytest.raises(RequestError) as found:
        read_infer(head + tail, str(len(head)))
    assert found.value.status == status
    for length in ("-1", "x", "9" * 30, str(len(head + tail) + 1)):
        with pytest.raises(RequestError):
            read_infer(head + tail, length)


def test_limits_are_named() -> None:
    limits = Limits(texts=2, characters=3)
    check(["abc", ("a", "bc")], limits)
    for texts, named in (
        (["a", "b", "c"], "2 texts"),
        (["abcd"], "3 characters"),
        ([("ab", "cd")], "3 char"),
        ([], "no"),
    ):
        with pytest.raises(RequestError, match=named):
            check(texts, limits)


def test_every_schema_can_be_made() -> None:
    for kind in (PredictRequest, TeiRequest, InferRequest):
        assert kind.model_json_schema()["type"] == "object"
