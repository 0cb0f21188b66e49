"""The candidates of a search: made by the schemes in a workshop, and asked there as variants of a bundle."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgetext.errors import InputError, first_line
from edgetext.export.gate import Probabilities
from edgetext.export.record import SchemeOutcome
from edgetext.export.schemes.registry import SchemeNotApplicableError, find_scheme
from edgetext.export.tuning import sample
from edgetext.export.workshop import FP32, Workshop, make_variant
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Variant
from edgetext.runtime.predictor import Predictor
from edgetext.trouble import is_failed_write

_CHANGE_TEXTS = 128


@dataclass(frozen=True)
class Candidate:
    """A model that a scheme made.

    Attributes:
        scheme: Its name; also the variant's in the workshop.
        variant: The model in the workshop.
        build_seconds: How long it took.
    """

    scheme: str
    variant: Variant
    build_seconds: float


def build(shop: Workshop, name: str) -> Candidate | SchemeOutcome:
    """Makes a candidate, or the row that says why there is none.

    Raises:
        InputError: What was given cannot be used.
        Exception: The system refused a write; what else goes wrong in a scheme is its own failure.
    """
    scheme, file = find_scheme(name), f"{name}.onnx"
    begin = time.monotonic()
    try:
        session = scheme.build(shop.source, shop.folder / file)
    except SchemeNotApplicableError as error:
        return SchemeOutcome(name, "not_applicable", str(error))
    except InputError:
        raise
    except Exception as error:  # a library's, of any kind: the other schemes may still do
        if is_failed_write(error):
            raise
        reason = f"it could not be built: {type(error).__name__}: {first_line(error)}"
        return SchemeOutcome(name, "failed", reason)
    variant = make_variant(shop.folder, name, file, precision=scheme.precision, session=session)
    return Candidate(name, variant, time.monotonic() - begin)


def open_with(shop: Workshop, variants: Sequence[Variant]) -> None:
    """Makes the workshop's folder a bundle with the reference and these variants."""
    write_manifest(shop.folder, replace(shop.manifest, variants=(*shop.manifest.variants, *variants)))


def gate_answers(shop: Workshop, name: str) -> Probabilities:
    """Asks a variant of the opened workshop for the held-out texts, and tells how it goes."""

    def told() -> Iterator[str]:
        for done, text in enumerate(shop.texts, start=1):
            yield text
            shop.progress.step(f"gate, {name}", done, len(shop.texts))

    return _answers(shop, name, told())


def changes(shop: Workshop, names: Sequence[str]) -> dict[str, float]:
    """How much each variant changes the fp32 model's probabilities on calibration texts.

    It needs no labels, and is no look at the texts of the gate.

    Args:
        shop: The workshop, opened with the variants.
        names: Of the variants.

    Returns:
        The mean over the texts of the largest change of one of a text's probabilities; empty without texts.
    """
    texts = sample(shop.source.calibration, _CHANGE_TEXTS)
    if not texts:
        return {}
    reference = _answers(shop, FP32, texts)
    return {name: float(np.abs(_answers(shop, name, texts) - reference).max(axis=1).mean()) for name in names}


def file_answers(shop: Workshop, file: Path, session: Mapping[str, Any], texts: Sequence[str]) -> Probabilities:
    """Asks any model file in the workshop; see ``rescue.Trial``."""
    relative = file.relative_to(shop.folder).as_posix()
    open_with(shop, [make_variant(shop.folder, "trial", relative, precision="int8", session=session)])
    return _answers(shop, "trial", texts)


def _answers(shop: Workshop, name: str, texts: Iterable[str]) -> Probabilities:
    """The probabilities of each text by itself, as an app would ask: with dynamic int8 they depend on the batch."""
    with Predictor(shop.folder, variant=name) as classify:
        return np.concatenate([classify.predict_proba([text]) for text in texts])
