"""Figures as the words of a table: the same in the report, on the terminal and in notes."""

from __future__ import annotations

from collections.abc import Callable

from edgetext.bench.accuracy import baseline
from edgetext.bench.results import MEASURED, NOT_MEASURED, DataInfo, Proportion, Results, Row, each
from edgetext.bench.rounds import speedup as paired_speedup
from edgetext.measure.otherload import disturbs, others
from edgetext.measure.stats import Ratio

ABSENT = "–"
_NAMED = 10
SCORE, MACRO_F1 = "score", "macro F1 [95 %]"
PIPELINE = ("transformers-pipeline", "fp32")


def status_text(status: str, reason: str | None) -> str:
    """Says why a row has no figures, such as ``not measured (no CUDA device on this machine)``."""
    word = "not measured" if status == NOT_MEASURED else status
    return f"{word} ({reason})" if reason else word


def percent(estimate: Proportion | None) -> str:
    """Words a share with its interval, such as ``92.7 % [91.7, 93.6]``."""
    if estimate is None:
        return ABSENT
    return f"{estimate.value:.1%}".replace("%", " %") + f" [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def points(estimate: Proportion | None) -> str:
    """Words a difference in percentage points with its interval, such as ``-0.10 [-0.42, +0.22]``."""
    if estimate is None:
        return ABSENT
    return f"{100 * estimate.value:+.2f} [{100 * estimate.low:+.2f}, {100 * estimate.high:+.2f}]"


def number(value: float | None) -> str:
    """Words a number with about three digits that count."""
    if value is None:
        return ABSENT
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
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


def headings(results: Results) -> list[str]:
    """Names the figures: the task's metric first. Macro F1 is left out where no row has it, as in older files."""
    known = any(row.macro_f1 for row in results.rows)
    names = [name for name in _COLUMNS if known or name != MACRO_F1]
    return [f"{results.data.decides.metric} [95 %]", *names[1:]]


def figures(results: Results, row: Row) -> list[str]:
    """Words the figures of a row, in the order of ``headings``; one without any says why in the first."""
    named = headings(results)
    if row.status != MEASURED:
        return [status_text(row.status, row.reason), *[ABSENT] * (len(named) - 1)]
    return [words(results, row) for name, words in _COLUMNS.items() if name in (SCORE, *named)]


def _latency(name: str) -> Callable[[Results, Row], str]:
    return lambda _, row: number(getattr(row.latency_ms, name, None))


_COLUMNS: dict[str, Callable[[Results, Row], str]] = {
    SCORE: lambda _, row: percent(row.score),
    "difference, points [95 %]": difference,
    MACRO_F1: lambda _, row: percent(row.macro_f1),
    "p50 ms": _latency("p50"),
    "p90 ms": _latency("p90"),
    "p99 ms": _latency("p99"),
    "tokenizing ms": lambda _, row: tokenizing(row),
    "texts/s": lambda _, row: number(getattr(row.throughput_per_s, "value", None)),
    "model MB": lambda _, row: megabytes(row.model_bytes),
    "peak MB": lambda _, row: number(row.peak_memory_mb),
    "first ms": lambda _, row: number(row.first_prediction_ms),
    "faster than baseline": lambda results, row: speedup(results, row, baseline(results.rows)),
    "faster than pipeline": lambda results, row: speedup(results, row, results.row(*PIPELINE)),
}
"""Each figure's heading, and what it says of a row; a new figure is a line here."""
