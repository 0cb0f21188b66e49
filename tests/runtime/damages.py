"""Over a thousand ways to damage a bundle, always the same: fields changed, files cut, changed or swapped."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mutations import BAD_VALUES, Place, changed, places

INT8, FP32 = "onnx/model_quantized.onnx", "onnx/model.onnx"
FILES = ("bundle.json", "config.json", "tokenizer.json", INT8, FP32)
SEED = 20_260
CUTS, FLIPS = 24, 40  # places in each file
VALUES = {**BAD_VALUES, "many digits": 10**399}  # more than any float or reader has


@dataclass(frozen=True)
class Damage:
    """One way: its name, what it does to a folder, and the model that meets it."""

    name: str
    do: Callable[[Path], object]
    variant: str | None = None


def damages(bundle: Path) -> list[Damage]:
    """Gives all of them, for that bundle."""
    return [*_manifests(bundle), *_configs(bundle), *_files(bundle), *_swaps()]


def _manifests(bundle: Path) -> Iterator[Damage]:
    document = json.loads((bundle / "bundle.json").read_text("utf-8"))
    for place in places(document):
        for name, value in VALUES.items():
            yield Damage(f"bundle.json {place}: {name}", partial(_set, "bundle.json", document, place, value))


def _configs(bundle: Path) -> Iterator[Damage]:
    """Without a manifest the folder is read by its ``config.json``."""
    document = json.loads((bundle / "config.json").read_text("utf-8"))
    names = ("architectures", "id2label", "problem_type", "max_position_embeddings", "pad_token_id", "model_type")
    for field in names:
        document.setdefault(field, None)
        for name, value in VALUES.items():
            do = partial(_set_without_manifest, document, (field,), value)
            yield Damage(f"config.json {field}: {name}", do)


def _files(bundle: Path) -> Iterator[Damage]:
    choose = random.Random(SEED)
    for file in FILES:
        variant = "fp32" if file == FP32 else None
        size = (bundle / file).stat().st_size
        for place in (0, size - 1, *(choose.randrange(size) for _ in range(CUTS))):
            yield Damage(f"{file} cut at {place}", partial(_cut, file, place), variant)
        # A model's structure is at the ends of the file, and its weights, the most of it, between them.
        for number in range(FLIPS):
            place = choose.randrange(min(size, 4096)) if number % 2 else choose.randrange(size)
            byte = choose.randrange(256)
            yield Damage(f"{file} byte {place} is {byte}", partial(_flip, file, place, byte), variant)
            at_end = size - 1 - choose.randrange(min(size, 4096))
            yield Damage(f"{file} byte {at_end} is {byte}", partial(_flip, file, at_end, byte), variant)
        noise = choose.randbytes(size)
        for name, content in (("zeros", bytes(size)), ("noise", noise), ("a word", b"word")):
            yield Damage(f"{file} holds {name}", partial(_write, file, content), variant)
        yield Damage(f"{file} twice", partial(_twice, file), variant)
        yield Damage(f"{file} missing", partial(_unlink, file), variant)
        yield Damage(f"{file} is a folder", partial(_folder, file), variant)
        yield Damage(f"{file} is a link out", partial(_link_out, file), variant)
        yield Damage(f"{file} is a link to itself", partial(_link_to_itself, file), variant)


def _swaps() -> Iterator[Damage]:
    for first in FILES:
        for second in FILES:
            if first < second:
                yield Damage(f"{first} and {second} swapped", partial(_swap, first, second))


def _set(file: str, document: Any, place: Place, value: object, folder: Path) -> None:
    _write(file, json.dumps(changed(document, place, value)).encode(), folder)


def _set_without_manifest(document: Any, place: Place, value: object, folder: Path) -> None:
    (folder / "bundle.json").unlink()
    _set("config.json", document, place, value, folder)


def _cut(file: str, place: int, folder: Path) -> None:
    _write(file, (folder / file).read_bytes()[:place], folder)


def _flip(file: str, place: int, byte: int, folder: Path) -> None:
    content = bytearray((folder / file).read_bytes())
    content[place] = byte
    _write(file, bytes(content), folder)


def _twice(file: str, folder: Path) -> None:
    _write(file, (folder / file).read_bytes() * 2, folder)


def _write(file: str, content: bytes, folder: Path) -> None:
    (folder / file).write_bytes(content)


def _unlink(file: str, folder: Path) -> None:
    (folder / file).unlink()


def _folder(file: str, folder: Path) -> None:
    (folder / file).unlink()
    (folder / file).mkdir()


def _link_out(file: str, folder: Path) -> None:
    outside = folder.parent / "outside"
    shutil.move(folder / file, outside)
    (folder / file).symlink_to(outside)


def _link_to_itself(file: str, folder: Path) -> None:
    (folder / file).unlink()
    (folder / file).symlink_to(folder / file)


def _swap(first: str, second: str, folder: Path) -> None:
    contents = [(folder / name).read_bytes() for name in (second, first)]
    for name, content in zip((first, second), contents, strict=True):
        _write(name, content, folder)
