"""The service by HTTP: the answers of its three protocols, what it refuses, and what it says of itself."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from serving import Serving

from edgetext import Predictor
from edgetext.cli.main import main
from edgetext.errors import InputError
from edgetext.serve.keys import is_known, read_keys
from edgetext.serve.settings import named

TEXTS = ["a bowl of ramen", "the road to the mountain", ""]
PAIRS = [["a bowl of ramen", "some soup"], ["a dog in the park", "a cat"]]
PATHS = ("/v1/predict", "/predict", "/v2/models/tiny/infer")


@pytest.fixture(scope="module")
def classify(tiny_bundle: Path) -> Iterator[Predictor]:
    with Predictor(tiny_bundle, deterministic=True, threads=1) as predictor:
        yield predictor


def test_predictions_are_those_of_the_predictor(service: Serving, classify: Predictor, tiny_pairs: Path) -> None:
    expected = classify.predict(TEXTS)
    found = service.predict({"texts": TEXTS}).json
    assert found["model"] == "tiny"
    for one, prediction in zip(found["predictions"], expected, strict=True):
        assert one["label"] == prediction.label and one["labels"] == list(prediction.labels)
        assert one["scores"] == dict(prediction.scores) and list(one["scores"]) == list(prediction.scores)
        assert (one["score"], one["truncated"], one["stage"]) == (prediction.score, prediction.truncated, "model")
    (single,) = service.predict({"text": TEXTS[0], "top_k": 1}).json["predictions"]
    assert single["scores"] == {expected[0].label: expected[0].score}
    with Predictor(tiny_pairs, deterministic=True, threads=1) as pairs:
        scores = [dict(one.scores) for one in pairs.predict([tuple(pair) for pair in PAIRS])]  # type: ignore[misc]
    for body in ({"texts": PAIRS}, {"text": PAIRS[0][0], "text_pair": PAIRS[0][1]}, {"text": PAIRS[0]}):
        found = service.predict({**body, "model": "pairs"}).json["predictions"]
        assert [one["scores"] for one in found] == scores[: len(found)]
        assert {one["sure"] for one in found} <= {True, False}


def test_tei_and_the_open_inference_protocol_answer_the_same(service: Serving, classify: Predictor) -> None:
    expected = classify.predict(TEXTS)
    rows = [[{"label": label, "score": score} for label, score in one.scores.items()] for one in expected]
    assert service.ask("POST", "/predict", {"inputs": TEXTS[0]}).json == rows[0]
    assert service.ask("POST", "/predict", {"inputs": [[text] for text in TEXTS]}).json == rows
    tensor = {"name": "text", "datatype": "BYTES", "shape": [3], "data": TEXTS}
    answer = service.ask("POST", "/v2/models/tiny/infer", {"id": "7", "inputs": [tensor]}).json
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert answer["id"] == "7"
    assert outputs["label"] == [one.label for one in expected] and outputs["score"] == [
        one.score for one in expected
    ]
    assert outputs["scores"] == [one.scores[label] for one in expected for label in classify.labels]


def test_it_describes_its_models(service: Serving, classify: Predictor) -> None:
    models = service.ask("GET", "/v1/models").json["models"]
    assert [model["name"] for model in models] == ["tiny", "pairs", "first"]
    assert [model["pairs"] for model in models] == [False, True, False]
    assert [model["first_stage"] for model in models] == [False, False, True]
    assert models[0]["labels"] == list(classify.labels)
    assert "binary_tensor_data" in service.ask("GET", "/v2").json["extensions"]
    found = service.ask("GET", "/v2/models/pairs").json
    assert [tensor["name"] for tensor in found["inputs"]] == ["text", "text_pair"]
    assert found["outputs"][-1] == {"name": "scores", "datatype": "FP32", "shape": [-1, len(classify.labels)]}
    for path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready", "/v2/models/tiny/ready"):
        assert service.ask("GET", path).status == 200


@pytest.mark.parametrize("path", PATHS)
def test_what_cannot_be_read_is_one_sentence(service: Serving, path: str) -> None:
    for body, status in ((b"{", 400), (b"", 400), (b"\xff\xfe", 400), ([], 422), ({}, 422), (3, 422)):
        answer = service.ask("POST", path, body)
        assert answer.status == status and re.fullmatch(r"[^\n]+", answer.json["error"])
    assert service.ask("GET", path).status == 405


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nothing", 404), ("GET", "/docs", 404), ("GET", "/v2/models/other", 404),
    ("GET", "/v2/models/other/ready", 404), ("POST", "/v2/models/other/infer", 404),
    ("GET", "/../etc/passwd", 404), ("DELETE", "/v1/models", 405),
])  # fmt: skip
def test_what_is_not_there_is_told(service: Serving, method: str, path: str, status: int) -> None:
    answer = service.ask(method, path, {} if method == "POST" else None)
    assert answer.status == status and answer.json["error"]


def test_limits_are_named_in_the_answer(service: Serving) -> None:
    many = service.predict({"texts": ["a"] * 6})
    assert many.status == 422 and "5 texts" in many.json["error"]
    long = service.predict({"text": "a" * 2001})
    assert long.status == 422 and "2000 characters" in long.json["error"]
    unknown = service.predict({"text": "a", "model": "other"})
    assert unknown.status == 404 and "tiny, pairs, first" in unknown.json["error"]
    packed = service.predict(b"xx", Content_Encoding="gzip")
    assert packed.status == 415 and "compressed" in packed.json["error"]


def test_a_large_body_is_refused_before_it_is_there_and_while_it_comes(service: Serving) -> None:
    told = service.predict(b"x" * 100_000_000)  # sent as a whole by a client that reads nothing meanwhile
    assert told.status == 413 and "20000 bytes" in told.json["error"]
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=20)) as connection:
        head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost:{service.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + (b"4e20\r\n" + b"x" * 20_000 + b"\r\n") * 2)
        assert b" 413 " in connection.recv(4000).splitlines()[0]


def test_a_chunked_body_is_read(service: Serving) -> None:
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=20)) as connection:
        head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost:{service.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b'5\r\n{"tex\r\n7\r\nt": "a"\r\n1\r\n}\r\n0\r\n\r\n')
        assert b" 200 " in connection.recv(4000).splitlines()[0]


def test_slow_clients_are_let_go(service: Serving) -> None:
    head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost:{service.port}\r\nContent-Length: 99\r\n\r\n".encode()
    begun = time.monotonic()
    for sent, answer in ((b"", b""), (head[:30], b""), (head, b"HTTP/1.1 408"), (head + b'{"t', b"HTTP/1.1 408")):
        with closing(socket.create_connection(("127.0.0.1", service.port), timeout=20)) as connection:
            connection.sendall(sent)
            assert connection.recv(4000)[:12] == answer
    again = f"GET /healthz HTTP/1.1\r\nHost: localhost:{service.port}\r\n\r\n".encode()
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=20)) as connection:
        connection.sendall(again)
        said = b""
        while not said.endswith(b"}"):
            said += connection.recv(4000)
        connection.sendall(again[:20])  # a second head, on a connection that is kept
        assert connection.recv(4000) == b""
    assert time.monotonic() - begun < 15
    assert service.predict({"text": "a"}).status == 200


@pytest.mark.parametrize("host", ["evil.example", "192.0.2.7", "localhost.evil.example"])
def test_it_goes_by_its_own_names_and_no_page_of_others_asks_it(service: Serving, host: str) -> None:
    assert service.predict({"text": "a"}, Host=host).status == 421
    assert service.predict({"text": "a"}, Origin=f"http://{host}").status == 403


def test_metrics_count_what_was_done(service: Serving) -> None:
    service.predict({"texts": ["soup", "rain over the city"], "model": "first"})
    service.predict({"text": "soup", "model": "first"})
    said = service.ask("GET", "/metrics").body.decode()
    assert (
        float(re.findall(r'^edgetext_answered_texts_total\{model="first",stage="first"\} (\S+)', said, re.M)[0])
        >= 2
    )
    assert float(re.findall(r'^edgetext_batch_texts_count\{model="first"\} (\S+)', said, re.M)[0]) >= 1
    assert re.search(r'^edgetext_requests_total\{route="/v1/predict",status="200"\} ', said, re.M)
    assert re.search(r'^edgetext_request_seconds_bucket\{le="0.005",route="/v1/predict"\} ', said, re.M)
    assert re.search(r"^edgetext_queue_texts 0.0$", said, re.M)
    assert re.search(r"^edgetext_refused_total ", said, re.M)


def test_the_log_has_a_line_a_request_and_no_text(service: Serving) -> None:
    secret = "a secret word"
    service.predict({"texts": [secret, secret]})
    ends = time.monotonic() + 10
    while not (lines := [line for line in service.log if line.get("texts") == 2]) and time.monotonic() < ends:
        time.sleep(0.05)
    assert {"method": "POST", "route": "/v1/predict", "status": 200, "batch": 2}.items() <= lines[-1].items()
    assert lines[-1]["ms"] > 0 and lines[-1]["time"].startswith("20")
    assert secret not in service.log_file.read_text("utf-8")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this system, which makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    )
    subprocess.run(
        [*command.split(), "-keyout", "key.pem", "-out", "cert.pem"], cwd=folder, check=True, capture_output=True
    )
    return folder


def test_keys_tls_and_texts_in_the_log(tiny_bundle: Path, certificate: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("# of the app\nfirst-key-1\n\nsecond-key-2\n")
    serving = Serving(
        tmp_path, f"tiny={tiny_bundle}", "--api-keys", tmp_path / "keys", "--log-texts", "--tls-cert",
        certificate / "cert.pem", "--tls-key", certificate / "key.pem", EDGETEXT_API_KEYS="third-key-3",
    )  # fmt: skip
    trusted = ssl.create_default_context(cafile=str(certificate / "cert.pem"))

    def ask(path: str, body: bytes | None = None, **headers: str) -> int:
        address = f"https://localhost:{serving.port}{path}"
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(urllib.request.Request(address, body, names), context=trusted) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    body = b'{"text": "a bowl of ramen"}'
    for key in ("first-key-1", "second-key-2", "third-key-3"):
        assert ask("/v1/predict", body, Authorization=f"Bearer {key}") == 200
        assert ask("/v1/predict", body, X_API_Key=key) == 200
    wrong = ("Bearer wrong-key", "Basic first-key-1", "Bearer first-key-", "Bearer # of the app", "first-key-1", "")
    for header in ({}, {"X_API_Key": ""}, *({"Authorization": word} for word in wrong)):
        for path in ("/v1/predict", "/v1/reload", "/v2/models/tiny/infer", "/predict"):
            assert ask(path, body, **header) == 401
        assert ask("/metrics", **header) == 401
    for path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"):
        assert ask(path) == 200
    assert serving.stop() == 0
    assert any(line.get("shown") == ["a bowl of ramen"] for line in serving.log)
    assert "first-key-1" not in serving.log_file.read_text("utf-8")


def test_keys_are_read_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EDGETEXT_API_KEYS", raising=False)
    assert read_keys(None) == ()
    file = tmp_path / "keys"
    for content, wanted in (
        ("", "no API key"),
        ("short", "8 or more"),
        ("with a space", "spaces"),
        ("ümlautig1", "ASCII"),
    ):
        file.write_text(content, "utf-8")
        with pytest.raises(InputError, match=wanted):
            read_keys(str(file))
    with pytest.raises(InputError, match="nowhere"):
        read_keys(str(tmp_path / "nowhere"))
    assert is_known((b"12345678",), {b"authorization": b"bearer 12345678"})
    assert not is_known((b"12345678",), {b"authorization": b"12345678", b"x-api-key": b"1234567\xff"})


def test_bundles_are_named_after_their_folders() -> None:
    assert named(["runs/food/bundle", "other=runs/x/bundle"]) == (
        ("bundle", "runs/food/bundle"),
        ("other", "runs/x/bundle"),
    )
    assert named(["hub:owner/name@v1"]) == (("name", "hub:owner/name@v1"),)
    for words, wanted in (
        (["a/bundle", "b/bundle"], "'bundle'"),
        (["a b=x"], "NAME=BUNDLE"),
        (["x="], "NAME=BUNDLE"),
    ):
        with pytest.raises(InputError, match=wanted):
            named(words)


@pytest.mark.parametrize("words, wanted", [
    (["--queue", "0"], "queue"), (["--max-wait-ms", "-1"], "wait_ms"), (["--workers", "0"], "worker"),
    (["--tls-key", "key.pem"], "--tls-cert"), (["--port", "70000"], "70000"),
    (["--host", "192.0.2.1"], "192.0.2.1"),
    (["--read-timeout", "nan"], "read_s"), (["--api-keys", "/nowhere/keys"], "/nowhere/keys"),
    (["--tls-cert", "/nowhere/cert.pem", "--port", "0"], "certificate"),
])  # fmt: skip
def test_options_that_cannot_be_meant_are_one_line(
    words: list[str], wanted: str, tiny_bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", str(tiny_bundle), *words]) == 2
    said = capsys.readouterr().err
    assert wanted in said and said.count("\n") == 1


def test_a_folder_that_is_no_bundle_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(tmp_path)]) == 2
    assert "is no bundle" in capsys.readouterr().err
