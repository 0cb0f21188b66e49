"""Figures as the words of a table: the same in the report, on the terminal and in notes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgetext.bench.accuracy import baseline
from edgetext.bench.frontier import beats, compared, frontier, is_unbeaten
from edgetext.bench.results import MEASURED, NOT_MEASURED, DataInfo, Proportion, Results, Row, each
from edgetext.bench.rounds import mean_latency
from edgetext.bench.rounds import mean_speedup as paired_mean_speedup
from edgetext.bench.rounds import speedup as paired_speedup
from edgetext.measure.otherload import disturbs, others
from edgetext.measure.stats import Ratio

ABSENT = "–"
_NAMED = 10
SCORE, MACRO_F1, FRONTIER = "score", "macro F1 [95 %]", "frontier"
COVERAGE = "first stage"
FASTER, FASTER_ON_AVERAGE = "faster than", "faster on average than"
_REFERENCES = ("baseline", "pipeline")
OPTIONAL = (
    FRONTIER,
    COVERAGE,
    MACRO_F1,
    *(f"{how} {whom}" for how in (FASTER, FASTER_ON_AVERAGE) for whom in _REFERENCES),
)
"""Columns that are left out where no row has anything to say in them."""

PIPELINE = ("transformers-pipeline", "fp32")


def status_text(status: str, reason: str | None) -> str:
    """Says why a row has no figures, such as ``not measured (no CUDA device on this machine)``."""
    word = "not measured" if status == NOT_MEASURED else status
    return f"{word} ({reason})" if reason else word


def percent(estimate: Proportion | None) -> str:
    """Words a share with its interval, such as ``92.7 % [91.7, 93.6]``."""
    if estimate is None:
        return ABSENT
    return f"{share(estimate.value)} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def share(value: float | None) -> str:
    """Words a share by itself, such as ``81.0 %``."""
    return ABSENT if value is None else f"{value:.1%}".replace("%", " %")


def points(estimate: Proportion | None) -> str:
    """Words a difference in percentage points with its interval, such as ``-0.10 [-0.42, +0.22]``."""
    if estimate is None:
        return ABSENT
    return f"{100 * estimate.value:+.2f} [{100 * estimate.low:+.2f}, {100 * estimate.high:+.2f}]"


def number(value: float | None) -> str:
    """Words a number with about three digits that count, two of one below a tenth."""
    if value is None:
        return ABSENT
    size = abs(value)
    decimals = 3 if 0 < size < 0.1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{value:.{decimals}f}"


def megabytes(value: int | None) -> str:
    """Words bytes as megabytes of 10^6."""
    return ABSENT if value is None else number(value / 1e6)


def difference(results: Results, row: Row) -> str:
    """Words the difference from the baseline in the task's metric; the baseline itself is called so."""
    reference = baseline(results.rows)
    if row is reference:
        return "baseline"
    return points(row.score_difference)


def speedup(results: Results, row: Row, reference: Row | None) -> str:
    """Words how many times sooner the row answers a text, such as ``10.9× [10.4, 11.4]``.

    Without rounds in common it is the ratio of the two medians, and has no interval.
    """
    if row.latency_ms is None or reference is None or reference.latency_ms is None:
        return ABSENT
    found = None if row is reference else paired_speedup(results, row, reference)
    return f"{number(reference.latency_ms.p50 / row.latency_ms.p50)}×" if found is None else times(found)


def mean_speedup(results: Results, row: Row, reference: Row | None) -> str:
    """Words how many times less the row takes for a text on average, in the same way."""
    if row.latency_ms is None or reference is None or reference.latency_ms is None:
        return ABSENT
    found = None if row is reference else paired_mean_speedup(results, row, reference)
    return f"{number(reference.latency_ms.mean_ms / row.latency_ms.mean_ms)}×" if found is None else times(found)


def mean(row: Row) -> str:
    """Words the mean latency in milliseconds, with its interval where there were rounds for one."""
    found = mean_latency(row)
    if found is None or not found.bounded:
        return number(found.value if found else None)
    return f"{number(found.value)} [{number(found.low)}, {number(found.high)}]"


def times(ratio: Ratio) -> str:
    """Words a ratio with its interval; one whose interval holds 1 shows no difference, and says so."""
    if not ratio.bounded:
        return f"{number(ratio.value)}×"
    text = f"{number(ratio.value)}× [{number(ratio.low)}, {number(ratio.high)}]"
    return text if ratio.shows_difference else f"{text}, no difference shown"


def tokenizing(row: Row) -> str:
    """Words how long the tokenizing of a text takes by itself, in milliseconds, where that can be told."""
    p50 = row.tokenization_ms.get("p50")
    return f"{p50:.3f}" if isinstance(p50, int | float) else ABSENT


def warnings(results: Results) -> list[str]:
    """Lists what a reader must know before believing the figures: sentences, none where there is nothing."""
    machines = [results.environment, *(row.environment for row in results.rows if row.environment)]
    found = [others(machine) for machine in machines if disturbs(machine)] + [_lacking(results.data)]
    return [sentence for sentence in dict.fromkeys(found) if sentence]


def _lacking(data: DataInfo) -> str:
    """Names the labels that no row bears; files of before do not tell what was expected."""
    there = {index for answer in data.expected for index in each(answer)}
    lacking = [repr(label) for index, label in enumerate(data.labels) if index not in there]
    if not lacking or not data.expected:
        return ""
    more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
    return f"No row has the label {', '.join(lacking[:_NAMED])}{more}: how well that is recognised is not known."


def frontier_words(results: Results) -> list[str]:
    """Says of each row that none beats which others it beats; nothing where there are no two to compare."""
    rows = compared(results)
    if not rows:
        return []
    metric = results.data.decides.metric
    return [_beaten(row, [other for other in rows if beats(row, other)], metric) for row in frontier(rows)]


def _beaten(row: Row, others: Sequence[Row], metric: str) -> str:
    said = f"No row beats {full_name(row)} in {metric} and mean latency"
    return f"{said}; it beats {', '.join(map(full_name, others))}." if others else f"{said}; it beats none."


def full_name(row: Row) -> str:
    """Names a row, with its machine where the rows of a file are of several."""
    return f"{row.name} @ {row.environment.get('host')}" if row.environment else row.name


def headings(results: Results) -> list[str]:
    """Names the figures, the task's metric first."""
    names = [name for name in _COLUMNS if name not in OPTIONAL or _is_told(results, name)]
    return [f"{results.data.decides.metric} [95 %]", *names[1:]]


def _is_told(results: Results, name: str) -> bool:
    return any(_COLUMNS[name](results, row) != ABSENT for row in results.rows)


def figures(results: Results, row: Row) -> list[str]:
    """Words the figures of a row, in the order of ``headings``; one without any says why in the first."""
    named = headings(results)
    if row.status != MEASURED:
        return [status_text(row.status, row.reason), *[ABSENT] * (len(named) - 1)]
    return [words(results, row) for name, words in _COLUMNS.items() if name in (SCORE, *named)]


def _on_frontier(results: Results, row: Row) -> str:
    found = is_unbeaten(results, row)
    return ABSENT if found is None else "yes" if found else "beaten"


def _latency(name: str) -> Callable[[Results, Row], str]:
    return lambda _, row: number(getattr(row.latency_ms, name, None))


_COLUMNS: dict[str, Callable[[Results, Row], str]] = {
    SCORE: lambda _, row: percent(row.score),
    "difference, points [95 %]": difference,
    MACRO_F1: lambda _, row: percent(row.macro_f1),
    FRONTIER: _on_frontier,
    COVERAGE: lambda _, row: share(row.coverage),
    "mean ms [95 %]": lambda _, row: mean(row),
    "p50 ms": _latency("p50"),
    "p90 ms": _latency("p90"),
    "p99 ms": _latency("p99"),
    "tokenizing ms": lambda _, row: tokenizing(row),
    "texts/s": lambda _, row: number(getattr(row.throughput_per_s, "value", None)),
    "model MB": lambda _, row: megabytes(row.model_bytes),
    "peak MB": lambda _, row: number(row.peak_memory_mb),
    "first ms": lambda _, row: number(row.first_prediction_ms),
    f"{FASTER} baseline": lambda results, row: speedup(results, row, baseline(results.rows)),
    f"{FASTER} pipeline": lambda results, row: speedup(results, row, results.row(*PIPELINE)),
    f"{FASTER_ON_AVERAGE} baseline": lambda results, row: mean_speedup(results, row, baseline(results.rows)),
    f"{FASTER_ON_AVERAGE} pipeline": lambda results, row: mean_speedup(results, row, results.row(*PIPELINE)),
}
"""Each figure's heading, and what it says of a row; a new figure is a line here."""
