"""What the user of an export may choose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from edgetext.errors import InputError
from edgetext.export.schemes.registry import SCHEMES, find_scheme

if TYPE_CHECKING:
    from edgetext.data.texts import Texts
    from edgetext.export.tuning import CalibrationTexts

Objective = Literal["latency", "throughput", "size"]
OBJECTIVES: tuple[Objective, ...] = ("latency", "throughput", "size")
"""One text soonest; most texts per second, in bulk; the smallest file."""

FirstStageChoice = Literal["off", "auto", "require"]
FIRST_STAGE_CHOICES: tuple[FirstStageChoice, ...] = ("off", "auto", "require")
"""No first stage; one where the gate lets it through and it pays; or else the command fails."""

DEFAULT_FIRST_STAGE_MB = 8.0

DEFAULT_MAX_DROP = 0.01
"""The gate's margin, as a share of texts."""

AUTO = "auto"
"""The least confidence is chosen on the held-out rows."""

DEFAULT_PRECISION = 0.98
"""How often sure answers are to be right where nothing else is asked."""

DEFAULT_SEARCH_SECONDS = 150.0
"""What a search may take: half a minute less than the three that are promised for MiniLM, for the export itself."""

DEFAULT_VOCABULARY = 9000
"""Tokens that trimming keeps. A row of MiniLM's table takes 388 bytes in int8: 3.5 MB instead of 11.8."""


@dataclass(frozen=True)
class ExportSettings:
    """How the int8 model is searched for and judged.

    Attributes:
        max_drop: The gate's margin, as a share of texts.
        schemes: The schemes to try; a single one skips the search. Of two equally good ones the earlier is taken.
        strict: Whether an undecided candidate is refused like a failed one.
        examples: Whether a few held-out texts go into the manifest, for the demo page.
        texts: Whether texts go into the bundle at all: the examples, and those that ``tune`` works with.
        objective: What the best candidate is best in.
        search_seconds: How long the search may take before it cuts its list short.
        text_model: Whether ``onnx/model_text.onnx`` is written, see ``text_model.py``.
        trim_vocabulary: How many tokens of the vocabulary to keep; all of them where ``None``.
        calibration: Labelled rows to calibrate static int8 on, named as data to train on are, or the texts
            themselves; training rows of the checkpoint where ``None``. ``tune`` takes those of the bundle.
        unlabelled: Texts without labels of the kind that the model will meet, or where they are (see
            ``edgetext.data.texts``): how rarely a candidate answers them otherwise than fp32 lets it pass too.
        reference: A checkpoint with the same labels, such as a student's teacher: its answers are what candidates
            are held against, in place of those of the checkpoint's own fp32 graph. ``tune`` knows none.
        min_confidence: The confidence below which an answer is not sure; ``auto`` chooses it so that sure answers
            are right as often as ``precision`` says; all answers are sure where ``None``.
        precision: See ``min_confidence``.
        first_stage: Whether a quick classifier is put before the model, see ``first_stage.py``.
        first_stage_mb: The largest size of its file, in megabytes.
        command: The command line, for the provenance.

    Raises:
        InputError: A share outside 0 to 1, a scheme, an objective or a choice that is not there, no time, no token,
            or no size.
    """

    max_drop: float = DEFAULT_MAX_DROP
    schemes: tuple[str, ...] = tuple(SCHEMES)
    strict: bool = False
    examples: bool = True
    texts: bool = True
    objective: Objective = "latency"
    search_seconds: float = DEFAULT_SEARCH_SECONDS
    text_model: bool = False
    trim_vocabulary: int | None = None
    calibration: CalibrationTexts | str | None = None
    unlabelled: Texts | str | None = None
    reference: Path | str | None = None
    min_confidence: float | Literal["auto"] | None = None
    precision: float = DEFAULT_PRECISION
    first_stage: FirstStageChoice = "auto"
    first_stage_mb: float = DEFAULT_FIRST_STAGE_MB
    command: str = ""

    def __post_init__(self) -> None:
        """Refuses values outside their range."""
        if not 0 < self.max_drop < 1:
            raise InputError(f"--max-drop is a share between 0 and 1 (0.01 is one point), found {self.max_drop:g}")
        if self.objective not in OBJECTIVES:
            raise InputError(f"there is no objective {self.objective!r}: choose one of {', '.join(OBJECTIVES)}")
        if not self.search_seconds > 0:
            raise InputError(f"--search-seconds must be above 0, found {self.search_seconds:g}")
        if self.trim_vocabulary is not None and self.trim_vocabulary < 1:
            raise InputError(f"--trim-vocabulary keeps at least 1 token, found {self.trim_vocabulary}")
        least = self.min_confidence
        if (isinstance(least, str) and least != AUTO) or (isinstance(least, float) and not 0 <= least <= 1):
            raise InputError(f"--min-confidence is a share between 0 and 1, or {AUTO}, found {least}")
        if not 0 < self.precision < 1:
            raise InputError(f"--precision is a share between 0 and 1, found {self.precision:g}")
        if self.first_stage not in FIRST_STAGE_CHOICES:
            choices = ", ".join(FIRST_STAGE_CHOICES)
            raise InputError(f"there is no --first-stage {self.first_stage!r}: choose one of {choices}")
        if not self.first_stage_mb > 0:
            raise InputError(f"--first-stage-mb must be above 0, found {self.first_stage_mb:g}")
        for scheme in self.schemes:
            find_scheme(scheme)

    @property
    def wants_first_stage(self) -> bool:
        """Whether one is to be made; it makes a bundle larger, so not for the sake of its size alone."""
        return self.first_stage == "require" or (self.first_stage == "auto" and self.objective != "size")

    def to_json(self) -> dict[str, Any]:
        """Names what decides the search, as JSON values."""
        return {
            "max_drop": self.max_drop,
            "strict": self.strict,
            "schemes": list(self.schemes),
            "search_seconds": self.search_seconds,
            **({} if self.reference is None else {"reference": Path(self.reference).resolve().name}),
            "first_stage": self.first_stage,
            "first_stage_mb": self.first_stage_mb,
        }
