"""The demo's desk for files: rows come in, are classified as ``edgetext predict`` does, and go out with answers.

Gradio's own way with files stays closed: it takes the address of a file in its place, and serves what lies in its
folder by any path. Here a file comes as the body of a request, and its answers go by a name that nobody can guess.
"""

from __future__ import annotations

import asyncio
import html
import logging
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import TYPE_CHECKING, Any

from edgetext.bulk.job import FileJob, predict_rows, text_columns
from edgetext.bulk.records import Record, open_rows
from edgetext.errors import EdgetextError, InputError, first_line, needs_extra
from edgetext.runtime.predictor import Predictor

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

FILES = "/files/"
MOST_FILE_BYTES = 20 << 20
MOST_ROWS = 100_000
OUTPUTS = {".csv": ".csv", ".tsv": ".csv", ".jsonl": ".jsonl", ".ndjson": ".jsonl", ".json": ".jsonl"}
"""What is taken, and what comes of it, by suffix."""
_MOST_FILES = 8
_LONGEST_NAME = 120
_PATIENCE_S = 120.0  # until a file has arrived
_COLUMNS = (("text_column", "Text column"), ("text_pair_column", "Second text column"))
_SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}

_LOG = logging.getLogger(__name__)


class DeskClosedError(Exception):
    """The page was closed while a file was being classified."""


@dataclass
class DeskFile:
    """A file that was handed in, and how far it has come.

    Attributes:
        name: What its owner calls it.
        input: Where it lies.
        output: Where its answers lie when it is done.
        rows: How many have an answer.
        part: How much of it was read, 0 to 1.
        columns: Those of the text, and of the second one of a pair, where the owner named them.
        notes: What the owner should know of how it was read.
        problem: Why it was refused, as a sentence.
        work: Its turn; ``None`` until it has arrived.
    """

    name: str
    input: Path
    output: Path
    columns: tuple[str | None, str | None] = (None, None)
    rows: int = 0
    part: float = 0.0
    notes: list[str] = field(default_factory=list)
    problem: str = ""
    work: Future[None] | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more will come of it."""
        return self.work is not None and self.work.done()

    def told(self, sentence: str) -> str:
        """The sentence in the words of the page: the name of the file, and the boxes for what the command calls."""
        for option, box in _COLUMNS:
            sentence = sentence.replace(f"--{option.replace('_', '-')}", f"'{box}'")
        return sentence.replace(str(self.input), self.name)


class FileDesk:
    """Takes files, classifies them one after another, and keeps the last few with their answers.

    Args:
        classify: Whose model answers; files get a predictor of their own, which is made for many texts.
        folder: Where the files lie; whoever made it removes it.
        most_rows: Of a file.
    """

    def __init__(self, classify: Predictor, folder: Path, most_rows: int = MOST_ROWS) -> None:
        self._classify = classify
        self._folder = folder
        self._most_rows = most_rows
        self._bulk: Predictor | None = None
        self._files: dict[str, DeskFile] = {}
        self._lock = Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="demo-files")
        self._closed = False

    def add_to(self, app: Any) -> None:
        """Adds its paths to a Starlette application."""
        app.add_route(FILES, self._take, methods=["POST"])
        app.add_route(f"{FILES}{{key}}", self._tell, methods=["GET"])
        app.add_route(f"{FILES}{{key}}/answers", self._give, methods=["GET"])

    def close(self) -> None:
        """Ends the work that goes on; what is waiting is not begun."""
        self._closed = True
        self._worker.shutdown(wait=True, cancel_futures=True)
        if self._bulk is not None:
            self._bulk.close()

    async def _take(self, request: Request) -> Response:
        """Takes a file: its name in the query, its content as the body, which the guard has measured."""
        with needs_extra("demo"):
            from starlette.requests import ClientDisconnect

        given = request.query_params
        name = PurePosixPath(given.get("name", "").replace("\\", "/")).name[-_LONGEST_NAME:]
        suffix = PurePosixPath(name).suffix.lower()
        if suffix not in OUTPUTS:
            return _json({"problem": f"{name or 'it'} is none of {', '.join(OUTPUTS)}"}, 415)
        folder = self._folder / secrets.token_urlsafe(24)
        columns = (given.get("text_column") or None, given.get("text_pair_column") or None)
        taken = DeskFile(name, folder / f"rows{suffix}", folder / f"answers{OUTPUTS[suffix]}", columns)
        if not self._make_room(taken):
            return _json({"problem": "other files are waiting: try again in a minute"}, 503)
        try:
            folder.mkdir(parents=True)
            async with asyncio.timeout(_PATIENCE_S):
                with taken.input.open("xb") as stream:
                    async for chunk in request.stream():
                        stream.write(chunk)
        except (ClientDisconnect, OSError) as error:  # a timeout is an OSError too
            self._forget(folder.name)
            return _json({"problem": f"{name} did not arrive: {first_line(error)}"}, 507)
        taken.work = self._worker.submit(self._work, taken)
        return _json({"key": folder.name})

    async def _tell(self, request: Request) -> Response:
        """Tells how far a file has come."""
        file = self._files.get(request.path_params["key"])
        if file is None:
            return _json({"problem": "this file is gone: hand it in again"}, 404)
        told = {"rows": file.rows, "part": file.part, "notes": file.notes, "problem": file.problem}
        return _json({"done": file.done, **told})

    async def _give(self, request: Request) -> Response:
        """Returns the answers, under the name of the file that they are for."""
        with needs_extra("demo"):
            from starlette.responses import FileResponse, PlainTextResponse

        file = self._files.get(request.path_params["key"])
        if file is None or not file.done or file.problem:
            return PlainTextResponse("there is nothing here", 404)
        name = f"{PurePosixPath(file.name).stem}_predicted{file.output.suffix}"
        return FileResponse(file.output, filename=name, headers=_SAFE)

    def _make_room(self, file: DeskFile) -> bool:
        """Keeps a file, in place of the oldest that is done where there are many; says whether there is room."""
        with self._lock:
            oldest = next((key for key, one in self._files.items() if one.done), None)
            full = len(self._files) >= _MOST_FILES
            if full and oldest is None:
                return False
            self._files[file.input.parent.name] = file
        if full and oldest is not None:
            self._forget(oldest)
        return True

    def _forget(self, key: str) -> None:
        self._files.pop(key, None)
        shutil.rmtree(self._folder / key, ignore_errors=True)

    def _work(self, file: DeskFile) -> None:
        """Classifies a file; what is wrong with it becomes its problem."""
        try:
            self._predict(file)
        except DeskClosedError:
            return
        except EdgetextError as error:
            file.problem = file.told(str(error))
        except Exception as error:
            _LOG.exception("a file could not be classified")
            file.problem = f"something unexpected happened: {first_line(error)}"

    def _predict(self, file: DeskFile) -> None:
        def report(rows: int, position: float, size: int) -> None:
            if self._closed:
                raise DeskClosedError
            file.rows, file.part = rows, min(1.0, position / size) if size else 0.0

        classify = self._predictor()
        columns = text_columns(classify, *file.columns)
        with open_rows(file.input, columns, lambda note: file.notes.append(file.told(note))) as source:
            rows = replace(source, name=file.name, records=_at_most(source.records, self._most_rows))
            job = FileJob(file.output, spreadsheet=file.output.suffix == ".csv")
            file.rows = predict_rows(classify, rows, job, report).rows

    def _predictor(self) -> Predictor:
        """Opens the predictor for files when the first one comes."""
        if self._bulk is None:
            one = self._classify
            self._bulk = Predictor(
                one.path,
                variant=one.variant.name,
                profile="throughput",
                truncation=one.truncation,
                deterministic=one.deterministic,
                min_confidence=one.min_confidence,
                first_stage="auto" if one.first_stage else "off",
            )
        return self._bulk


def draw_desk(classify: Predictor) -> str:
    """Draws the desk as HTML; ``demo.js`` brings it to life."""
    manifest = classify.manifest
    names = [manifest.text_column or "text", *([manifest.text_pair_column] if manifest.text_pair_column else [])]
    boxes = "".join(
        f"<label>{label} <input name='{name}' placeholder='{html.escape(column, quote=True)}'></label>"
        for (name, label), column in zip(_COLUMNS, names, strict=False)
    )
    return (
        f"<section id='file-desk' data-most-bytes='{MOST_FILE_BYTES}'>"
        "<p class='hint'>Rows of CSV, TSV or JSON Lines go in, and come back with the answers beside them: up to "
        f"{MOST_FILE_BYTES >> 20} MB and {MOST_ROWS:,} rows. Files stay with the program behind this page, and go "
        f"when it ends.</p><p class='columns'>{boxes}</p>"
        f"<label class='drop'><input type='file' accept='{','.join(OUTPUTS)}'><span>Drop a file here, or choose one"
        "</span></label><progress max='1' value='0' hidden></progress>"
        "<p class='status note' role='status'></p>"
        "<a class='answers' download hidden>Download the answers</a></section>"
    )


def _at_most(records: Iterator[Record], most: int) -> Iterator[Record]:
    for number, record in enumerate(records, start=1):
        if number > most:
            raise InputError(f"the file has more than {most:,} rows, the most that this page takes")
        yield record


def _json(value: dict[str, Any], status: int = 200) -> Response:
    with needs_extra("demo"):
        from starlette.responses import JSONResponse

    return JSONResponse(value, status, headers=_SAFE)
