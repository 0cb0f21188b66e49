"""Fills the marked blocks of the documentation from what they are about; run it as ``make docs``.

``<!-- tree -->`` becomes the tree of the package, two levels deep, with the first sentence of each docstring.
``<!-- schemes -->`` becomes the table of the export's schemes.
``<!-- results: FILE -->`` becomes a short table of a recorded bench: the machine, its warnings, six rows at most.
``<!-- recorded -->`` becomes the tables of all recorded benches, and the blocks ``export_gains``,
``repeatability`` and ``coverage`` those of what the benchmarks wrote (see ``docs/recorded.py``).
``<!-- runtime: FILE -->`` becomes the tables of what ``benchmarks/runtime.py`` wrote.
``<!-- serve_load: FILE -->`` becomes the tables of what ``benchmarks/serve_load.py`` wrote, if that is there.
``<!-- first_stage: FILE -->`` becomes a table of the rows of a recorded bench that have a first stage.
``<!-- batch_effect: FILE -->`` and ``<!-- installed_size: FILE -->`` become the tables of what the benchmarks of
those names wrote.
``<!-- scale_assumed -->``, ``<!-- scale_bulk: FILE -->`` and ``<!-- scale_online: FILE -->`` become what a recorded
bench means for a billion rows and for 100,000 requests a second (see ``docs/scaling.py``).
``<!-- architectures: FILE -->`` becomes the tables of what ``tests/export/record_architectures.py`` wrote.
Each block ends at the next ``<!-- end -->``; a test checks that running this changes nothing.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from edgetext.bench.accuracy import baseline
from edgetext.bench.cells import ABSENT, megabytes, number, percent, speedup, status_text, warnings
from edgetext.bench.results import MEASURED, Results, Row, read_results
from edgetext.export.schemes.registry import describe_schemes

sys.path.insert(0, str(Path(__file__).parent))
import scaling
from recorded import coverage, export_gains, first_stage, machine, recorded, repeatability

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "edgetext"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_BLOCK = re.compile(r"(<!-- (\w+)(?:: (\S+))? -->\n).*?(<!-- end -->)", re.DOTALL)
_WIDTH = 30  # of the column with the names
_DEEPEST = 2
_COLUMNS = (
    "program",
    "accuracy [95 %]",
    "ms a text: mean (median)",
    "texts/s in batches",
    "model MB",
    "faster than torch fp32 [95 %]",
)
_SHOWN = (  # what the short table holds, where it was measured; docs/results.md has every row
    ("torch-cpu", "fp32"),
    ("torch-cpu", "bf16"),
    ("transformers-pipeline", "fp32"),
    ("onnxruntime", "int8"),
    ("edgetext", "fp32"),
    ("edgetext", "int8"),
)


def filled(text: str) -> str:
    """Gives a page with its blocks filled."""

    def fill(found: re.Match[str]) -> str:
        makers = {"results": results, "runtime": runtime, "architectures": architectures}
        makers |= {"batch_effect": batch_effect, "installed_size": installed_size, "export_gains": export_gains}
        makers |= {"repeatability": repeatability, "coverage": coverage, "serve_load": serve_load}
        makers |= {"first_stage": first_stage}
        makers |= {"scale_bulk": scaling.bulk, "scale_online": scaling.online}
        alone = {"tree": tree, "schemes": schemes, "recorded": recorded, "scale_assumed": scaling.assumed}
        lines = makers[found[2]](ROOT / found[3]) if found[3] else alone[found[2]]()
        return f"{found[1]}" + "".join(f"{line}\n" for line in lines) + found[4]

    return _BLOCK.sub(fill, text)


def tree() -> Iterator[str]:
    """Gives the package's folders and files, each with a comment; what lies deeper is its folder's."""
    yield "```"
    yield "src/edgetext/"
    yield from _branch(PACKAGE, depth=1)
    yield "```"


def schemes() -> Iterator[str]:
    """Gives the schemes, in the order in which a search builds them."""
    yield "| scheme | what it does |"
    yield "|---|---|"
    for name, what in describe_schemes():
        yield f"| `{name}` | {what} |"


def results(file: Path) -> Iterator[str]:
    """Gives the machine, the warnings, the rows to compare first, and the names of what was not measured."""
    found = read_results(file)
    where = file.relative_to(ROOT).as_posix()
    yield f"{machine(found.environment)}; {found.data.rows} rows of {found.data.name} ([{file.name}]({where}))."
    for warning in warnings(found):
        yield ""
        yield f"**{warning}**"
    yield ""
    yield f"| {' | '.join(_COLUMNS)} |"
    yield f"|---|{'---:|' * (len(_COLUMNS) - 1)}"
    rows = [found.row(*names) for names in _SHOWN]
    yield from (_short(found, row) for row in rows if row and row.status == MEASURED)
    missing: dict[str, list[str]] = {}
    for row in found.rows:
        if row.status != MEASURED:
            missing.setdefault(status_text(row.status, row.reason), []).append(f"{row.backend} {row.variant}")
    yield from (f"\n{', '.join(names)}: {why}." for why, names in missing.items())


def _short(found: Results, row: Row) -> str:
    cells = (
        f"{row.backend} {row.variant}",
        percent(row.accuracy),
        f"{number(row.latency_ms.mean_ms)} ({number(row.latency_ms.p50)})" if row.latency_ms else ABSENT,
        number(row.throughput_per_s.value if row.throughput_per_s else None),
        megabytes(row.model_bytes),
        speedup(found, row, baseline(found.rows)),
    )
    return f"| {' | '.join(cells)} |"


def runtime(file: Path) -> Iterator[str]:
    """Gives the figures and the ratios that ``benchmarks/runtime.py`` recorded."""
    found = json.loads(file.read_text("utf-8"))
    environment = found["environment"]
    runs = len(found["programs"][0]["p50_ms"])
    yield f"{environment['cpu']}, {environment['threads']} threads, {str(environment['date'])[:10]}; {runs} runs:"
    yield ""
    yield "| program | first prediction, ms | p50, ms | texts/s in bulk | memory after the first, MB |"
    yield "|---|---:|---:|---:|---:|"
    for program in found["programs"]:
        figures = (median(program[name]) for name in ("first_ms", "p50_ms", "texts_per_s", "first_mb"))
        yield "| {} | {:.0f} | {:.3f} | {:.0f} | {:.0f} |".format(program["name"], *figures)
    yield ""
    yield "| edgetext against | first prediction | p50 | bulk |"
    yield "|---|---|---|---|"
    for name, ratios in found["ratios"].items():
        yield "| {} | {} | {} | {} |".format(
            name, *(_ratio(ratios[kind]) for kind in ("first prediction", "p50", "bulk"))
        )
    grown = found["stream"]
    yield ""
    if "alone" in found:
        yield f"In a process that does nothing else, a first prediction takes {found['alone']['first_mb']:.0f} MB."
    yield f"A stream of {grown['lines']:,} lines made the peak memory grow by {grown['grown_mb']:.0f} MB."


def serve_load(file: Path) -> Iterator[str]:
    """Gives the capacities that ``benchmarks/serve_load.py`` recorded, and what came of too much load."""
    if not file.exists():
        yield "Not recorded yet."
        return
    found = json.loads(file.read_text("utf-8"))
    services, over = found["services"], found["overload"]
    bound, rounds = f"{found['bound_ms']:g} ms", len(services[0]["capacity_per_s"])
    yield f"{machine(found['environment'])}, the load on the same; {rounds} rounds, {found['texts']:,} texts:"
    yield ""
    yield f"| service | requests/s, p99 under {bound} | times fewer than {services[0]['name']} |"
    yield "|---|---:|---|"
    for service in services:
        ratio = found["ratios"].get(service["name"])
        times = _ratio(ratio) if ratio else ABSENT
        yield f"| {service['name']} | {median(service['capacity_per_s']):,.0f} | {times} |"
    yield ""
    yield f"{services[0]['name']} under {over['per_s']:,.0f} requests/s for {over['seconds']:g} s:"
    yield ""
    yield "| answer | requests | p50, ms | p99, ms | slowest, ms |"
    yield "|---|---:|---:|---:|---:|"
    for status, answered in over["answers"].items():
        times = " | ".join(f"{answered[name]:.1f}" for name in ("p50_ms", "p99_ms", "max_ms"))
        yield f"| {'none' if status == '0' else status} | {answered['count']:,} | {times} |"
    yield ""
    if "0" not in over["answers"]:
        yield "No request was left without an answer."
    start, end, most = (f"{over[f'rss_{name}_mb']:.0f} MB" for name in ("start", "end", "max"))
    slope = f"{over['rss_slope_mb_per_min']:+.1f} MB a minute"
    yield f"Its memory meanwhile: {start} at the start, {end} at the end, {most} at most; {slope} (least squares)."


def architectures(file: Path) -> Iterator[str]:
    """Gives which architectures were tried, which schemes apply to them or why not, and what came of others."""
    found = json.loads(file.read_text("utf-8"))
    promised, others = found["architectures"], found["others"]
    yield "Tried with " + ", ".join(f"{name} {version}" for name, version in found["libraries"].items()) + ":"
    yield ""
    yield (
        "| architecture | `model_type` | tokenizer | inputs besides `input_ids` | largest difference of a logit | "
        "fused: attention, GELU, normalization | integer products |"
    )
    yield "|---|---|---|---|---:|---|---:|"
    for item in promised:
        inputs = ", ".join(f"`{name}`" for name in item["inputs"][1:])
        cells = [item["name"], f"`{item['model_type']}`", item["tokenizer"], inputs]
        cells.append(f"{item['largest_difference']:.0e}")
        cells.append(", ".join(map(str, item["fused"].values())) or ABSENT)
        cells.append(f"{100 * next(iter(item['integer_share'].values())):.1f} %")
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "| scheme | applies to | skipped |"
    yield "|---|---|---|"
    for scheme in dict.fromkeys(name for item in promised for name in (*item["schemes"], *item["skipped"])):
        fits = [item["name"] for item in promised if scheme in item["schemes"]]
        reasons: dict[str, list[str]] = {}
        for item in promised:
            if reason := item["skipped"].get(scheme):
                reasons.setdefault(reason.replace(repr(item["model_type"]), "such"), []).append(item["name"])
        skipped = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in reasons.items())
        yield f"| `{scheme}` | {', '.join(fits) if reasons else 'all'} | {skipped} |"
    if not others:
        return
    yield ""
    yield "| other architecture | what came of it |"
    yield "|---|---|"
    for item in others:
        yield f"| {item['name']} (`{item['model_type']}`) | {item['said'] or 'every step worked'} |"


def batch_effect(file: Path) -> Iterator[str]:
    """Gives how much the company of a text changes its scores, by scheme."""
    found = json.loads(file.read_text("utf-8"))
    environment, data = found["environment"], found["data"]
    batch = found["schemes"][0]["batch"]
    yield (
        f"{environment['cpu']}, {str(environment['date'])[:10]}; {data['rows']:,} texts of {data['name']}, "
        f"{batch} a call against one a call:"
    )
    yield ""
    yield "| scheme | largest change of a probability | mean change | another label |"
    yield "|---|---:|---:|---:|"
    for row in found["schemes"]:
        figures = f"{row['largest_change']:.2g} | {row['mean_change']:.2g} | {row['labels_flipped']:.2%}"
        yield f"| `{row['scheme']}` | {figures} |"


def installed_size(file: Path) -> Iterator[str]:
    """Gives what the base install weighs, and what of it a prediction imports."""
    found = json.loads(file.read_text("utf-8"))
    used = [package for package in found["packages"] if package["imported"]]
    left = [package for package in found["packages"] if not package["imported"]]
    yield "| part | MB |"
    yield "|---|---:|"
    for package in used:
        yield f"| {package['name']} {package['version']} | {package['bytes'] / 1e6:.1f} |"
    bundle = found["bundle_bytes"]
    yield f"| a bundle with one int8 model | {bundle / 1e6:.1f} |"
    yield f"| **all that a prediction needs besides Python** | **{(_bytes(used) + bundle) / 1e6:.0f}** |"
    names = ", ".join(package["name"] for package in left)
    yield f"| installed with it and never imported: {names} | {_bytes(left) / 1e6:.1f} |"


def _bytes(packages: list[dict[str, Any]]) -> int:
    return sum(int(package["bytes"]) for package in packages)


def _ratio(found: dict[str, float]) -> str:
    return f"{found['median']:.2f}× ({found['low']:.2f} to {found['high']:.2f})"


def _branch(folder: Path, depth: int) -> Iterator[str]:
    entries = [entry for entry in folder.iterdir() if entry.name not in ("__pycache__", "py.typed", "__init__.py")]
    if depth == 1:
        yield _leaf("__init__.py", _comment(folder / "__init__.py"), depth)
    for entry in sorted(entries, key=lambda entry: (entry.is_dir(), entry.name)):
        if entry.is_dir():
            start = entry / "__init__.py"
            yield _leaf(f"{entry.name}/", _comment(start) if start.exists() else "", depth)
            yield from _branch(entry, depth + 1) if depth < _DEEPEST else ()
        elif entry.suffix == ".py":
            yield _leaf(entry.name, _comment(entry), depth)


def _leaf(name: str, comment: str, depth: int) -> str:
    return (f"{'  ' * depth}{name}".ljust(_WIDTH) + comment).rstrip()


def _comment(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    first = " ".join(docstring.partition("\n\n")[0].split())
    return first.partition(". ")[0].replace("``", "").rstrip(".")


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(filled(page.read_text("utf-8")), "utf-8")
