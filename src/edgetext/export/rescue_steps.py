"""What a rescue tells of itself: every model it tried, and the one it kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgetext.export.sensitivity import Harm
from edgetext.export.verdict import Verdict

_NAMED = 4  # nodes named in a row of the table; the rest are counted


@dataclass(frozen=True)
class Step:
    """One model that was held to the gate on the way.

    Attributes:
        kept: The nodes given back to fp32, the most harmful first.
        bytes: Size of the model.
        verdict: What the gate said.
    """

    kept: tuple[str, ...]
    bytes: int
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """Gives the step as JSON values."""
        return {
            "kept": list(self.kept),
            "bytes": self.bytes,
            "loss": self.verdict.loss,
            "verdict": self.verdict.decision,
            "sentence": self.verdict.sentence,
        }


@dataclass(frozen=True)
class Rescue:
    """What came of a rescue.

    Attributes:
        kept: The nodes that stay fp32; empty where nothing helped and nothing was written.
        session: The session options that the model must be loaded with.
        verdict: The gate's, on the model that was written, or else on the last one tried.
        harms: The ranking, the most harmful first.
        steps: Every model that was tried, in order.
    """

    kept: tuple[str, ...]
    session: Mapping[str, Any]
    verdict: Verdict
    harms: tuple[Harm, ...]
    steps: tuple[Step, ...]

    @property
    def succeeded(self) -> bool:
        """Whether a model was let through, and written."""
        return bool(self.kept)

    def to_json(self) -> dict[str, Any]:
        """Gives the rescue as JSON values."""
        return {
            "kept": list(self.kept),
            "harms": [{"nodes": list(harm.nodes), "change": harm.change} for harm in self.harms],
            "steps": [step.to_json() for step in self.steps],
        }


def rescue_table(rescue: Rescue) -> str:
    """Gives the steps as a Markdown table: what stayed fp32, the size, the loss, and the gate's verdict."""
    metric = rescue.verdict.metric
    lines = [f"| layers in fp32 | size, MB | {metric} lost, points | gate |", "|---|---:|---:|---|"]
    for step in rescue.steps:
        chosen = " (kept)" if rescue.succeeded and step.kept == rescue.kept else ""
        lines.append(
            f"| {_names(step.kept)} | {step.bytes / 1e6:.2f} | {100 * step.verdict.loss:.2f} "
            f"| {step.verdict.decision}{chosen} |"
        )
    return "\n".join(lines)


def _names(kept: tuple[str, ...]) -> str:
    if not kept:
        return "none"
    more = f" and {len(kept) - _NAMED} more" if len(kept) > _NAMED else ""
    return f"{len(kept)}: " + ", ".join(f"`{name}`" for name in kept[:_NAMED]) + more
