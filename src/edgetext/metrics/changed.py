"""How often two models answer differently, bounded from above on texts that need no labels.

Where both give the same answer nothing is lost, whatever the truth: the share of changed answers bounds the loss
of accuracy. It does not bound that of F1, in which a changed answer counts for as many decisions as it has labels.

Source: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26 (1934): exact for any number of texts, as a quantile of the beta distribution. With no
changed answer among n texts the bound is 1 - error^(1/n): 299 texts are the least for one point at 95 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from edgetext.errors import needs_extra

METHOD = "Clopper-Pearson 1934, one-sided"


@dataclass(frozen=True)
class Changed:
    """On how many texts two models answered differently, and on how many of all texts they do at most.

    Attributes:
        texts: How many texts both answered.
        changed: On how many of them the answers differ.
        at_most: Upper end of the exact one-sided interval of the share.
        confidence: Of that end, one-sided.
    """

    texts: int
    changed: int
    at_most: float
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """The bound as JSON values."""
        return {
            "texts": self.texts,
            "changed": self.changed,
            "at_most": self.at_most,
            "confidence": self.confidence,
            "method": METHOD,
        }


def bound_changed(changed: int, texts: int, confidence: float) -> Changed:
    """Bounds the share of changed answers.

    Args:
        changed: On how many texts the answers differ.
        texts: How many texts were answered; drawn like those that are asked later.
        confidence: One-sided, such as 0.95.

    Raises:
        ValueError: There are no texts, or ``changed`` is not between 0 and ``texts``.
    """
    if texts < 1 or not 0 <= changed <= texts:
        raise ValueError(f"expected 0 <= changed <= texts and texts >= 1, found {changed} of {texts}")
    with needs_extra("export"):
        from scipy.special import betaincinv  # scipy takes long to load, and most gates do without it
    at_most = 1.0 if changed == texts else float(betaincinv(changed + 1, texts - changed, confidence))
    return Changed(texts, changed, at_most, confidence)


def texts_to_bound(found: Changed, share: float, most: int) -> int | None:
    """The smallest number of texts at which the same rate is shown to lie below a share, in steps of a tenth.

    Args:
        found: What was seen.
        share: What the bound is to lie below.
        most: The most texts that are worth a thought.
    """
    texts = found.texts
    while texts < most:
        texts += max(1, texts // 10)
        changed = math.ceil(found.changed / found.texts * texts)
        if bound_changed(changed, texts, found.confidence).at_most < share:
            return texts
    return None
