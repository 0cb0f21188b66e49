"""The text model in Node, with onnxruntime's C API and the operators' library alone: the same labels as here."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ask_node import ask_node
from interop_texts import TEXTS, TOO_LONG

from edgetext import Predictor

HERE = Path(__file__).parent
PACKAGES = ("koffi", "onnxruntime-node")
MISSING = [name for name in PACKAGES if not (HERE / "node_modules" / name).is_dir()]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="classify_text.mjs is written for Linux"),
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: no text model in Node"),
    pytest.mark.skipif(
        bool(MISSING), reason=f"{' and '.join(MISSING)} not installed: run  make tests/interop/node_modules"
    ),
]


def shared_python() -> str:
    """Gives Python's own shared library, which the operators' library of a Python wheel needs."""
    found = Path(str(sysconfig.get_config_var("LIBDIR")), str(sysconfig.get_config_var("LDLIBRARY")))
    if ".so" not in found.suffixes:
        pytest.skip(f"this Python has no shared library ({found.name}): its operators load in Python alone")
    return str(found)


def node(model: Path, texts: tuple[str, ...]) -> list[dict[str, Any]]:
    from onnxruntime_extensions import get_library_path

    question = {"model": str(model), "operators": get_library_path(), "preload": shared_python(), "texts": texts}
    answer: Any = ask_node("classify_text.mjs", question)
    return answer


def test_node_gives_the_same_labels_and_probabilities(exported_bundle: Path, tmp_path: Path) -> None:
    from edgetext.export.text_model import TEXT_FILE, add_text_model
    from edgetext.runtime.bundle import open_bundle

    folder = Path(shutil.copytree(exported_bundle, tmp_path / "bundle"))
    texts = (*TEXTS, TOO_LONG, "")
    add_text_model(folder, open_bundle(folder).manifest, TEXTS)
    answers = node(folder / TEXT_FILE, texts)
    with Predictor(folder, first_stage="off") as classify:
        assert [answer["label"] for answer in answers] == [classify(text).label for text in texts]
        ours = np.array([classify.predict_proba([text])[0] for text in texts])
    np.testing.assert_allclose([answer["probabilities"] for answer in answers], ours, rtol=0, atol=1e-4)
    assert np.ptp(ours, axis=0).max() > 0.01, "texts that get the same scores prove nothing"
