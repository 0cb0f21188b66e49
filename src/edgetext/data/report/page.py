"""The report as one page that needs nothing from anywhere else."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from edgetext.data.report.findings import Finding, listed_places
from edgetext.data.report.report import DataReport
from edgetext.errors import needs_extra
from edgetext.escape import terminal
from edgetext.files import write_atomically

with needs_extra("train"):
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

_PLACES = 20


def write_page(path: Path, report: DataReport) -> None:
    """Writes the page, whole or not at all.

    Args:
        path: The file.
        report: What was found.
    """
    write_atomically(path, html(report).encode("utf-8"))


def html(report: DataReport) -> str:
    """Draws the page; whatever comes from the data is escaped."""
    here = files("edgetext.data.report")
    surroundings = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )
    return surroundings.from_string((here / "report.html.jinja").read_text("utf-8")).render(
        report=report,
        style=Markup((here / "style.css").read_text("utf-8")),
        labels=_labels(report),
        bins=_bins(report),
        findings=[{"finding": finding, "places": _places(finding)} for finding in report.findings],
    )


def _harmless(value: Any) -> Any:
    return terminal(value) if type(value) is str else value


def _places(finding: Finding) -> str:
    return listed_places(finding.places, _PLACES)


def _labels(report: DataReport) -> list[dict[str, Any]]:
    totals = {label: sum(counts.values()) for label, counts in report.labels.items()}
    most = max(totals.values(), default=1)
    return [
        {
            "name": label,
            "counts": [report.labels[label].get(part, 0) for part in report.parts],
            "total": totals[label],
            "share": f"{100 * totals[label] / most:.1f}",
        }
        for label in sorted(totals, key=lambda label: -totals[label])
    ]


def _bins(report: DataReport) -> list[dict[str, Any]]:
    most = max(count for _, _, count in report.lengths.bins)
    limit = report.lengths.limit
    return [
        {
            "span": f"{start:,} to {end:,}" if start < end else f"{start:,}",
            "count": count,
            "share": f"{100 * count / most:.1f}",
            "over": limit is not None and end > limit,
        }
        for start, end, count in report.lengths.bins
    ]
