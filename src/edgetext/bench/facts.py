"""What a report says beside its table, in plain words: how each figure was measured, and on what.

Markdown and HTML say the same of the same results; each escapes it for itself. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from edgetext.bench.accuracy import baseline
from edgetext.bench.cells import ABSENT, warnings
from edgetext.bench.frontier import compared
from edgetext.bench.results import MEASURED, Environment, Latency, Results, Row
from edgetext.bench.rounds import latency_rounds
from edgetext.measure.otherload import others

_MACHINE = tuple(name for name in Environment.__annotations__ if name not in ("host", "libraries"))
"""What a report says of a machine, by the names of the environment."""


@dataclass(frozen=True)
class Fact:
    """Something that a report says.

    Attributes:
        name: What it is about; empty where it is about all figures.
        text: What is said of it, as plain text.
    """

    name: str
    text: str


@dataclass(frozen=True)
class Machine:
    """A machine that rows were measured on.

    Attributes:
        host: What a reader calls it.
        facts: What it is.
        libraries: Names and versions; ``not recorded`` where the file has none.
    """

    host: str
    facts: tuple[Fact, ...]
    libraries: str


def cautions(results: Results) -> list[str]:
    """Lists what stands above the table: sentences, none where there is nothing to be careful with."""
    unfinished = [row for row in results.rows if row.status == MEASURED and row.reason]
    return [*warnings(results), *(f"{row.name} is {row.reason}." for row in unfinished)]


def how(results: Results) -> Iterator[Fact]:
    """Tells how each figure was measured."""
    yield from _how_timed(results)
    yield from _how_answered(results)
    yield Fact(
        "first ms",
        "from the start of the process to its first label, imports and loading included, with the files in the "
        f"disk's cache; {_starts(results.settings)}.",
    )
    yield Fact("model MB", "ONNX: the file; torch: the weights in the row's precision. MB are 10^6 bytes.")
    yield Fact(
        "peak MB", "the most resident memory that the process held; a GPU's memory is not in it. MB are 10^6 bytes."
    )
    for environment in environments(results):
        if sentence := others(environment):
            yield Fact("others", sentence)


def _how_timed(results: Results) -> Iterator[Fact]:
    settings = results.settings
    yield Fact(
        "",
        "Each row is a program in a process of its own; all were measured on the same texts with the same number "
        f"of threads, one at a time, in {_setting(settings, 'rounds')} rounds of shuffled turns. "
        f"{_slices(settings)}Tokenization is inside every figure.",
    )
    yield Fact(
        "mean, p50, p90, p99",
        f"from one text to its label, {_setting(settings, 'latency_texts')} texts a round, after "
        f"{_warm_up(results)} untimed ones. Samples: {_samples(results.rows)}."
        + (" The mean has Student's 95 % interval of the rounds' means." if _has_rounds(results) else ""),
    )
    for row in results.rows:
        if row.latency_ms and row.coverage is not None:
            yield Fact(f"first stage of {row.name}", _stages(row.latency_ms))
    piece = "slice" if "slices" in settings else "round"
    yield Fact(
        "texts/s",
        f"{_bulk_texts(results)} texts a {piece}, as many as there is time for, in batches of "
        f"{_setting(settings, 'batch')}, the median over rounds.",
    )
    if any(row.tokenization_ms for row in results.rows):
        yield Fact(
            "tokenizing ms",
            "the median of tokenizing a text by itself, which all other figures hold too; for TF-IDF, finding and "
            "weighting its words.",
        )
    if _has_rounds(results):
        yield Fact(
            "faster than",
            "the median of the texts' own ratios in a round (on average: the ratio of the round's means), and its "
            "geometric mean over the rounds, with Student's 95 % interval of the rounds' logarithms (Kalibera and "
            "Jones 2013).",
        )


def _how_answered(results: Results) -> Iterator[Fact]:
    decides = results.data.decides
    interval = "Wilson's 95 % interval" if decides.one_label else "a bootstrap's 95 % interval over texts"
    yield Fact(
        decides.metric,
        f"all rows of the data, with {interval}; int8 variants of a bundle predict them one by one, "
        "since their scores depend on the batch, all others in batches.",
    )
    if any(row.macro_f1 for row in results.rows):
        yield Fact(
            "macro F1",
            "the mean of the labels' own F1, over the labels that a row bears, with a bootstrap's 95 % interval "
            "over texts: rare labels count as much as common ones.",
        )
    if not decides.one_label:
        yield Fact("all labels right", "the texts that got all of their labels and no other.")
    if reference := baseline(results.rows):
        paired = "score interval (Tango 1998)" if decides.one_label else "bootstrap (Efron 1987)"
        yield Fact(
            "difference",
            f"{decides.metric} minus that of {reference.name} on the same texts, in percentage points, with the "
            f"paired 95 % {paired}. The latency of the same row is what "
            '"faster than baseline" divides by.',
        )
    if compared(results):
        yield Fact(
            "frontier",
            f"the rows that no other beats in {decides.metric} and mean latency: one that is at least as good in "
            "both and better in one. The figures count as they stand; where intervals overlap, another run may "
            "order the rows otherwise.",
        )
    if any(row.mcnemar_p is not None for row in results.rows):
        yield Fact(
            "McNemar p",
            "how likely changes from right to wrong and back, so unequal in number, are by chance alone; two-sided "
            "and exact.",
        )


def machines(results: Results) -> list[Machine]:
    """Lists the machines of the rows."""
    return [
        Machine(
            host=said(environment.get("host")),
            facts=tuple(Fact(name.replace("_", " "), said(environment.get(name))) for name in _MACHINE),
            libraries=", ".join(
                f"{name} {version}" for name, version in sorted(environment.get("libraries", {}).items())
            )
            or "not recorded",
        )
        for environment in environments(results)
    ]


def environments(results: Results) -> list[Mapping[str, Any]]:
    """Lists each machine once, in the order of the rows."""
    found: list[Mapping[str, Any]] = []
    for row in results.rows:
        environment = row.environment or results.environment
        if environment not in found:
            found.append(environment)
    return found


def said(value: Any) -> str:
    """Words an entry of the environment as text."""
    if isinstance(value, Mapping):
        return ", ".join(str(entry) for entry in value.values())
    if isinstance(value, list):
        return ", ".join(value) or ABSENT
    return ABSENT if value is None else str(value)


def _stages(latency: Latency) -> str:
    """Tells how many of the timed texts each stage answered, and how long it took for the typical one."""
    by_name = {"the first stage": latency.by_stage(1), "the model": latency.by_stage(0)}
    told = (
        f"{name} answered {len(samples)}, at a p50 of {median(samples):.3f} ms"
        for name, samples in by_name.items()
        if samples
    )
    return f"of {len(latency.samples)} timed texts {'; '.join(told)}."


def _has_rounds(results: Results) -> bool:
    return any(latency_rounds(row) for row in results.rows)


def _samples(rows: Sequence[Row]) -> str:
    counts = [len(row.latency_ms.samples) for row in rows if row.latency_ms]
    return f"{_range(counts)} a row" if counts else "none"


def _warm_up(results: Results) -> str:
    """Tells how many texts the programs were warmed up with: found by the data, or set beforehand."""
    found = sorted({row.warm_up["texts"] for row in results.rows if "texts" in row.warm_up})
    if not found:
        return _setting(results.settings, "warm_up")
    return f"{_range(found)} (found for each row: until passes over the same texts got no faster)"


def _slices(settings: Mapping[str, Any]) -> str:
    """Says how turns are cut; in older files each turn was whole, and all turns of a row in one process."""
    slices = settings.get("slices")
    return f"A turn has a process of its own and {slices} slices, which alternate. " if slices else ""


def _starts(settings: Mapping[str, Any]) -> str:
    """Says which start is shown; before every round had a start of its own, there was a number of them."""
    return (
        f"the fastest of {settings['starts']} starts"
        if "starts" in settings
        else "the median of the rounds' starts"
    )


def _range(counts: Sequence[int]) -> str:
    return " to ".join(str(count) for count in sorted({min(counts), max(counts)}))


def _bulk_texts(results: Results) -> str:
    counts = [row.throughput_per_s.texts for row in results.rows if row.throughput_per_s]
    return _range(counts) if all(counts) and counts else _setting(results.settings, "throughput_texts")


def _setting(settings: Mapping[str, Any], name: str) -> str:
    return str(settings.get(name, "an unrecorded number of"))
