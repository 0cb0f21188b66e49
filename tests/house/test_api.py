"""What Python users import: it costs nothing heavy, it is what it says, and it refuses as the commands do."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from edgetext import pipeline
from edgetext.checkpoint import Checkpoint
from edgetext.errors import DataError, InputError, ModelError, OutputExistsError
from edgetext.pipeline import (
    BenchSettings,
    DataSettings,
    DistillSettings,
    ExportSettings,
    RunSettings,
    TrainArguments,
)

HEAVY = [
    "accelerate", "datasets", "evaluate", "gradio", "huggingface_hub", "jinja2", "onnx", "onnxruntime",
    "optimum", "pandas", "psutil", "pyarrow", "rich", "scipy", "sklearn", "tokenizers", "torch", "transformers",
]  # fmt: skip
PACKAGES = ["edgetext", "edgetext.train", "edgetext.export", "edgetext.bench"]
IMPORTS = """
import json, sys
from edgetext.train import DistillSettings, Student, TrainArguments, distill, fit
from edgetext.export import ExportSettings, export_bundle
from edgetext.bench import BenchSettings, find_held_out, run_bench
from edgetext.pipeline import DataSettings, RunSettings, bench, distill, export, run, train
RunSettings(), DataSettings("rows.csv")
print(json.dumps([name.partition(".")[0] for name in sys.modules]))
"""


def test_importing_all_of_it_costs_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert not {*json.loads(done.stdout)} & {*HEAVY}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_offers_is_what_the_type_checker_sees(package: str) -> None:
    module = import_module(package)
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen.keys() <= {*module.__all__} == {*dir(module)}
    assert package == "edgetext" or seen.keys() == {*module.__all__}
    for name, home in seen.items():
        assert getattr(module, name) is getattr(import_module(str(home)), name)
    with pytest.raises(AttributeError, match="'missing'"):
        _ = module.missing


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_stands_in_the_way_of_a_name(package: str) -> None:
    """Importing ``edgetext.train.fit`` as a module would replace the function of that name in the package."""
    for name in set(import_module(package).__all__) - {"__version__"}:
        assert find_spec(f"{package}.{name}") is None, name


def test_the_pipeline_offers_all_that_it_defines() -> None:
    tree = ast.parse(Path(pipeline.__file__).read_text("utf-8"))
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    settings = {"BenchSettings", "DataSettings", "DistillSettings", "ExportSettings", "TrainArguments"}
    public = {name for name in defined if not name.startswith("_")}
    assert {*pipeline.__all__} == public | settings | {"SEARCH_SECONDS"}


@pytest.mark.parametrize(
    "settings",
    [
        BenchSettings(),
        DataSettings("rows.csv"),
        DistillSettings(),
        ExportSettings(),
        RunSettings(),
        TrainArguments(),
    ],
)
def test_settings_are_frozen_and_can_be_compared(settings: object) -> None:
    for field in fields(settings):  # type: ignore[arg-type]
        with pytest.raises(FrozenInstanceError):
            setattr(settings, field.name, None)
    again = type(settings)("rows.csv") if isinstance(settings, DataSettings) else type(settings)()
    assert again == settings
    assert hash(again) == hash(settings)


def test_a_run_is_refused_as_a_whole(tiny_rows: Path, tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").touch()
    rows, output, base = str(tiny_rows), str(tmp_path / "out"), str(tiny_base)
    with pytest.raises(OutputExistsError, match="mine"):
        pipeline.run(rows, tmp_path / "taken", overwrite=True)
    with pytest.raises(DataError, match=r"missing\.csv"):
        pipeline.run(Path("missing.csv"), output, RunSettings(base=base))
    with pytest.raises(DataError, match=r"dev\.csv"):
        pipeline.run(DataSettings(rows, validation="dev.csv"), output, RunSettings(base=base))
    with pytest.raises(DataError, match="'headline'"):
        pipeline.run(DataSettings(rows, text_column="headline"), output, RunSettings(base=base))
    with pytest.raises(ModelError, match="missing"):
        pipeline.run(rows, output, RunSettings(base="./missing"))
    with pytest.raises(DataError, match=r"texts\.csv"):
        pipeline.run(rows, output, RunSettings(base=base, export=ExportSettings(calibration="texts.csv")))
    with pytest.raises(DataError, match=r"more\.csv"):
        pipeline.run(rows, output, RunSettings(base=base, export=ExportSettings(unlabelled="more.csv")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["taken"]


def test_parts_are_refused_too(tiny_checkpoint: Checkpoint, tiny_rows: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        pipeline.export(str(tmp_path / "missing"), str(tmp_path / "bundle"))
    with pytest.raises(DataError, match="'headline'"):
        pipeline.export(
            tiny_checkpoint.path, tmp_path / "bundle", data=DataSettings(str(tiny_rows), text_column="headline")
        )
    with pytest.raises(InputError, match="missing"):
        pipeline.bench(str(tmp_path / "missing"), str(tiny_checkpoint.path), str(tmp_path / "report"))
    assert list(tmp_path.iterdir()) == []
