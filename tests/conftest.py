"""What many tests need: the tiny base model, a few rows, and a checkpoint trained on them once a session."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from edgetext.checkpoint import Checkpoint

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports huggingface_hub: no test may reach out
os.environ["TOKENIZERS_PARALLELISM"] = "false"

TINY = Path(__file__).parent / "data" / "tiny"

FOOD = (
    "a bowl of ramen", "fried rice with egg", "a slice of pizza", "hot soup and bread", "grilled fish on a plate",
    "a sandwich with cheese", "fresh fruit salad", "beef stew", "spicy noodles", "baked potato with butter",
)  # fmt: skip
NOT_FOOD = (
    "a bicycle on the street", "a dog in the park", "the road to the mountain", "a lamp on the table",
    "rain over the city", "a bus at the school", "a half baked plan", "the cat sits on a chair",
    "a wood house by the sea", "the phone was lost",
)  # fmt: skip
ENDINGS = ("", " in winter", " near the window")

_TRIED = "tried"


@pytest.fixture(scope="session")
def tiny_base() -> Path:
    """Gives the folder of a random BERT encoder: hidden size 32, two layers, at most 128 tokens."""
    return TINY


@pytest.fixture(scope="session")
def tiny_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a CSV of 60 rows, ``text,label``, half of them ``food`` and half ``not_food``."""
    path = tmp_path_factory.mktemp("rows") / "tiny_rows.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "label"])
        for ending in ENDINGS:
            for food, other in zip(FOOD, NOT_FOOD, strict=True):
                writer.writerow([food + ending, "food"])
                writer.writerow([other + ending, "not_food"])
    return path


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_base: Path, tiny_rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Gives a checkpoint trained on ``tiny_rows``: 42 rows to train, 9 to validate, 9 to test."""
    from edgetext.pipeline import read_split
    from edgetext.train import TrainArguments, fit

    output = tmp_path_factory.mktemp("trained") / "checkpoint"
    arguments = TrainArguments(epochs=8, learning_rate=5e-3, batch_size=8, bf16=False)
    return fit(read_split(str(tiny_rows)), str(tiny_base), output, arguments)


@pytest.fixture(scope="session")
def tiny_bundle(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a bundle with ``fp32`` and ``int8`` of a random classifier; copy it before changing anything."""
    from tiny_onnx import make_tiny_bundle

    return make_tiny_bundle(tiny_base, tmp_path_factory.mktemp("exported") / "bundle")


@pytest.fixture(scope="session")
def tiny_several(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a bundle like ``tiny_bundle`` that gives a text any number of its labels; copy it likewise."""
    from tiny_onnx import make_several

    return make_several(tiny_bundle, tmp_path_factory.mktemp("several") / "bundle")


@pytest.fixture(scope="session")
def tiny_pairs(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a bundle like ``tiny_bundle``, of a model of pairs, that knows from which confidence it is sure."""
    from tiny_onnx import make_of_pairs

    return make_of_pairs(tiny_bundle, tmp_path_factory.mktemp("pairs") / "bundle")


@pytest.fixture(scope="session")
def tiny_first(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a bundle like ``tiny_bundle`` with a first stage and a temperature; copy it likewise."""
    from tiny_onnx import make_first

    return make_first(tiny_bundle, tmp_path_factory.mktemp("first") / "bundle")


@pytest.fixture(scope="session")
def tiny_static(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a bundle like ``tiny_bundle`` whose only model is a table of word vectors; copy it likewise."""
    from tiny_onnx import make_static

    return make_static(tiny_bundle, tmp_path_factory.mktemp("static") / "bundle")


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Gives a function that notes how many of something were tried, for the summary."""
    return lambda what, count: record_property(_TRIED, [what, count])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Adds one line, where anything was tried; a report brings it along from a process of its own."""
    counts: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == _TRIED:
                counts[value[0]] += value[1]
    if counts:
        said = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        terminalreporter.write_line(f"fuzzed: {said}")
