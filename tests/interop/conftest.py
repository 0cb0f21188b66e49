"""The bundles that others open: a random classifier, and one that was trained and exported for real."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from edgetext.checkpoint import Checkpoint


@pytest.fixture(scope="session")
def exported_bundle(tiny_checkpoint: Checkpoint, tiny_rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives what ``edgetext export`` makes: fp32, and int8 with onnxruntime's own fused operators."""
    from edgetext.data.example import Example
    from edgetext.export.export import export_bundle
    from edgetext.export.settings import ExportSettings

    with tiny_rows.open(encoding="utf-8", newline="") as stream:
        held_out = [
            Example(row["text"], (row["label"],), number) for number, row in enumerate(csv.DictReader(stream), 1)
        ]
    output = tmp_path_factory.mktemp("interop") / "bundle"
    settings = ExportSettings(max_drop=0.5, schemes=("dynamic-int8-fused",))
    return export_bundle(tiny_checkpoint, held_out, output, settings).path
