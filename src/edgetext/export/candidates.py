"""The candidates of an export: made by the schemes in a workshop, which is a bundle with all of them in it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgetext.errors import InputError, first_line
from edgetext.export.calibration import sample
from edgetext.export.gate import Probabilities, Truth
from edgetext.export.record import Row
from edgetext.export.schemes.registry import find_scheme
from edgetext.export.schemes.source import SchemeNotApplicableError, Source
from edgetext.export.settings import ExportSettings
from edgetext.files import sha256
from edgetext.progress import Progress
from edgetext.runtime.bundle import write_manifest
from edgetext.runtime.manifest import Manifest, Variant
from edgetext.runtime.predictor import Predictor
from edgetext.trouble import is_failed_write

FP32_FILE = "onnx/model.onnx"
INT8_FILE = "onnx/model_quantized.onnx"  # the name that transformers.js and Optimum expect
FP32 = "fp32"
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


@dataclass(frozen=True)
class Workshop:
    """What every candidate is made from and judged on.

    Attributes:
        source: The exported graph; its folder is the workshop.
        manifest: Of the workshop's reference alone, ``fp32``.
        texts: Held-out texts.
        truth: The right class index of each; multi label: see ``gate.judge``.
        settings: What the user chose.
        progress: Told of each step.
        reference: The answers to hold candidates against where they are not those of the workshop's ``fp32``: of
            the model before its vocabulary was trimmed.
    """

    source: Source
    manifest: Manifest
    texts: Sequence[str]
    truth: Truth
    settings: ExportSettings
    progress: Progress
    reference: Probabilities | None = None

    @property
    def folder(self) -> Path:
        """The folder of the workshop."""
        return self.source.folder

    def build(self, name: str) -> Candidate | Row:
        """Makes a candidate, or gives the row that says why there is none.

        Raises:
            InputError: What was given cannot be used.
            Exception: The system refused a write; what else goes wrong in a scheme is its own failure.
        """
        scheme, file = find_scheme(name), f"{name}.onnx"
        begin = time.monotonic()
        try:
            session = scheme.build(self.source, self.folder / file)
        except SchemeNotApplicableError as error:
            return Row(name, "not_applicable", str(error))
        except InputError:
            raise
        except Exception as error:  # a library's, of any kind: the other schemes may still do
            if is_failed_write(error):
                raise
            return Row(name, "failed", f"it could not be built: {type(error).__name__}: {first_line(error)}")
        variant = make_variant(self.folder, name, file, precision=scheme.precision, scheme=name, session=session)
        return Candidate(name, variant, time.monotonic() - begin)

    def open(self, variants: Sequence[Variant]) -> None:
        """Makes the workshop a bundle with the reference and these variants."""
        write_manifest(self.folder, replace(self.manifest, variants=(*self.manifest.variants, *variants)))

    def answers(self, name: str) -> Probabilities:
        """Gives a variant's probabilities for the held-out texts, one text at a time, as an app would ask.

        With dynamic int8 the answer depends a little on the batch.
        """
        rows = []
        with Predictor(self.folder, variant=name) as classify:
            for done, text in enumerate(self.texts, start=1):
                rows.append(classify.predict_proba([text]))
                self.progress.step(f"gate, {name}", done, len(self.texts))
        return np.concatenate(rows)

    def changes(self, names: Sequence[str]) -> dict[str, float]:
        """Says how much each variant changes the fp32 model's probabilities on calibration texts, one at a time.

        It needs no labels, and is no look at the texts of the gate.

        Args:
            names: Of variants in the workshop.

        Returns:
            The mean over the texts of the largest change of one of a text's probabilities; empty without texts.
        """
        texts = sample(self.source.calibration, _CHANGE_TEXTS)
        if not texts:
            return {}

        def probabilities(name: str) -> Probabilities:
            with Predictor(self.folder, variant=name) as classify:
                return np.concatenate([classify.predict_proba([text]) for text in texts])

        reference = probabilities(FP32)
        return {name: float(np.abs(probabilities(name) - reference).max(axis=1).mean()) for name in names}

    def answers_of(self, file: Path, session: Mapping[str, Any], texts: Sequence[str]) -> Probabilities:
        """Gives the probabilities of any model file in the workshop; see ``rescue.Trial``."""
        relative = file.relative_to(self.folder).as_posix()
        variant = make_variant(self.folder, "trial", relative, precision="int8", scheme="trial", session=session)
        self.open([variant])
        with Predictor(self.folder, variant="trial") as classify:
            return np.concatenate([classify.predict_proba([text]) for text in texts])


def make_variant(
    folder: Path,
    name: str,
    file: str,
    *,
    precision: str,
    scheme: str,
    session: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
) -> Variant:
    """Describes a model file of a bundle, its size and SHA-256 included."""
    path = folder / file
    return Variant(
        name=name,
        file=file,
        sha256=sha256(path),
        precision=precision,
        scheme=scheme,
        bytes=path.stat().st_size,
        session=session or {},
        evaluation=evaluation or {},
    )
