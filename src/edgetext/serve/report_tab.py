"""The demo's tab with the report of the bench: a page of somebody else's, shown where it can reach nobody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.errors import InputError, needs_extra
from edgetext.reading import MAX_RECORD_BYTES, read_bytes

if TYPE_CHECKING:
    from starlette.responses import Response

REPORT = "/report/"
REPORT_FILE = "report.html"
FRAME = (
    f"<iframe id='report' title='Report' sandbox='allow-scripts' src='{REPORT[1:]}'></iframe>"
    f"<p><a href='{REPORT[1:]}' target='_blank' rel='noopener'>Open it in a window of its own</a></p>"
)
_ALONE = {  # its own script and style run, and nothing is asked of anybody, this server included
    "Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}


def find_report(bundle: Path, given: Path | None = None) -> bytes | None:
    """Reads the page of a bench's report: of the folder that was given, or of ``report`` beside the bundle.

    Args:
        bundle: The bundle's folder.
        given: What ``edgetext bench`` wrote: the folder, or the page in it.

    Returns:
        The page; ``None`` where none was given and none is there.

    Raises:
        InputError: What was given holds no page, or one that cannot be read.
    """
    beside = bundle.absolute().parent / "report" / REPORT_FILE
    if given is None:
        return read_bytes(beside, MAX_RECORD_BYTES) if beside.is_file() else None
    page = given if given.is_file() else given / REPORT_FILE
    if not page.is_file():
        raise InputError(f"{given} holds no {REPORT_FILE}: give the folder that 'edgetext bench -o' wrote")
    return read_bytes(page, MAX_RECORD_BYTES)


def add_report(app: Any, report: bytes) -> None:
    """Adds the page's path to a Starlette application."""
    with needs_extra("demo"):
        from starlette.responses import Response

    async def give(_: Any) -> Response:
        return Response(report, media_type="text/html; charset=utf-8", headers=_ALONE)

    app.add_route(REPORT, give, methods=["GET"])
