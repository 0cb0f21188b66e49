"""results.json -> report.md: the table, and the facts of ``bench.facts`` as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from edgetext.bench.cells import ABSENT, figures, frontier_words, headings, percent
from edgetext.bench.facts import cautions, how, machines, said
from edgetext.bench.results import RESULTS_FILE, Results, Row, write_results
from edgetext.escape import code, markdown
from edgetext.files import write_atomically

REPORT_FILE = "report.md"
_LEAST = 3


def write_report(folder: Path, results: Results) -> None:
    """Writes ``results.json``, ``report.md`` and, where jinja2 is installed, ``report.html``."""
    write_results(folder / RESULTS_FILE, results)
    write_atomically(folder / REPORT_FILE, report_text(results).encode("utf-8"))
    if find_spec("jinja2"):  # a GPU machine may have what is measured and nothing else
        from edgetext.bench.page.page import PAGE_FILE, write_page

        write_page(folder / PAGE_FILE, results)


def report_text(results: Results) -> str:
    """Writes the report as Markdown text."""
    sections = (
        _head(results),
        table_lines(results),
        _frontier(results),
        _answers(results),
        _how(results),
        _machines(results),
        _libraries(results),
    )
    return "\n".join(line for section in sections for line in (*section, ""))


def _head(results: Results) -> Iterator[str]:
    data = results.data
    note = f" {markdown(data.note)}." if data.note else ""
    yield "# Bench"
    yield ""
    yield f"Data: {data.rows} rows of {markdown(data.name)}.{note}"
    yield f"Fingerprint of the rows: {code(data.fingerprint[:16])}."
    for caution in cautions(results):
        yield ""
        yield f"**{markdown(caution)}**"


def table_lines(results: Results) -> Iterator[str]:
    """Yields the lines of the table alone, a row a backend and variant."""
    merged = any(row.environment for row in results.rows)
    named, names = headings(results), _name_columns(results)
    yield _line([*names, "device", "threads", *named, *(["machine"] if merged else [])])
    yield _line(["---"] * (len(names) + 2) + ["---:"] * len(named) + ["---"] * merged)
    for row in results.rows:
        where = [said(row.environment.get("host")) if row.environment else ABSENT] if merged else []
        yield _line([*_names(results, row), row.device, str(row.threads), *figures(results, row), *where])


def _name_columns(results: Results) -> list[str]:
    return ["backend", "variant", *(["model"] if any(row.model for row in results.rows) else [])]


def _names(results: Results, row: Row) -> list[str]:
    return [row.backend, row.variant, row.model][: len(_name_columns(results))]


def _frontier(results: Results) -> Iterator[str]:
    """Says which rows no other beats, and which ones they beat."""
    if said := frontier_words(results):
        yield "## Frontier"
        yield ""
        yield from (f"- {markdown(sentence)}" for sentence in said)


def _answers(results: Results) -> Iterator[str]:
    """Tells how the answers differ from the baseline's; nothing where no row says."""
    rows = [row for row in results.rows if row.agreement is not None]
    if not rows:
        return
    yield "## Answers"
    yield ""
    several = not results.data.decides.one_label
    labels = "labels" if several else "label"
    right = ["all labels right [95 %]"] if several else []
    yield _line(
        [
            *_name_columns(results),
            *right,
            f"same {labels} as the baseline [95 %]",
            "McNemar p",
            "labels found least",
        ]
    )
    yield _line(["---"] * len(_name_columns(results)) + ["---:"] * (2 + several) + ["---"])
    for row in rows:
        p = ABSENT if row.mcnemar_p is None else f"{row.mcnemar_p:.3g}"
        whole = [percent(row.accuracy)] if several else []
        yield _line([*_names(results, row), *whole, percent(row.agreement), p, _least(row)])


def _least(row: Row) -> str:
    """Names the labels with the lowest recall, at most three."""
    known = [(entry["recall"], label) for label, entry in row.per_label.items() if entry.get("recall") is not None]
    return (
        ", ".join(f"{label} {recall:.0%}".replace("%", " %") for recall, label in sorted(known)[:_LEAST]) or ABSENT
    )


def _how(results: Results) -> Iterator[str]:
    yield "## How it was measured"
    yield ""
    for fact in how(results):
        name = f"**{fact.name}**: " if fact.name else ""
        yield f"- {name}{markdown(fact.text)}"


def _machines(results: Results) -> Iterator[str]:
    yield "## Machine"
    for machine in machines(results):
        yield ""
        yield from (f"- {fact.name}: {markdown(fact.text)}" for fact in machine.facts)


def _libraries(results: Results) -> Iterator[str]:
    yield "## Libraries"
    for machine in machines(results):
        yield ""
        yield markdown(machine.libraries)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown, cells)) + " |"
