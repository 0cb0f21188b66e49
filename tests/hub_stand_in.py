"""A stand-in for the Hugging Face Hub on loopback: models with branches, tags and commits, to fetch and push."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

COMMIT = "c0ffee" + "0" * 34
TOKENS = {"hf_writer": "write", "hf_reader": "read"}
"""Of the user ``owner``."""

Reply = tuple[int, dict[str, str], bytes]
Files = dict[str, bytes]


@dataclass
class HubModel:
    """A repository: the files of each commit, and which commit a branch or a tag is at."""

    private: bool = False
    sdk: str | None = None
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def at(self, revision: str) -> str | None:
        """Finds the commit of a branch, a tag, or itself."""
        known = {**self.branches, **self.tags, **{commit: commit for commit in self.commits}}
        return known.get(revision)

    def add(self, files: Files, branch: str = "main", commit: str | None = None) -> str:
        """Makes a commit on a branch."""
        commit = commit or hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[commit] = files
        self.branches[branch] = commit
        return commit


class StandIn:
    """The Hub; what it answers can be spoiled.

    Attributes:
        models: By name; Spaces among them, as ``spaces/OWNER/NAME``.
        asked: The paths that were asked for, with what stands behind the question mark.
        calls: The same as methods and paths.
        breaks_at: Where a path holds this, the connection ends in place of an answer; what was asked is done where
            ``breaks_after`` is set.
        refuses: The status to answer where a path holds this.
    """

    def __init__(self) -> None:
        self.models: dict[str, HubModel] = {}
        self.large: Files = {}
        self.asked: list[str] = []
        self.calls: list[tuple[str, str]] = []
        self.breaks_at: str | None = None
        self.breaks_after = False
        self.refuses: dict[str, int] = {}
        self.endpoint = ""

    def answer(self, method: str, path: str, token: str, body: bytes) -> Reply | None:
        """Answers a request; ``None`` where the connection ends instead."""
        breaks = self.breaks_at is not None and self.breaks_at in path
        if breaks and not self.breaks_after:
            return None
        status = next((status for part, status in self.refuses.items() if part in path), None)
        if status is not None:
            return status, {}, b'{"error": "refused"}'
        found = self._account(path, token, body) or self._model(method, path, token, body)
        return None if breaks else found

    def _account(self, path: str, token: str, body: bytes) -> Reply | None:
        role = TOKENS.get(token)
        if path == "/api/whoami-v2":
            return _json({"name": "owner", "auth": {"accessToken": {"role": role}}}) if role else (401, {}, b"{}")
        if path == "/api/validate-yaml":
            return _json({"errors": [], "warnings": [{"message": "the Hub says something of each card"}]})
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{'spaces/' if asked.get('type') == 'space' else ''}{asked['organization']}/{asked['name']}"
            if role != "write" or asked["organization"] != "owner":
                return 403, {}, b'{"error": "You have no rights there"}'
            if name in self.models:
                return 409, {}, b'{"error": "You already created this model repo"}'
            self.models[name] = HubModel(private=_private(asked), sdk=asked.get("sdk"))
            self.models[name].add({".gitattributes": b"*.onnx filter=lfs\n"})
            return _json({"url": f"{self.endpoint}/{name}"})
        if path.startswith("/large/"):
            digest = hashlib.sha256(body).hexdigest()
            self.large[digest] = body
            return (200, {}, b"") if digest == path.rpartition("/")[2] else (400, {}, b"")
        return None

    def _model(self, method: str, path: str, token: str, body: bytes) -> Reply:
        plain = path.removeprefix("/api/models").removeprefix("/api").removeprefix("/")
        space, plain = ("spaces/" if plain.startswith("spaces/") else ""), plain.removeprefix("spaces/")
        name, _, rest = plain.partition("/")
        last, _, rest = rest.partition("/")
        name = f"{space}{name}/{last.removesuffix('.git')}"
        model = self.models.get(name)
        if model is None or (model.private and token not in TOKENS):
            return 401 if path.startswith("/api/") else 404, {"X-Error-Code": "RepoNotFound"}, b""
        if method in ("GET", "HEAD"):
            return _read(name, model, path, rest)
        if TOKENS.get(token) != "write":
            return 403, {}, b'{"error": "You have no rights there"}'
        return self._write(name, model, rest, body)

    def _write(self, name: str, model: HubModel, rest: str, body: bytes) -> Reply:
        what, _, revision = rest.partition("/")
        revision = unquote(revision)
        if what == "settings":
            model.private = _private(json.loads(body))
            return _json({})
        if what == "branch":
            if revision in model.branches:
                return 409, {}, b'{"error": "Reference already exists"}'
            model.branches[revision] = model.branches["main"]
            return _json({})
        if what == "preupload":
            return _json({"files": [_mode(file) for file in json.loads(body)["files"]]})
        if rest == "info/lfs/objects/batch":
            return _json(
                {"transfer": "basic", "objects": [self._upload(one) for one in json.loads(body)["objects"]]}
            )
        if what == "commit":
            if revision not in model.branches:
                return 404, {"X-Error-Code": "RevisionNotFound"}, b""
            commit = model.add(self._changed(model, revision, body), revision)
            return _json({"commitUrl": f"{self.endpoint}/{name}/commit/{commit}", "commitOid": commit})
        return 404, {"X-Error-Code": "EntryNotFound"}, b""

    def _upload(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        there = asked["oid"] in self.large
        action = {"upload": {"href": f"{self.endpoint}/large/{asked['oid']}"}}
        return {**asked, **({} if there else {"actions": action})}

    def _changed(self, model: HubModel, branch: str, body: bytes) -> Files:
        """The files after the changes of a commit, a line of JSON each."""
        files = dict(model.commits[model.branches[branch]])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.large[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        return files


def _read(name: str, model: HubModel, path: str, rest: str) -> Reply:
    if path.startswith("/api/"):
        return _told(name, model, rest)
    _, _, place = rest.partition("resolve/")
    revision, _, file = place.partition("/")
    commit = model.at(revision)
    if commit is None:
        return 404, {"X-Error-Code": "RevisionNotFound"}, b""
    content = model.commits[commit].get(unquote(file))
    if content is None:
        return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b""
    return 200, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": commit}, content


def _told(name: str, model: HubModel, rest: str) -> Reply:
    if rest == "refs":
        kinds = {"branches": ("heads", model.branches), "tags": ("tags", model.tags)}
        listed = {
            kind: [{"name": one, "ref": f"refs/{folder}/{one}", "targetCommit": at} for one, at in refs.items()]
            for kind, (folder, refs) in kinds.items()
        }
        return _json({**listed, "converts": []})
    what, _, revision = rest.partition("/")
    revision, _, folder = revision.partition("/")
    commit = model.at(unquote(revision) or "main")
    if commit is None:
        return 404, {"X-Error-Code": "RevisionNotFound"}, b""
    if what == "tree":
        listed = [_entry(*one) for one in model.commits[commit].items() if one[0].startswith(unquote(folder))]
        return _json(listed) if listed else (404, {"X-Error-Code": "EntryNotFound"}, b"")
    files = [{"rfilename": file} for file in model.commits[commit]]
    return _json({"id": name, "sha": commit, "private": model.private, "siblings": files, "tags": []})


def _private(asked: Mapping[str, Any]) -> bool:
    return bool(asked.get("private", asked.get("visibility") == "private"))  # by clients below 2, and by later ones


def _entry(file: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha256(content).hexdigest()}


def _mode(file: Mapping[str, Any]) -> dict[str, Any]:
    large = file["path"].endswith((".onnx", ".safetensors"))
    return {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}


def _json(value: Any) -> Reply:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def client_environment(endpoint: str, home: Path) -> dict[str, str]:
    """What a process is started with so that its client asks the stand-in, which knows large files by LFS alone."""
    settings = {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    ours = {"HF_HUB_OFFLINE", "HF_TOKEN", "HF_TOKEN_PATH"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, **settings, "HF_HUB_DISABLE_TELEMETRY": "1"}


@contextmanager
def hub_stand_in() -> Iterator[StandIn]:
    """Serves an empty Hub at its ``endpoint``."""
    hub = StandIn()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            hub.asked.append(self.path)
            hub.calls.append((self.command, path))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            answer = hub.answer(self.command, path, token, body)
            if answer is None:
                self.close_connection = True
                return
            status, headers, content = answer
            self.send_response(status)
            for name, value in (*headers.items(), ("Content-Length", str(len(content)))):
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hub_of(model: str, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serves ``folder`` as the model of that name, at one commit; gives the address, and the paths asked for."""
    with hub_stand_in() as hub:
        files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        hub.models[model] = HubModel(tags={"v1": COMMIT})
        hub.models[model].add(files, commit=COMMIT)
        yield hub.endpoint, hub.asked
