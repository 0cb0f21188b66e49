"""The model card of a bundle, ``README.md``: its labels, its data, what int8 cost, how to load it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from edgetext.escape import code, markdown, yaml
from edgetext.export.record import SearchRecord, table_cells, table_columns, table_remarks
from edgetext.files import write_atomically
from edgetext.metrics.report import macro_f1_words, metric_words
from edgetext.runtime.manifest import Manifest, Variant

_NAMED_LABELS = 20
_EXPORTERS = {"optimum": "Optimum", "torch": "torch's own exporter"}
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)


def write_card(folder: Path, manifest: Manifest, record: SearchRecord) -> None:
    """Writes the card into the bundle's folder."""
    sections = [
        _front_matter(manifest),
        _title(manifest),
        _loading(manifest),
        _variants(manifest),
        _search(record),
        _figures(record.metrics),
        _teacher(manifest.provenance),
        _data(manifest.provenance),
    ]
    write_atomically(folder / "README.md", ("\n\n".join(part for part in sections if part) + "\n").encode("utf-8"))


def _front_matter(manifest: Manifest) -> str:
    lines = ["---", "library_name: edgetext", "pipeline_tag: text-classification", "tags: [onnx, int8]"]
    base = _base_model(manifest).partition("@")[0]
    # The Hub takes a model id here; a built-in name or a folder is none.
    if _HUB_NAME.fullmatch(base) and not Path(base).exists():
        lines.append(f"base_model: {yaml(base)}")
    return "\n".join([*lines, "---"])


def _title(manifest: Manifest) -> str:
    names = ", ".join(code(label) for label in manifest.labels[:_NAMED_LABELS])
    rest = len(manifest.labels) - _NAMED_LABELS
    more = f" and {rest} more" if rest > 0 else ""
    which = "one" if manifest.decides.one_label else "those that fit"
    what = "pair of texts" if manifest.text_pair_column else "text"
    base = f" It was fine-tuned from {code(_base_model(manifest))}." if _base_model(manifest) else ""
    return (
        f"# A text classifier with {len(manifest.labels)} labels\n\n"
        f"Gives each {what} {which} of: {names}{more}.{base} Texts are read up to {manifest.max_length} tokens."
    )


def _loading(manifest: Manifest) -> str:
    needs = "numpy and tokenizers" if manifest.variant().is_static else "numpy, onnxruntime and tokenizers"
    graph = next(
        (variant.file for variant in (manifest.variant(), *manifest.variants) if not variant.is_static), ""
    )
    return (
        "## How to load it\n\n```python\nfrom edgetext import Predictor\n\n"
        'classify = Predictor("path/to/this/folder")\nprint(classify("your text"))\n```\n\n'
        f"It needs {needs}, and no torch. Optimum and transformers.js open the folder as well; their model is "
        f"{code(graph)}."
    )


def _variants(manifest: Manifest) -> str:
    rows = [
        [markdown(v.name), code(v.file), markdown(v.scheme), f"{v.bytes / 1e6:.1f} MB"] for v in manifest.variants
    ]
    cost = _cost(manifest.variant())
    table = _table(("variant", "file", "scheme", "size"), rows)
    about = [*_exported(manifest), *_first_stage(manifest), *_sure(manifest)]
    return "\n".join(["## What int8 cost", "", *table, "", cost, *about])


def _exported(manifest: Manifest) -> list[str]:
    """Who wrote the fp32 graph, where the manifest says so."""
    name, libraries = (manifest.provenance.get(key) for key in ("exporter", "libraries"))
    said = _EXPORTERS.get(name) if isinstance(name, str) else None
    if said is None or not isinstance(libraries, Mapping):
        return []
    versions = {library: str(libraries.get(library)) for library in ("torch", "transformers")}
    beside = " and ".join(f"{library} {markdown(number)}" for library, number in versions.items())
    agreement = manifest.variants[0].evaluation.get("logits_vs_torch")
    apart = agreement.get("largest_difference") if isinstance(agreement, Mapping) else None
    shown = f"; its logits are within {apart:.1g} of torch's" if isinstance(apart, float) else ""
    return ["", f"The fp32 graph was exported by {said}, with {beside}{shown}."]


def _first_stage(manifest: Manifest) -> list[str]:
    """What stands before the default model, where something does."""
    first = manifest.first_stage
    if first is None:
        return []
    never = f" It is never trusted with: {', '.join(map(code, first.withheld))}." if first.withheld else ""
    return [
        "",
        f"Before it stands a first stage, {code(first.file)} ({first.bytes / 1e6:.1f} MB): a table of word vectors "
        f"that answers by itself where its answer is {first.margin:g} away from any other one in probability, as "
        f"was so for {_share(first.coverage)} of the held-out texts; the model answers the others.{never} Both "
        f"together against fp32: {markdown(str(first.evaluation.get('sentence', 'not recorded')))}.",
    ]


def _sure(manifest: Manifest) -> list[str]:
    """Which answers are sure, where the bundle says so."""
    if manifest.min_confidence is None:
        return []
    found, shown = manifest.extra.get("sure_answers"), ""
    if isinstance(found, Mapping):
        shown = (
            f": on held-out rows {_share(found.get('share'))} of them, of which {_share(found.get('precision'))} "
            f"are right (asked for: {_share(found.get('asked'))})"
        )
    return ["", f"Answers with a confidence of {manifest.min_confidence:.4f} at least are sure{shown}."]


def _cost(default: Variant) -> str:
    if "sentence" not in default.evaluation:
        return "No int8 model was let through by the gate, so that fp32 is the default."
    kept = len(default.evaluation.get("kept_fp32", ()))
    rescued = f" {kept} layers went back to fp32 for it." if kept else ""
    against = default.evaluation.get("against")
    reference = code(str(against)) + ", its reference" if against else "fp32"
    sentence = markdown(str(default.evaluation["sentence"]))
    return f"The default against {reference}: {sentence}.{rescued}{_integer(default)}"


def _integer(default: Variant) -> str:
    share = default.evaluation.get("integer_share")
    if not isinstance(share, int | float):
        return ""
    return f" Of its multiplications with weights {100 * share:.1f} % are integer, as counted in the file."


def _search(record: SearchRecord) -> str:
    if not record.rows:
        return ""
    environment = record.environment
    rows = [[markdown(cell) for cell in row] for row in table_cells(record)]
    remarks = [f"- {markdown(remark)}" for remark in table_remarks(record)]
    return "\n".join(
        [
            "## The search",
            "",
            f"For {record.objective}, on {markdown(str(environment.get('cpu')))} with "
            f"{environment.get('threads')} threads "
            f"(onnxruntime {environment.get('libraries', {}).get('onnxruntime')}), "
            f"{str(environment.get('date'))[:10]}. `export.json` has all of it; `edgetext tune` repeats it on "
            "another machine.",
            "",
            *_table(table_columns(record), rows),
            *(["", *remarks] if remarks else []),
        ]
    )


def _figures(metrics: Mapping[str, Any]) -> str:
    parts = {part: metrics[part] for part in ("validation", "test") if isinstance(metrics.get(part), Mapping)}
    lines = [_part(part, figures) for part, figures in parts.items() if metric_words(figures)[0]]
    per_label = next((parts[part].get("per_label") for part in ("test", "validation") if part in parts), None)
    if isinstance(per_label, Mapping) and per_label:
        lines += ["", *_table(("label", "precision", "recall"), list(_label_rows(per_label)))]
    return "\n".join(["## Figures of the torch checkpoint", "", *lines]) if lines else ""


def _teacher(provenance: Mapping[str, Any]) -> str:
    """Whose student the model is, and what it lost to its teacher; nothing in it is taken on trust."""
    teacher = provenance.get("teacher")
    if not isinstance(teacher, Mapping):
        return ""
    kept, metrics, digest = (teacher.get(name) for name in ("kept", "metrics", "sha256"))
    layers = ", ".join(map(str, kept)) if isinstance(kept, Sequence) else ""
    made = f"layers {markdown(layers)}" if layers else "word vectors"
    weights = f" (SHA-256 of its weights: {code(str(digest)[:16])})" if digest else ""
    figures = [
        [markdown(str(part)), *_against(found)]
        for part, found in (metrics.items() if isinstance(metrics, Mapping) else ())
        if isinstance(found, Mapping)
    ]
    heads = ("part", "rows", "teacher", "student", "difference, with its 95 % interval", "same answers")
    return "\n".join(
        [
            "## Its teacher",
            "",
            f"It was made of the {made} of {code(str(teacher.get('name')))}{weights}, whose answers it learned.",
            *(["", *_table(heads, figures)] if figures else []),
        ]
    )


def _against(found: Mapping[str, Any]) -> list[str]:
    """The cells of a part: the metric of both, how the student differs, how often both answer alike."""
    names = ("teacher", "student", "difference", "low", "high", "same_answers")
    teacher, student, difference, low, high, same = (_share(found.get(name)) for name in names)
    return [markdown(str(found.get("rows"))), teacher, student, f"{difference} ({low} to {high})", same]


def _part(part: str, figures: Mapping[str, Any]) -> str:
    """A line about a part of the rows."""
    name, value = metric_words(figures)
    line = f"- {part}: {name} {value}, macro F1 {macro_f1_words(figures)}"
    baseline, errors = figures.get("baseline"), figures.get("calibration")
    if isinstance(baseline, int | float):
        line += f"; TF-IDF with logistic regression, fitted in seconds: {baseline:.4f}"
    if isinstance(errors, Mapping):
        before, after = (_share(errors.get(name)) for name in ("before", "after"))
        line += f"; calibration error {before}, with the temperature {after}"
    return line


def _label_rows(per_label: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, figures in per_label.items():
        if isinstance(figures, Mapping):
            yield [markdown(name), _share(figures.get("precision")), _share(figures.get("recall"))]


def _share(value: object) -> str:
    """A share; a dash where there is none, or no number: a bundle that is tuned may be written by anybody."""
    return f"{value:.3f}" if isinstance(value, int | float) else "–"


def _data(provenance: Mapping[str, Any]) -> str:
    data, rows = provenance.get("data"), provenance.get("rows")
    if not isinstance(data, list) or not data or not isinstance(rows, Mapping):
        return ""
    lines = [
        f"- {code(str(entry.get('name')))}, {markdown(str(entry.get('rows')))} rows, "
        f"fingerprint {code(str(entry.get('fingerprint'))[:16])}"
        for entry in data
        if isinstance(entry, Mapping)
    ]
    used = markdown(", ".join(f"{count} {name}" for name, count in rows.items()))
    return "\n".join(["## Data", "", *lines, "", f"Used as: {used} rows."])


def _base_model(manifest: Manifest) -> str:
    base = manifest.provenance.get("base_model")
    return base if isinstance(base, str) else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; the cells are Markdown already."""
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads), *(f"| {' | '.join(row)} |" for row in rows)]
