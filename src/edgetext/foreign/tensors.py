"""The tensors of a model, by the headers of its safetensors files: which there are, and whether each is whole.

A file is the length of its header in 8 bytes, the header in JSON (``name: {dtype, shape, data_offsets}``), and the
data. Reading headers takes milliseconds and no torch. Source: https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgetext.errors import ModelError
from edgetext.foreign.files import find_file, read_found

WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
_MOST_HEADER_BYTES = 100_000_000  # safetensors' own bound
_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})


@dataclass(frozen=True)
class Tensors:
    """What the weights' files hold.

    Attributes:
        files: Their names, the index first where there is one.
        shapes: The shape of each tensor, by name.
    """

    files: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]

    def rows(self, *names: str) -> tuple[str, int] | None:
        """Finds the name and the rows of the table whose last part but ``weight`` is one of the names.

        Args:
            names: Such as ``word_embeddings``; a name with dots is that of the whole table.

        Returns:
            ``None`` where there is none, or where several differ, so that nothing can be told.
        """
        found = {
            name: shape[0]
            for name, shape in self.shapes.items()
            if len(shape) == 2
            and _table(name)
            and (_table(name) in names or _table(name).rpartition(".")[2] in names)
        }
        return next(iter(found.items())) if len(set(found.values())) == 1 else None


def read_tensors(folder: Path) -> Tensors:
    """Reads the headers of ``model.safetensors``, or of the files that ``model.safetensors.index.json`` names.

    Raises:
        ModelError: There is neither, a file is missing, leaves the folder, or is not whole.
    """
    if find_file(folder, WEIGHTS_FILE):
        return Tensors((WEIGHTS_FILE,), _shapes(folder, WEIGHTS_FILE))
    index = read_found(folder, INDEX_FILE)
    if index is None:
        raise ModelError(_no_weights(folder))
    return _sharded(folder, index)


def _sharded(folder: Path, index: Mapping[str, Any]) -> Tensors:
    where = index.get("weight_map")
    if not isinstance(where, dict) or not where or not all(isinstance(name, str) for name in where.values()):
        raise ModelError(f"{folder / INDEX_FILE} is damaged: weight_map must map each tensor to its file")
    files = sorted(set(where.values()))
    if odd := [
        name for name in files if not name.endswith(".safetensors") or Path(name).name != name or "\\" in name
    ]:
        raise ModelError(
            f"{folder / INDEX_FILE} names the file {odd[0]!r:.80}: expected *.safetensors files in the same folder"
        )
    if lost := [name for name in files if find_file(folder, name) is None]:
        raise ModelError(
            f"{folder} is incomplete: it lacks {len(lost)} of the {len(files)} files that {INDEX_FILE} names, "
            f"such as {lost[0]}; copy or download the folder again"
        )
    shapes = {name: _shapes(folder, name) for name in files}
    if lost := [tensor for tensor, name in where.items() if tensor not in shapes[name]]:
        raise ModelError(
            f"{folder / INDEX_FILE} names {len(lost)} of {len(where)} tensors in files that do not hold them, such "
            f"as {lost[0]!r:.80} in {where[lost[0]]}; copy or download the folder again"
        )
    return Tensors((INDEX_FILE, *files), {tensor: shapes[name][tensor] for tensor, name in where.items()})


def _shapes(folder: Path, name: str) -> dict[str, tuple[int, ...]]:
    file, size = folder / name, (folder / name).stat().st_size
    header, begin = _header(file, size)
    entries = {tensor: entry for tensor, entry in header.items() if tensor != "__metadata__"}
    try:
        shapes = {tensor: _shape(entry["shape"]) for tensor, entry in entries.items()}
        kinds = {tensor: entry["dtype"] for tensor, entry in entries.items()}
        promised = begin + max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (KeyError, TypeError, ValueError, IndexError):
        raise ModelError(_damaged(file)) from None
    if size != promised:
        raise ModelError(_incomplete(file, size, promised))
    if not shapes:
        raise ModelError(f"{file} holds no tensor")
    if coded := [tensor for tensor in shapes if tensor.endswith(".weight") and kinds[tensor] not in _FLOATS]:
        raise ModelError(
            f"{file} holds {coded[0]!r:.80} as {kinds[coded[0]]!r:.20}: expected weights in "
            f"{', '.join(sorted(_FLOATS))}; give the model before it was quantized"
        )
    return shapes


def _header(file: Path, size: int) -> tuple[dict[str, Any], int]:
    """Reads the header and where the data begin."""
    with file.open("rb") as stream:
        start = stream.read(9)
        length = int.from_bytes(start[:8], "little")
        if size < 9:
            raise ModelError(f"{file} is incomplete: it has {size} bytes, too few for a header; copy it again")
        if length > _MOST_HEADER_BYTES or start[8:] != b"{":
            raise ModelError(_damaged(file))
        if size < 8 + length:
            raise ModelError(_incomplete(file, size, 8 + length, "at least "))
        stream.seek(8)
        content = stream.read(length)
    try:
        header = json.loads(content)
    except (ValueError, RecursionError):
        raise ModelError(_damaged(file)) from None
    if not isinstance(header, dict):
        raise ModelError(_damaged(file))
    return header, 8 + length


def _shape(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(length) is int and length >= 0 for length in value):
        raise ValueError
    return tuple(value)


def _table(name: str) -> str:
    return name.removesuffix(".weight") if name.endswith(".weight") else ""


def _incomplete(file: Path, size: int, promised: int, least: str = "") -> str:
    what = "incomplete" if size < promised else "damaged"
    return (
        f"{file} is {what}: it has {size} bytes, and its header promises {least}{promised}; "
        "copy or download it again"
    )


def _damaged(file: Path) -> str:
    return f"{file} is damaged, or no safetensors file: its header cannot be read; copy or download it again"


def _no_weights(folder: Path) -> str:
    wanted = f"expected {WEIGHTS_FILE}, or {INDEX_FILE} and the files that it names"
    if pickles := sorted(path.name for path in folder.glob("*.bin")):
        return (
            f"{folder} holds its weights as {pickles[0]}, which may be a pickle and is never opened: {wanted} "
            "(transformers writes it: model.save_pretrained(FOLDER, safe_serialization=True))"
        )
    return f"{folder} holds no weights that edgetext loads: {wanted}"
