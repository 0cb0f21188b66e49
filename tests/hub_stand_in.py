"""A stand-in for the Hugging Face Hub on loopback: one model, from a folder, at one commit: branch main, tag v1."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "c0ffee" + "0" * 34
REVISIONS = ("main", "v1", COMMIT)


@contextmanager
def hub_of(model: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serves ``folder`` as the model of that name; gives the address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, format: str, *args: object) -> None:
            """Keeps the test's output clean."""

        def _answer(self, *, with_body: bool) -> None:
            asked.append(self.path)
            status, headers, body = reply(self.path.partition("?")[0], model, folder)
            self.send_response(status)
            for name, value in (*headers.items(), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(path: str, model: str, folder: Path) -> tuple[int, dict[str, str], bytes]:
    """Gives status, headers and body; the headers are those by which ``huggingface_hub`` knows a file."""
    if path == f"/api/models/{model}/refs":
        branch, tag = ({"name": name, "ref": name, "targetCommit": COMMIT} for name in ("main", "v1"))
        return 200, {}, json.dumps({"branches": [branch], "tags": [tag], "converts": []}).encode()
    if path in (f"/api/models/{model}", *(f"/api/models/{model}/revision/{known}" for known in REVISIONS)):
        files = [{"rfilename": str(file.relative_to(folder))} for file in folder.rglob("*") if file.is_file()]
        return 200, {}, json.dumps({"id": model, "sha": COMMIT, "siblings": files, "tags": []}).encode()
    if path.startswith(f"/api/models/{model}/tree/"):  # chat templates, of which there are none
        return 404, {"X-Error-Code": "EntryNotFound"}, b""
    for revision in REVISIONS:
        start = f"/{model}/resolve/{revision}/"
        if path.startswith(start):
            file = folder / path.removeprefix(start)
            if not file.is_file():
                return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b""
            body = file.read_bytes()
            return 200, {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT}, body
    return 404, {"X-Error-Code": "RevisionNotFound" if model in path else "RepoNotFound"}, b""
