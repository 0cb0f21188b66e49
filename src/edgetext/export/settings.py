"""What the user of an export may choose."""

from __future__ import annotations

from dataclasses import dataclass

from edgetext.errors import InputError
from edgetext.export.gate import DEFAULT_MAX_DROP
from edgetext.export.schemes.registry import SCHEMES, check_scheme


@dataclass(frozen=True)
class ExportSettings:
    """What the user may choose.

    Attributes:
        max_drop: The gate's margin, as a share of texts.
        schemes: The int8 recipes to try, in order; the first that the gate lets through is taken.
        strict: Whether an undecided candidate is refused like a failed one.
        examples: Whether a few held-out texts go into the manifest, for the demo page.
        command: The command line, for the provenance.

    Raises:
        InputError: A margin outside 0 to 1, or a scheme that is not there.
    """

    max_drop: float = DEFAULT_MAX_DROP
    schemes: tuple[str, ...] = tuple(SCHEMES)
    strict: bool = False
    examples: bool = True
    command: str = ""

    def __post_init__(self) -> None:
        """Refuses values outside their range."""
        if not 0 < self.max_drop < 1:
            raise InputError(f"--max-drop is a share between 0 and 1 (0.01 is one point), found {self.max_drop:g}")
        for scheme in self.schemes:
            check_scheme(scheme)
