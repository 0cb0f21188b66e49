"""results.json -> report.md: the table, where each figure comes from, and the machine. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgetext.bench.accuracy import baseline
from edgetext.bench.cells import ABSENT, FIGURES, disturbance, figures
from edgetext.bench.results import RESULTS_FILE, Results, Row, write_results
from edgetext.files import write_atomically

REPORT_FILE = "report.md"


def write_report(folder: Path, results: Results) -> None:
    """Writes ``results.json`` and ``report.md`` into a folder that exists.

    Args:
        folder: Where to.
        results: What was measured.
    """
    write_results(folder / RESULTS_FILE, results)
    write_atomically(folder / REPORT_FILE, markdown(results).encode("utf-8"))


def markdown(results: Results) -> str:
    """Gives the report as Markdown.

    Args:
        results: What was measured, or read from a file.
    """
    sections = (_head(results), table_lines(results), _how(results), _machines(results), _libraries(results))
    return "\n".join(line for section in sections for line in (*section, ""))


def _head(results: Results) -> Iterator[str]:
    data = results.data
    yield "# Bench"
    yield ""
    yield (
        f"Data: {data.rows} rows of {data.name}. {data.note}."
        if data.note
        else f"Data: {data.rows} rows of {data.name}."
    )
    yield f"Fingerprint of the rows: `{data.fingerprint[:16]}`."
    for environment in _environments(results):
        if warning := disturbance(environment):
            yield ""
            yield f"**{warning}**"


def table_lines(results: Results) -> Iterator[str]:
    """Gives the lines of the table alone, a row a backend and variant."""
    merged = any(row.environment for row in results.rows)
    columns = ["backend", "variant", "device", "threads", *FIGURES, *(["machine"] if merged else [])]
    yield _line(columns)
    yield _line(["---"] * 4 + ["---:"] * len(FIGURES) + ["---"] * merged)
    for row in results.rows:
        where = [str(row.environment["host"]) if row.environment else ABSENT] if merged else []
        yield _line([*_names(row), *figures(results, row), *where])


def _names(row: Row) -> list[str]:
    return [row.backend, row.variant, row.device, str(row.threads)]


def _how(results: Results) -> Iterator[str]:
    settings = results.settings
    reference = baseline(results.rows)
    yield "## How it was measured"
    yield ""
    yield (
        "- Each row is a program in a process of its own; all were measured on the same texts with the same number "
        f"of threads, one at a time, in {_setting(settings, 'rounds')} rounds of shuffled turns. "
        "Tokenization is inside every figure."
    )
    yield (
        f"- **p50, p90, p99**: from one text to its label, {_setting(settings, 'latency_texts')} texts a round, "
        f"after {_setting(settings, 'warm_up')} untimed ones. Samples: {_samples(results.rows)}."
    )
    yield (
        f"- **texts/s**: {_setting(settings, 'throughput_texts')} texts a round in batches of "
        f"{_setting(settings, 'batch')}, the median over rounds. {_fewer(results)}".rstrip()
    )
    yield (
        "- **accuracy**: all rows of the data, with Wilson's 95 % interval; torch and the pipeline predict them in "
        "batches, onnxruntime and edgetext one by one, as they are served."
    )
    if reference:
        yield (
            f"- **difference**: accuracy minus that of {reference.backend} {reference.variant} on the same texts, "
            "in percentage points, with the paired 95 % score interval (Tango 1998). "
            "The latency of the same row is what **faster than baseline** divides by."
        )
    yield (
        f"- **first ms**: from the start of the process to its first label, imports and loading included; the "
        f"fastest of {_setting(settings, 'starts')} starts, so that files are in the disk's cache."
    )
    yield (
        "- **model MB**: ONNX: the file; torch: the weights in the row's precision. **peak MB**: the most resident "
        "memory that the process held; a GPU's memory is not in it. MB are 10^6 bytes."
    )


def _machines(results: Results) -> Iterator[str]:
    yield "## Machine"
    for environment in _environments(results):
        yield ""
        for name in (
            "cpu",
            "isa",
            "cores",
            "usable_cores",
            "threads",
            "memory_gb",
            "gpu",
            "other_load_cores",
            "os",
            "python",
            "date",
        ):
            yield f"- {name.replace('_', ' ')}: {_said(environment.get(name))}"
        yield f"- git revision: {_said(environment.get('git_revision'))}"


def _libraries(results: Results) -> Iterator[str]:
    yield "## Libraries"
    yield ""
    for environment in _environments(results):
        versions = environment.get("libraries", {})
        yield ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) or "not recorded"


def _environments(results: Results) -> list[Mapping[str, Any]]:
    """Gives each machine once, in the order of the rows."""
    found: list[Mapping[str, Any]] = []
    for row in results.rows:
        environment = row.environment or results.environment
        if environment not in found:
            found.append(environment)
    return found


def _samples(rows: Sequence[Row]) -> str:
    counts = {len(row.latency_ms.samples) for row in rows if row.latency_ms}
    return " to ".join(str(count) for count in sorted({min(counts), max(counts)})) + " a row" if counts else "none"


def _fewer(results: Results) -> str:
    asked = results.settings.get("throughput_texts")
    found = [row for row in results.rows if row.throughput_per_s and row.throughput_per_s.texts != asked]
    names = ", ".join(
        f"{row.backend} {row.variant} {row.throughput_per_s.texts}" for row in found if row.throughput_per_s
    )
    return f"Fewer for slow ones: {names}." if names else ""


def _setting(settings: Mapping[str, Any], name: str) -> str:
    return str(settings.get(name, "an unrecorded number of"))


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(str(entry) for entry in value.values())
    if isinstance(value, list):
        return ", ".join(value) or ABSENT
    return ABSENT if value is None else str(value)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
