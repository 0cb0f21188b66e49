"""The demo's desk for files: rows come in, are classified as ``edgetext predict`` does, and go out with answers.

Gradio's own way with files stays closed: it takes the address of a file in its place, and serves what lies in its
folder by any path. Here a file comes as the body of a request, and its answers go by a name that nobody can guess.
"""

from __future__ import annotations

import html
import logging
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
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
        problem: Why it was refused, as a sentence.
        work: Its turn.
    """

    name: str
    input: Path
    output: Path
    rows: int = 0
    part: float = 0.0
    problem: str = ""
    work: Future[None] | None = None

    @property
    def done(self) -> bool:
        """Whether nothing more will come of it."""
        return self.work is None or self.work.done()


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

        name = PurePosixPath(request.query_params.get("name", "").replace("\\", "/")).name[-_LONGEST_NAME:]
        suffix = PurePosixPath(name).suffix.lower()
        if suffix not in OUTPUTS:
            return _json({"problem": f"{name or 'it'} is none of {', '.join(OUTPUTS)}"}, 415)
        key = secrets.token_urlsafe(24)
        if not self._make_room():
            return _json({"problem": "other files are waiting: try again in a minute"}, 503)
        folder = self._folder / key
        folder.mkdir(parents=True)
        taken = DeskFile(name, folder / f"rows{suffix}", folder / f"answers{OUTPUTS[suffix]}")
        try:
            with taken.input.open("xb") as stream:
                async for chunk in request.stream():
                    stream.write(chunk)
        except (ClientDisconnect, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            return _json({"problem": f"{name} did not arrive: {first_line(error)}"}, 507)
        with self._lock:
            self._files[key] = taken
            taken.work = self._worker.submit(self._work, taken)
        return _json({"key": key})

    async def _tell(self, request: Request) -> Response:
        """Tells how far a file has come."""
        file = self._files.get(request.path_params["key"])
        if file is None:
            return _json({"problem": "this file is gone: hand it in again"}, 404)
        return _json({"rows": file.rows, "part": file.part, "done": file.done, "problem": file.problem})

    async def _give(self, request: Request) -> Response:
        """Returns the answers, under the name of the file that they are for."""
        with needs_extra("demo"):
            from starlette.responses import FileResponse, PlainTextResponse

        file = self._files.get(request.path_params["key"])
        if file is None or not file.done or file.problem:
            return PlainTextResponse("there is nothing here", 404)
        name = f"{PurePosixPath(file.name).stem}_predicted{file.output.suffix}"
        return FileResponse(file.output, filename=name, headers=_SAFE)

    def _make_room(self) -> bool:
        """Forgets the oldest file that is done where there are many; says whether there is room for another."""
        with self._lock:
            if len(self._files) < _MOST_FILES:
                return True
            oldest = next((key for key, file in self._files.items() if file.done), None)
            if oldest is None:
                return False
            del self._files[oldest]
        shutil.rmtree(self._folder / oldest, ignore_errors=True)
        return True

    def _work(self, file: DeskFile) -> None:
        """Classifies a file; what is wrong with it becomes its problem."""
        try:
            self._predict(file)
        except DeskClosedError:
            return
        except EdgetextError as error:
            file.problem = str(error).replace(str(file.input), file.name)
        except Exception as error:
            _LOG.exception("a file could not be classified")
            file.problem = f"something unexpected happened: {first_line(error)}"

    def _predict(self, file: DeskFile) -> None:
        def report(rows: int, position: float, size: int) -> None:
            if self._closed:
                raise DeskClosedError
            file.rows, file.part = rows, min(1.0, position / size) if size else 0.0

        classify = self._predictor()
        with open_rows(file.input, text_columns(classify)) as source:
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
    columns = [name for name in (manifest.text_column, manifest.text_pair_column) if name] or ["text"]
    named = " and ".join(f"<b>{html.escape(name)}</b>" for name in columns)
    where = f"in the {'columns' if columns[1:] else 'column'} {named}"
    return (
        f"<section id='file-desk' data-most-bytes='{MOST_FILE_BYTES}'>"
        f"<p class='hint'>CSV, TSV or JSON Lines with the texts {where}, up to {MOST_FILE_BYTES >> 20} MB and "
        f"{MOST_ROWS:,} rows. You get the same rows with the answers beside them. Files stay with the program "
        f"behind this page, and go when it ends.</p>"
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
