"""What reaches the demo's server, by HTTP as an attacker would speak it."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from http.client import HTTPConnection
from urllib.request import urlopen

import pytest

from edgetext.serve.file_desk import MOST_FILE_BYTES
from edgetext.serve.guard import MOST_BYTES, own_names

PREDICT = "/gradio_api/run/predict"


@pytest.fixture
def port(address: str) -> int:
    """Gives the port of a page that goes by ``demo.example`` too."""
    return int(address.rstrip("/").rpartition(":")[2])


def ask(
    port: int, path: str = "/", *, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    """Gives status and body; ``Host`` is 127.0.0.1 and the port unless given."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    headers.setdefault("Host", f"127.0.0.1:{port}")
    if body is not None:
        headers.setdefault("Content-Length", str(len(body)))
        headers.setdefault("Content-Type", "application/json")
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(body)
    answer = connection.getresponse()
    with closing(connection):
        return answer.status, answer.read()


def predict(port: int, value: object = "a bowl of ramen", **headers: str) -> tuple[int, bytes]:
    body = json.dumps({"data": [value, 0.5], "fn_index": 0}).encode()
    return ask(port, PREDICT, method="POST", body=body, **headers)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{}", "localhost:{}", "LOCALHOST:{}", "localhost:9000", "[::1]:{}", "demo.example"]
)
def test_its_own_names_are_answered(host: str, port: int) -> None:
    assert ask(port, Host=host.format(port))[0] == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{}", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7",
     "a@localhost", "", "::1", "xdemo.example"],
)  # fmt: skip
def test_other_names_are_not(host: str, port: int) -> None:
    assert ask(port, Host=host.format(port))[0] in (400, 421)
    assert predict(port, Host=host.format(port))[0] in (400, 421)


def test_its_own_page_is_answered(port: int) -> None:
    for origin in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}"):
        status, body = predict(port, Origin=origin)
        assert status == 200
        assert "confidences" in json.loads(body)["data"][0]


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:{}", "", "file://"]
)
def test_other_pages_are_not(origin: str, port: int) -> None:
    assert predict(port, Origin=origin.format(port))[0] == 403


@pytest.mark.parametrize(
    "path",
    ["/upload", "/gradio_api/upload", "/gradio_api/upload_progress", "/file=/etc/passwd", "/gradio_api/file/x",
     "/gradio_api/file=/etc/passwd", "/gradio_api/file=http://evil.example", "/gradio_api/proxy=http://evil.example",
     "/gradio_api/queue/join", "/gradio_api/component_server", "/gradio_api/vibe-code/", "/openapi.json", "/docs",
     "/login", "/monitoring", "/config", "/gradio_api/info", "//evil.example", "/assets", "/files", "/report",
     "/files/none", "/files/none/answers", "/files/none/rows.csv", "/files/none/answers.csv", "/report/report.html",
     "/report/../bundle/bundle.json"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_the_page_does_not_use_is_not_there(path: str, method: str, port: int) -> None:
    assert ask(port, path, method=method, body=b"{}" if method == "POST" else None)[0] == 404


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../config.py",
        "/assets/..%2f..%2froutes.py",
        "/static/%2fetc/passwd",
        "/gradio_api/run/../upload",
    ],
)
def test_no_path_leaves_its_folder(path: str, port: int) -> None:
    assert ask(port, path)[0] in (400, 403, 404)


def test_long_requests_are_refused_before_they_are_read(port: int) -> None:
    assert ask(port, PREDICT, method="POST", Content_Length=str(MOST_BYTES + 1))[0] == 413
    assert ask(port, PREDICT, method="POST", Content_Length="9" * 15)[0] == 413
    chunked = {"Transfer_Encoding": "chunked", "Content_Length": "5"}
    assert ask(port, PREDICT, method="POST", body=b"0\r\n\r\n", **chunked)[0] in (400, 411)
    assert predict(port, "ramen " * 100_000)[0] == 200


def test_a_file_may_be_larger_than_other_requests_and_has_a_limit_too(port: int) -> None:
    assert ask(port, "/files/", method="POST", Content_Length=str(MOST_FILE_BYTES + 1))[0] == 413
    status, body = ask(port, "/files/?name=rows.csv", method="POST", body=b"text\n" + b"x" * (MOST_BYTES + 1))
    assert status == 200
    key = json.loads(body)["key"]
    assert len(key) >= 32 and ask(port, f"/files/{key}")[0] == 200
    for path in (f"/files/{key}/rows.csv", f"/files/{key}/../{key}", "/files/..", "/files/%2e%2e%2fgradio"):
        assert ask(port, path)[0] in (400, 404)
    for method in ("GET", "PUT", "DELETE"):
        assert ask(port, "/files/", method=method)[0] in (404, 405)
    assert ask(port, "/files/?name=rows.csv", method="POST", body=b"text\na\n", Origin="null")[0] == 403


def test_the_report_may_ask_nobody(address: str) -> None:
    with urlopen(f"{address}report/") as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "sandbox allow-scripts;" in policy and "default-src 'none'" in policy and "same-origin" not in policy


def test_a_file_in_place_of_a_text_is_not_fetched(port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.5)
        address = f"http://127.0.0.1:{trap.getsockname()[1]}/secret"
        file = {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}, "orig_name": "x"}
        predict(port, file)
        with pytest.raises(TimeoutError):
            trap.accept()


def test_a_server_for_others_goes_by_addresses_and_the_machines_name() -> None:
    machine = socket.gethostname().lower()
    for host in ("0.0.0.0", "::", "192.0.2.7"):
        is_own = own_names(host)
        assert all(map(is_own, ["192.0.2.7", "2001:db8::1", "127.0.0.1", "localhost", machine, f"{machine}.local"]))
        assert not is_own("evil.example") and not is_own("192.0.2.7.evil.example")
    assert own_names("box.example")("box.example") and not own_names("127.0.0.1")("box.example")
