"""The tables of ``docs/results.md``, from the files under ``benchmarks/results``, for ``docs/build.py``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from edgetext.bench.cells import warnings
from edgetext.bench.report import table_lines
from edgetext.bench.results import Results, Row, read_results

_ALONE = "model-alone"  # what the bench calls a row without the first stage
RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"


def bench_files() -> Iterator[Path]:
    """Yields the files that ``edgetext bench`` wrote, by name."""
    for file in sorted(RESULTS.glob("*.json")):
        if "schema_version" in json.loads(file.read_text("utf-8")):
            yield file


def recorded() -> Iterator[str]:
    """Gives a section for each recorded bench: the machine, the data, the table, and the scenarios."""
    for file in bench_files():
        found = read_results(file)
        yield f"### {file.stem.replace('_', ' ')}"
        yield ""
        rows = f"{found.data.rows:,} rows of {found.data.name} ([file](../benchmarks/results/{file.name}))."
        yield f"{machine(found.environment)}; {rows}"
        for warning in warnings(found):
            yield ""
            yield f"*{warning}*"
        yield ""
        yield from table_lines(found)
        yield ""
        yield from _scenarios(found)


def machine(environment: dict[str, Any] | Any) -> str:
    """Names a machine, its threads and the day."""
    threads = environment["threads"]
    return f"{environment['cpu']}, {threads} thread{'' if threads == 1 else 's'}, {str(environment['date'])[:10]}"


def first_stage(file: Path) -> Iterator[str]:
    """Gives what each model with a first stage did, beside the model alone and the pipeline of transformers."""
    found = read_results(file)
    pipeline = next(row for row in found.rows if row.backend == "transformers-pipeline")
    yield f"{machine(found.environment)}; {found.data.rows:,} rows of {found.data.name}:"
    yield ""
    yield "| model | answered | accuracy | mean ms | p50 ms | p99 ms | texts/s |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in found.rows:
        if row.coverage is None or not row.latency_ms or not row.throughput_per_s:
            continue
        names = (row.model, f"{row.variant} {_ALONE}")
        alone = next((other for other in found.rows if (other.model, other.variant) == names), None)
        yield _stage_line(f"{row.model}, with its first stage", row, f"{row.coverage:.0%}")
        if alone is not None:
            yield _stage_line(f"{alone.model}, the model alone", alone, "–")
    yield _stage_line("pipeline of transformers, torch fp32", pipeline, "–")


def _stage_line(name: str, row: Row, answered: str) -> str:
    latency, rate, accuracy = row.latency_ms, row.throughput_per_s, row.accuracy
    assert latency and rate and accuracy
    figures = f"{latency.mean_ms:.3g} | {latency.p50:.3g} | {latency.p99:.3g} | {rate.value:,.0f}"
    return f"| {name} | {answered} | {accuracy.value:.3f} | {figures} |"


def _scenarios(results: Results) -> Iterator[str]:
    rows = [row for row in results.rows if row.scenarios]
    if not rows:
        return
    first = rows[0].scenarios
    yield f"By MLPerf's LoadGen, {first['seconds']:g} s a test ({first['note']}):"
    yield ""
    yield "| backend | variant | single stream p90, ms | offline texts/s | server texts/s | p99 within |"
    yield "|---|---|---:|---:|---:|---:|"
    for row in rows:
        single, offline, server = (row.scenarios.get(name, {}) for name in ("single_stream", "offline", "server"))
        bound = server.get("p99_bound_ms")
        cells = (
            _figure(single.get("early_stopping_ms", {}).get("90")),
            _figure(offline.get("per_s")),
            _figure(server.get("rate_per_s")),
            "–" if bound is None else f"{bound:g} ms",
        )
        yield f"| {row.backend} | {row.variant} | {' | '.join(cells)} |"
    yield ""


def _figure(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, int | float) else "–"


def export_gains(file: Path) -> Iterator[str]:
    """Gives what ``benchmarks/export.py`` recorded."""
    found = json.loads(file.read_text("utf-8"))
    yield f"{machine(found['environment'])}; {found['data']['rows']:,} rows of {found['data']['name']}:"
    yield ""
    yield "| program | scheme | p50 ms | texts/s | accuracy against fp32, points [95 %] |"
    yield "|---|---|---:|---:|---:|"
    for program in found["programs"]:
        lost = program["accuracy_difference"]
        points = "–" if lost is None else " ".join((f"{100 * lost['value']:+.2f}", _interval(lost, 100, "+.2f")))
        figures = f"{median(program['p50_ms']):.3f} | {median(program['texts_per_s']):.0f}"
        yield f"| {program['name']} | {program['scheme']} | {figures} | {points} |"
    yield ""
    yield "| ratio [95 %] | latency | throughput |"
    yield "|---|---:|---:|"
    for name, pair in found["ratios"].items():
        said = name if name.startswith("times") else f"faster than {name}"
        cells = " | ".join(
            f"{pair[kind]['value']:.2f} {_interval(pair[kind])}" for kind in ("latency", "throughput")
        )
        yield f"| {said} | {cells} |"


def coverage(file: Path) -> Iterator[str]:
    """Gives what ``benchmarks/interval_coverage.py`` recorded."""
    found = json.loads(file.read_text("utf-8"))
    by_rounds = found["coverage_by_rounds"]
    yield f"{found['runs']:,} simulated runs for each number of rounds:"
    yield ""
    yield "| interval | " + " | ".join(f"{rounds} rounds" for rounds in by_rounds) + " |"
    yield "|---|" + "---:|" * len(by_rounds)
    names = {
        "student_t": "Student's t of the rounds' log ratios",
        "hierarchical_percentile": "bootstrap over rounds and texts, percentile",
        "scipy_percentile": "bootstrap over rounds, percentile",
        "scipy_bca": "bootstrap over rounds, BCa",
    }
    for kind, name in names.items():
        shares = (f"{shares[kind]:.1%}".replace("%", " %") for shares in by_rounds.values())
        yield f"| {name} | {' | '.join(shares)} |"


def repeatability(file: Path) -> Iterator[str]:
    """Gives what ``benchmarks/repeatability.py`` recorded: every set of runs, and the rows of the last one."""
    sets = json.loads(file.read_text("utf-8"))["sets"]
    yield "| set | code | minutes a run | rows | largest ratio of a row over its smallest: median, most |"
    yield "|---|---|---|---:|---:|"
    for found in sets:
        environment, apart = found["environment"], [row["apart"] - 1 for row in found["rows"]]
        minutes = ", ".join(f"{seconds / 60:.1f}" for seconds in found["seconds"])
        yield (
            f"| {machine(environment)} | {environment['git_revision'][:7]} | {minutes} | {len(apart)} | "
            f"{_percent(median(apart))}, {_percent(max(apart))} |"
        )
    yield ""
    yield "The last set:"
    yield ""
    yield "| row | ratio to the baseline, run by run | apart |"
    yield "|---|---|---:|"
    for row in sets[-1]["rows"]:
        runs = ", ".join(f"{ratio['value']:.2f}" for ratio in row["ratios"])
        yield f"| {row['name']} | {runs} | {_percent(row['apart'] - 1)} |"


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _interval(found: dict[str, float], times: float = 1, form: str = ".2f") -> str:
    return f"[{format(times * found['low'], form)}, {format(times * found['high'], form)}]"
