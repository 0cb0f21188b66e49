"""Each document of a bundle, changed at any place to any value: an answer, or one line that says what is wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

from edgetext import InputError, Predictor
from edgetext.cli.inspect import describe, lines
from edgetext.export import tune
from edgetext.export.assembly import Exported, renewed
from edgetext.export.card import write_card
from edgetext.export.record import SearchRecord, read_metrics
from edgetext.export.settings import ExportSettings
from edgetext.export.tuning import check_held_out
from edgetext.files import sha256
from edgetext.runtime.bundle import open_bundle
from edgetext.serve.demo import examples
from edgetext.task import parts_of

EXAMPLES = 150
FILES = ("bundle.json", "bundle.json", "bundle.json", "config.json", "tokenizer_config.json", "export.json")
PLACEHOLDER = "\u2603 here"
# Literals that no value of Python's gives.
RAW = (
    "1e999", "-1e400", "9" * 400, "NaN", "-Infinity", '"\\ud800"', '{"\\udfff": 1}', "[" * 480 + "]" * 480,
    '{"a":' * 480 + "1" + "}" * 480, '"\\u0000"', '"' + "x" * 8193 + '"', '{"a": 1, "a": []}', "",
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([-1, 0, 1, 2**31, 2**63, 10**30, 10**299])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "../x", "/etc/passwd", "fp32", "int8", "food", "single_label", "multi_label", "\x1b]0;x", "a\nb"]
    )
    | st.text(max_size=20)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
LITERALS = st.sampled_from(RAW) | VALUES.map(json.dumps)


@pytest.fixture(scope="module")
def whole(tiny_first: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gives a bundle with all that an export writes into its documents."""
    folder = tmp_path_factory.mktemp("whole") / "bundle"
    shutil.copytree(tiny_first, folder)
    (folder / "tuning").mkdir()
    entries = {}
    for part, row in (("calibration", {"text": "a dog"}), ("gate", {"text": "a dog", "label": "food"})):
        file = f"tuning/{part}.jsonl"
        (folder / file).write_text(json.dumps(row) + "\n", "utf-8")
        entries[part] = {"file": file, "sha256": sha256(folder / file), "rows": 1, "origin": "here"}
    manifest = json.loads((folder / "bundle.json").read_text("utf-8"))
    manifest["variants"][1]["evaluation"] = {"verdict": "passed", "sentence": "as good", "kept_fp32": ["a"]}
    manifest["variants"][1]["session"] = {
        "config": {"session.disable_prepacking": "1"},
        "disabled_optimizers": ["x"],
    }
    manifest |= {
        "provenance": {
            "base_model": "someone/something",
            "data": [{"name": "rows.csv", "fingerprint": "0" * 64, "rows": 3}],
            "rows": {"train": 2, "test": 1},
            "seed": 1,
            "libraries": {"numpy": "2"},
        },
        "examples": ["a dog"],
        "tuning": entries,
    }
    (folder / "bundle.json").write_text(json.dumps(manifest), "utf-8")
    figures = {"accuracy": 0.5, "macro_f1": 0.5, "per_label": {"food": {"precision": 0.5, "recall": 1}}}
    (folder / "export.json").write_text(json.dumps({"metrics": {"test": figures}}), "utf-8")
    return folder


def test_a_changed_document_is_used_or_refused(
    whole: Path, tmp_path: Path, tried: Callable[[str, int], None]
) -> None:
    documents = {name: json.loads((whole / name).read_text("utf-8")) for name in FILES}
    outcomes: dict[str, int] = {"used": 0, "refused": 0}

    @seed(1)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(FILES), st.integers(0, 10**6), LITERALS, st.booleans())
    @example("bundle.json", 0, "null", False)
    def check(file: str, number: int, literal: str, plain: bool) -> None:
        folder = tmp_path / "bundle"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        text = changed(documents[file], number, literal)
        (folder / file).write_text(text, "utf-8")
        if plain:
            (folder / "bundle.json").unlink()
        try:
            use(folder, tmp_path)
            outcomes["used"] += 1
        except InputError as error:
            assert error.exit_code == 2 and "\n" not in str(error) and len(str(error)) < 2000
            outcomes["refused"] += 1

    check()
    tried("changed documents", sum(outcomes.values()))
    assert outcomes["used"] >= 10 and outcomes["refused"] > 10


def use(folder: Path, aside: Path) -> None:
    """Does with a bundle what inspect, predict, demo and tune do, but for the search."""
    bundle = open_bundle(folder)
    description = describe(bundle)
    ("\n".join(lines(description)) + json.dumps(description, ensure_ascii=False)).encode("utf-8")
    with Predictor(folder, threads=1, verify=False) as classify:
        assert classify("a dog").label in classify.labels
        assert all(isinstance(part, str) for texts in examples(classify) for part in texts)
    settings = ExportSettings()
    tune._check(bundle)
    tuning = tune._tuning(bundle, None)
    check_held_out(tuning.examples, bundle.manifest.decides, "bundle")
    reference = renewed(bundle.manifest, settings)
    metrics = read_metrics(bundle)
    record = SearchRecord("latency", (), "fp32", metrics=metrics if isinstance(metrics, dict) else {})
    write_card(aside, reference, record)
    made = Exported(aside, reference, record)
    assert all(isinstance(part, str) for text in made.examples for part in parts_of(text))


def changed(document: Any, number: int, literal: str) -> str:
    """Gives a document as text, with one of its values, chosen by a number, replaced by a literal."""
    copy = json.loads(json.dumps(document))
    spots = list(_spots(copy))
    holder, key = spots[number % len(spots)]
    holder[key] = PLACEHOLDER
    return json.dumps(copy).replace(json.dumps(PLACEHOLDER), literal)


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yields each place of a document as its container and the key in it."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _spots(value[key])
