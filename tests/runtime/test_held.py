"""What was checked is what is loaded: files that are swapped meanwhile, and what is no file of the bundle's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from edgetext import BundleError, IntegrityError, Predictor
from edgetext.cli.main import main
from edgetext.runtime.bundle import open_bundle, write_manifest
from edgetext.runtime.profiles import make_profile
from edgetext.runtime.session import open_session

MODEL, OTHER = "onnx/model_quantized.onnx", "onnx/model.onnx"
FILES = ("bundle.json", "config.json", "tokenizer.json", MODEL)
PLAIN_FILES = ("config.json", "tokenizer_config.json", "tokenizer.json", MODEL)


@pytest.fixture
def folder(tiny_bundle: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


def renamed(file: Path) -> None:
    shutil.copy(file.with_name("model.onnx"), file.with_name("new"))
    file.with_name("new").replace(file)


def overwritten(file: Path) -> None:
    """Changes a byte and puts the times back."""
    before = file.stat()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def removed(file: Path) -> None:
    file.unlink()


def swapped_there_and_back(file: Path) -> None:
    file.rename(file.with_name("kept"))
    file.with_name("kept").rename(file)


@pytest.mark.skipif(os.name != "posix", reason="an open file keeps its name on Windows")
@pytest.mark.parametrize("change", [renamed, overwritten, removed, swapped_there_and_back])
def test_a_model_that_is_swapped_after_its_checksum_is_not_used(
    folder: Path, change: Callable[[Path], None]
) -> None:
    bundle = open_bundle(folder)
    with bundle.model(bundle.manifest.variant()) as held:
        change(folder / MODEL)
        with pytest.raises(BundleError, match=r"model_quantized\.onnx"):
            open_session(held, bundle.manifest.variant(), make_profile("latency", 1))


@pytest.mark.skipif(os.name != "posix", reason="an open file keeps its name on Windows")
def test_weights_that_are_swapped_after_their_checksum_are_not_used(folder: Path) -> None:
    whole = onnx.load(folder / OTHER)
    onnx.save_model(whole, folder / OTHER, save_as_external_data=True, location="weights.bin", size_threshold=0)
    manifest = open_bundle(folder).manifest
    write_manifest(folder, manifest)
    bundle = open_bundle(folder)
    with bundle.model(manifest.variant("fp32"), verify=False) as held:
        assert [weights.path.name for weights in held.weights] == ["weights.bin"]
        overwritten(folder / "onnx/weights.bin")
        with pytest.raises(IntegrityError, match=r"weights\.bin was changed"):
            open_session(held, manifest.variant("fp32"), make_profile("latency", 1))


def test_a_configuration_has_a_checksum_too(folder: Path) -> None:
    write_manifest(folder, open_bundle(folder).manifest)
    with (folder / "config.json").open("a") as stream:
        stream.write(" ")
    with pytest.raises(IntegrityError, match=r"config\.json is not the file"):
        Predictor(folder)
    Predictor(folder, verify=False).close()


def link_out(file: Path) -> None:
    outside = next(above for above in file.parents if above.name == "bundle").parent / "outside"
    shutil.move(file, outside)
    file.symlink_to(outside)


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def endless(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def grown(file: Path) -> None:
    os.truncate(file, 1 << 40)  # sparse


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are named otherwise")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("damage", [link_out, pipe, endless, grown])
@pytest.mark.parametrize("name", [*FILES, *(f"plain/{name}" for name in PLAIN_FILES)])
def test_a_bundle_is_of_files_of_its_own(
    folder: Path, name: str, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    if name.startswith("plain/"):
        (folder / "bundle.json").unlink()
    file = folder / name.removeprefix("plain/")
    damage(file)
    assert main(["predict", str(folder), "a dog"]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1 and (file.name in shown or "is no bundle" in shown)
