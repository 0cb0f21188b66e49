"""What went wrong as one HTML page that needs nothing but itself: plots, tables, every text escaped."""

from __future__ import annotations

from pathlib import Path

from edgetext.escape import terminal
from edgetext.files import write_atomically
from edgetext.mistakes.facts import Mistakes
from edgetext.mistakes.plots import diagram, epochs, heat
from edgetext.mistakes.words import headlines, sections
from edgetext.page.render import render


def write_page(path: Path, mistakes: Mistakes, top: int) -> None:
    """Writes the page, whole or not at all.

    Args:
        path: The file.
        mistakes: What went wrong.
        top: How many rows a table has at most.
    """
    write_atomically(path, html(mistakes, top).encode("utf-8"))


def html(mistakes: Mistakes, top: int) -> str:
    """Makes the page; whatever comes from rows, labels and names is escaped.

    Args:
        mistakes: What went wrong.
        top: How many rows a table has at most.
    """
    values = {
        "mistakes": mistakes,
        "headlines": list(headlines(mistakes)),
        "sections": list(sections(mistakes, top)),
        "heat": heat(mistakes),
        "charts": {
            "calibration": (diagram(mistakes.calibration),),
            "learning": epochs(mistakes.learning) if mistakes.learning else (),
        },
        "seen": terminal,
    }
    return render("edgetext.mistakes", "errors.html.jinja", values, extra="train", verbatim={"own": "errors.css"})
