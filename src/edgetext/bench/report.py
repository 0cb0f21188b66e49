"""results.json -> report.md: the table, where each figure comes from, and the machine. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edgetext.bench.accuracy import baseline
from edgetext.bench.cells import ABSENT, FIGURES, figures, percent, warnings
from edgetext.bench.results import MEASURED, RESULTS_FILE, Results, Row, write_results
from edgetext.bench.rounds import latency_rounds
from edgetext.escape import code, markdown
from edgetext.files import write_atomically
from edgetext.measure.otherload import others

REPORT_FILE = "report.md"
_LEAST = 3
FACTS = (
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
    "git_revision",
)
"""What a report says of a machine, by the names of the environment."""


def write_report(folder: Path, results: Results) -> None:
    """Writes ``results.json``, ``report.md`` and, where jinja2 is installed, ``report.html``.

    Args:
        folder: Where to; it exists.
        results: What was measured.
    """
    write_results(folder / RESULTS_FILE, results)
    write_atomically(folder / REPORT_FILE, report_text(results).encode("utf-8"))
    if find_spec("jinja2"):  # a GPU machine may have what is measured and nothing else
        from edgetext.bench.page.page import PAGE_FILE, write_page

        write_page(folder / PAGE_FILE, results)


def report_text(results: Results) -> str:
    """Gives the report as Markdown.

    Args:
        results: What was measured, or read from a file.
    """
    sections = (
        _head(results),
        table_lines(results),
        _answers(results),
        how(results),
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
    for warning in warnings(results):
        yield ""
        yield f"**{markdown(warning)}**"
    for row in results.rows:
        if row.status == MEASURED and row.reason:
            yield ""
            yield f"**{markdown(f'{row.backend} {row.variant} is {row.reason}')}.**"


def table_lines(results: Results) -> Iterator[str]:
    """Gives the lines of the table alone, a row a backend and variant."""
    merged = any(row.environment for row in results.rows)
    columns = ["backend", "variant", "device", "threads", *FIGURES, *(["machine"] if merged else [])]
    yield _line(columns)
    yield _line(["---"] * 4 + ["---:"] * len(FIGURES) + ["---"] * merged)
    for row in results.rows:
        where = [said(row.environment.get("host")) if row.environment else ABSENT] if merged else []
        yield _line([*_names(row), *figures(results, row), *where])


def _answers(results: Results) -> Iterator[str]:
    """Gives how the answers differ from the baseline's; nothing where no row says."""
    rows = [row for row in results.rows if row.agreement is not None]
    if not rows:
        return
    yield "## Answers"
    yield ""
    columns = ("backend", "variant", "same label as the baseline [95 %]", "McNemar p", "labels found least")
    yield _line(columns)
    yield _line(["---", "---", "---:", "---:", "---"])
    for row in rows:
        p = ABSENT if row.mcnemar_p is None else f"{row.mcnemar_p:.3g}"
        yield _line([row.backend, row.variant, percent(row.agreement), p, _least(row)])


def _least(row: Row) -> str:
    """Names the labels with the lowest recall, at most three."""
    known = [(entry["recall"], label) for label, entry in row.per_label.items() if entry.get("recall") is not None]
    return (
        ", ".join(f"{label} {recall:.0%}".replace("%", " %") for recall, label in sorted(known)[:_LEAST]) or ABSENT
    )


def _names(row: Row) -> list[str]:
    return [row.backend, row.variant, row.device, str(row.threads)]


def how(results: Results) -> Iterator[str]:
    """Gives the lines that say how each figure was measured."""
    settings = results.settings
    reference = baseline(results.rows)
    yield "## How it was measured"
    yield ""
    yield (
        "- Each row is a program in a process of its own; all were measured on the same texts with the same number "
        f"of threads, one at a time, in {_setting(settings, 'rounds')} rounds of shuffled turns. "
        f"{_slices(settings)}Tokenization is inside every figure."
    )
    yield (
        f"- **p50, p90, p99**: from one text to its label, {_setting(settings, 'latency_texts')} texts a round, "
        f"after {_warm_up(results)} untimed ones. Samples: {_samples(results.rows)}."
    )
    piece = "slice" if "slices" in settings else "round"
    yield (
        f"- **texts/s**: {_setting(settings, 'throughput_texts')} texts a {piece} in batches of "
        f"{_setting(settings, 'batch')}, the median over rounds. {_fewer(results)}".rstrip()
    )
    if any(row.tokenization_ms for row in results.rows):
        yield (
            "- **tokenizing ms**: the median of tokenizing a text by itself, which all other figures hold too; "
            "for TF-IDF, finding and weighting its words."
        )
    yield (
        "- **accuracy**: all rows of the data, with Wilson's 95 % interval; int8 variants of a bundle predict them "
        "one by one, since their scores depend on the batch, all others in batches."
    )
    if reference:
        yield (
            f"- **difference**: accuracy minus that of {markdown(f'{reference.backend} {reference.variant}')} on "
            "the same texts, in percentage points, with the paired 95 % score interval (Tango 1998). "
            "The latency of the same row is what **faster than baseline** divides by."
        )
    if any(latency_rounds(row) for row in results.rows):
        yield (
            "- **faster than**: the median of the texts' own ratios in a round, and its geometric mean over the "
            "rounds, with Student's 95 % interval of the rounds' logarithms (Kalibera and Jones 2013)."
        )
    if any(row.mcnemar_p is not None for row in results.rows):
        yield (
            "- **McNemar p**: how likely changes from right to wrong and back, so unequal in number, are by chance "
            "alone; two-sided and exact."
        )
    yield (
        "- **first ms**: from the start of the process to its first label, imports and loading included, with the "
        f"files in the disk's cache; {_starts(settings)}."
    )
    yield (
        "- **model MB**: ONNX: the file; torch: the weights in the row's precision. **peak MB**: the most resident "
        "memory that the process held; a GPU's memory is not in it. MB are 10^6 bytes."
    )
    for environment in environments(results):
        if sentence := others(environment):
            yield f"- **others**: {sentence}"


def _machines(results: Results) -> Iterator[str]:
    yield "## Machine"
    for environment in environments(results):
        yield ""
        for name in FACTS:
            yield f"- {name.replace('_', ' ')}: {markdown(said(environment.get(name)))}"


def _libraries(results: Results) -> Iterator[str]:
    yield "## Libraries"
    yield ""
    for environment in environments(results):
        versions = environment.get("libraries", {})
        yield (
            markdown(", ".join(f"{name} {version}" for name, version in sorted(versions.items()))) or "not recorded"
        )


def environments(results: Results) -> list[Mapping[str, Any]]:
    """Gives each machine once, in the order of the rows."""
    found: list[Mapping[str, Any]] = []
    for row in results.rows:
        environment = row.environment or results.environment
        if environment not in found:
            found.append(environment)
    return found


def _samples(rows: Sequence[Row]) -> str:
    counts = [len(row.latency_ms.samples) for row in rows if row.latency_ms]
    return f"{_range(counts)} a row" if counts else "none"


def _warm_up(results: Results) -> str:
    """Gives how many texts the programs were warmed up with: found by the data, or set beforehand."""
    found = sorted({row.warm_up["texts"] for row in results.rows if "texts" in row.warm_up})
    if not found:
        return _setting(results.settings, "warm_up")
    return f"{_range(found)} (found for each row: until passes over the same texts got no faster)"


def _slices(settings: Mapping[str, Any]) -> str:
    """Says how turns are cut; in older files each turn was whole, and all turns of a row in one process."""
    slices = settings.get("slices")
    return (
        f"A turn has a process of its own and {markdown(str(slices))} slices, which alternate. " if slices else ""
    )


def _starts(settings: Mapping[str, Any]) -> str:
    """Says which start is shown; before every round had a start of its own, there was a number of them."""
    return (
        f"the fastest of {markdown(str(settings['starts']))} starts"
        if "starts" in settings
        else "the median of the rounds' starts"
    )


def _range(counts: Sequence[int]) -> str:
    return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))


def _fewer(results: Results) -> str:
    asked = results.settings.get("throughput_texts")
    found = [row for row in results.rows if row.throughput_per_s and row.throughput_per_s.texts != asked]
    names = ", ".join(
        f"{row.backend} {row.variant} {row.throughput_per_s.texts}" for row in found if row.throughput_per_s
    )
    return f"Fewer for slow ones: {markdown(names)}." if names else ""


def _setting(settings: Mapping[str, Any], name: str) -> str:
    return markdown(str(settings.get(name, "an unrecorded number of")))


def said(value: Any) -> str:
    """Gives an entry of the environment as text."""
    if isinstance(value, Mapping):
        return ", ".join(str(entry) for entry in value.values())
    if isinstance(value, list):
        return ", ".join(value) or ABSENT
    return ABSENT if value is None else str(value)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(markdown, cells)) + " |"
