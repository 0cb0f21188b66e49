"""The model card that is sent: the one of the folder, or a short one, with the metadata that the Hub reads.

The block is written here and not by ``export`` or ``train``: the model's name, its licence and language are known
when it is pushed, a checkpoint has no card, and bundles of before get the block too. What a user wrote into it
stays; only the figures are always those that were measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edgetext.checkpoint import MINILM, MINILM_HUB
from edgetext.errors import InputError, first_line
from edgetext.escape import code
from edgetext.metrics.report import FIGURES, macro_f1_words, metric_words

if TYPE_CHECKING:
    from edgetext.checkpoint import Checkpoint
    from edgetext.runtime.manifest import Manifest

CARD_FILE = "README.md"
TASK = "text-classification"
_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_PARTS = ("validation", "test")
_NAMED_LABELS = 20
_EMPTY_BLOCK = f"---\npipeline_tag: {TASK}\n---\n\n"
_PLACE = "path/to/this/folder"  # where the model is, in the card of a folder
_LOADS_BUNDLE = f'from edgetext import Predictor\n\nclassify = Predictor("{_PLACE}")'
_LOADS_CHECKPOINT = f'from transformers import pipeline\n\nclassify = pipeline("{TASK}", "{_PLACE}")'


@dataclass(frozen=True)
class MeasuredFigure:
    """One figure of the card: what was measured on which part of the rows, and of what."""

    part: str
    metric: str
    value: float
    name: str


@dataclass(frozen=True)
class CardFacts:
    """What a card tells of a model.

    Attributes:
        text: The card as it is so far.
        library: What loads the model, as the Hub calls it.
        tags: What else it is.
        base_model: What was fine-tuned, as the user named it; empty where nobody knows.
        data: The sources of its rows, as they are named.
        figures: What was measured.
    """

    text: str
    library: str
    tags: tuple[str, ...]
    base_model: str = ""
    data: tuple[str, ...] = ()
    figures: tuple[MeasuredFigure, ...] = ()

    def renamed(self, base_model: str) -> CardFacts:
        """The same facts with the base model under another name, in the text too."""
        return replace(self, base_model=base_model, text=self.text.replace(code(self.base_model), code(base_model)))


def bundle_facts(manifest: Manifest, record: Mapping[str, Any], text: str) -> CardFacts:
    """Collects what a card tells of a bundle.

    Args:
        manifest: What the bundle says of itself.
        record: What ``export.json`` says; nothing in it is taken on trust.
        text: The bundle's card; empty where there is none.
    """
    metrics = record.get("metrics")
    checkpoint = metrics if isinstance(metrics, Mapping) else {}
    data = manifest.provenance.get("data")
    return CardFacts(
        text=text or _short_card(manifest.labels, _LOADS_BUNDLE),
        library="edgetext",
        tags=("edgetext", "onnx"),
        base_model=str(manifest.provenance.get("base_model") or ""),
        data=tuple(str(one.get("name")) for one in data or () if isinstance(one, Mapping)),
        figures=(*_shipped(manifest), *_measured(checkpoint, "torch checkpoint")),
    )


def checkpoint_facts(checkpoint: Checkpoint, text: str) -> CardFacts:
    """Collects what a card tells of a checkpoint.

    Args:
        checkpoint: The checkpoint.
        text: The card that lies beside it; empty where there is none.
    """
    figures = checkpoint.training.get("metrics", {})
    sources = checkpoint.split.sources if checkpoint.split else ()
    return CardFacts(
        text=text or _short_card(checkpoint.labels, _LOADS_CHECKPOINT, figures),
        library="transformers",
        tags=("edgetext",),
        base_model=checkpoint.base_model,
        data=tuple(re.split(r"[/\\]", one.uri)[-1] if not _is_hub(one.uri) else one.uri for one in sources),
        figures=tuple(_measured(figures, "checkpoint")),
    )


def render_card(facts: CardFacts, name: str, *, license: str | None, language: str | None) -> bytes:
    """Writes the card with the Hub's metadata in front.

    Args:
        facts: What it tells.
        name: The model's name on the Hub.
        license: As the Hub names licences, such as ``apache-2.0``.
        language: A code such as ``en``, or several with commas between.

    Raises:
        InputError: The card has a block that is no YAML.
    """
    from huggingface_hub import ModelCard

    at = f"hub:{name}@COMMIT" if facts.library == "edgetext" else name
    text = facts.text.replace(_PLACE, at)
    text = text if text.lstrip().startswith("---") else _EMPTY_BLOCK + text
    try:
        card = ModelCard(text, ignore_metadata_errors=True)
    except Exception as error:  # PyYAML has a tree of its own, and the client raises what comes
        why = first_line(error)
        raise InputError(f"{CARD_FILE}: its first block cannot be read ({why}): mend it, or remove it") from error
    chosen = {"license": license, "language": _languages(language)}
    for field, value in {**_usual(facts), **chosen}.items():
        if value and (chosen.get(field) or not card.data.get(field)):
            card.data[field] = value
    card.data["tags"] = list(dict.fromkeys([*_words(card.data.get("tags")), *facts.tags]))
    if facts.figures:
        card.data["model_name"] = name.rpartition("/")[2]
        card.data["eval_results"] = _results(facts)
    return str(card).encode("utf-8")


def _short_card(labels: tuple[str, ...], loading: str, figures: Mapping[str, Any] | None = None) -> str:
    """Writes a card for a folder that has none."""
    named = ", ".join(code(label) for label in labels[:_NAMED_LABELS])
    more = f" and {len(labels) - _NAMED_LABELS} more" if len(labels) > _NAMED_LABELS else ""
    parts = [(part, (figures or {}).get(part)) for part in _PARTS]
    lines = [
        f"- {part}: {metric_words(found)[0]} {metric_words(found)[1]}, macro F1 {macro_f1_words(found)}"
        for part, found in parts
        if isinstance(found, Mapping) and metric_words(found)[0]
    ]
    return (
        f"{_EMPTY_BLOCK}# A text classifier with {len(labels)} labels\n\nIts labels: {named}{more}.\n\n"
        f'```python\n{loading}\nprint(classify("your text"))\n```\n'
        + ("\n## Figures\n\n" + "\n".join(lines) + "\n" if lines else "")
    )


def _usual(facts: CardFacts) -> dict[str, Any]:
    """What stands in the block where the user wrote nothing else."""
    base = MINILM_HUB if facts.base_model == MINILM else facts.base_model.partition("@")[0]
    data = [_hub_id(one) for one in facts.data if _is_hub(one)]
    return {
        "library_name": facts.library,
        "pipeline_tag": TASK,
        "base_model": base if _HUB_NAME.fullmatch(base) else None,
        "datasets": list(dict.fromkeys(data)),
        "metrics": list(dict.fromkeys(one.metric for one in facts.figures)),
    }


def _is_hub(source: str) -> bool:
    return source.startswith("hub:")


def _hub_id(source: str) -> str:
    """Returns the id of a data set that was named ``hub:ID[:CONFIG][@REVISION]``."""
    return source.removeprefix("hub:").partition("@")[0].partition(":")[0]


def _results(facts: CardFacts) -> list[Any]:
    from huggingface_hub import EvalResult

    source = facts.data[0] if facts.data else "held-out rows"
    known = _hub_id(source) if _is_hub(source) else source.removeprefix("builtin:")
    kind = known if _is_hub(source) else re.sub(r"[^\w.-]+", "_", known, flags=re.ASCII)
    return [
        EvalResult(
            task_type=TASK,
            dataset_type=kind,
            dataset_name=known,
            dataset_split=one.part,
            metric_type=one.metric,
            metric_value=one.value,
            metric_name=one.name,
        )
        for one in facts.figures
    ]


def _shipped(manifest: Manifest) -> Iterator[MeasuredFigure]:
    """What the gate measured of the default, together with the first stage where there is one."""
    default, first = manifest.variant(), manifest.first_stage
    found = first.evaluation if first is not None and first.variant == default.name else default.evaluation
    value, metric, rows = found.get("accuracy"), found.get("metric"), found.get("rows")
    if isinstance(value, int | float):
        name = str(metric or "accuracy")
        of = f"first stage with {default.name}" if found is not default.evaluation else default.name
        yield MeasuredFigure("validation", _metric_id(name), float(value), f"{name} ({of}, {rows} held-out rows)")


def _measured(metrics: Mapping[str, Any], of: str) -> Iterator[MeasuredFigure]:
    for part in _PARTS:
        found = metrics.get(part)
        if not isinstance(found, Mapping):
            continue
        for key, name in {**FIGURES, "macro_f1": "macro F1"}.items():
            if isinstance(value := found.get(key), int | float):
                yield MeasuredFigure(
                    part, _metric_id(name), float(value), f"{name} ({of}, {found.get('rows')} rows)"
                )


def _metric_id(name: str) -> str:
    return "f1" if name.endswith("F1") else name


def _languages(given: str | None) -> list[str] | str | None:
    codes = [code.strip() for code in (given or "").split(",") if code.strip()]
    return codes if len(codes) > 1 else next(iter(codes), None)


def _words(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value or ()]
