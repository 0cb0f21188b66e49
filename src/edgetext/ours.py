"""Which files and folders are ours: what ``--overwrite`` may replace, so that nothing else is ever lost by it.

A folder is ours if it bears the mark of its kind and everything in it, at every depth, has a name that the command
of that kind writes. A file is ours if it holds a mark near its beginning or its end.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

_TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "config.json",
    "chat_template.jinja", "vocab.txt", "vocab.json", "merges.txt", "bpe.codes", "spm.model", "spiece.model",
    "sentencepiece.bpe.model", "sentencepiece.model", "tokenizer.model",
)  # fmt: skip
_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json")
_REPORT = ("results.json", "report.md", "report.html")
_NO_WEIGHT = (".DS_Store", "Thumbs.db", "desktop.ini")  # what file managers leave where they look
_LOOK_BYTES = 1 << 20


@dataclass(frozen=True)
class Kind:
    """A kind of folder.

    Attributes:
        name: What to call one.
        files: Patterns of the names of its files.
        folders: Its folders, by patterns of their names.
        mark: A file that each of them has, and what stands in it; ``None`` for a folder inside another.
        needs: How much space it takes to make one, as a sentence.
    """

    name: str
    files: Sequence[str] = ()
    folders: Mapping[str, Kind] = field(default_factory=dict)
    mark: tuple[str, bytes] | None = None
    needs: str = ""


CHECKPOINT = Kind(
    "checkpoint",
    files=(*_TOKENIZER, *_WEIGHTS, "split.json", "training.json"),
    mark=("training.json", b'"base_model"'),
    needs="a training needs about ten times the model's size while it works, some 900 MB for minilm",
)
TEXTS = Kind("folder of texts", files=("calibration.jsonl", "gate.jsonl"))
BUNDLE = Kind(
    "bundle",
    files=(
        *_TOKENIZER,
        "bundle.json",
        "export.json",
        "README.md",
        "first_stage.safetensors",
        "static.safetensors",
    ),
    folders={
        "onnx": Kind("folder of models", files=("model*.onnx", "model*.onnx_data", "model*.onnx.data")),
        "tuning": TEXTS,
    },
    mark=("bundle.json", b'"format_version"'),
    needs="an export needs about six times the model's size while it works",
)
_COMPILED = Kind("folder of compiled modules", files=("*.pyc",))  # which a Space leaves that ran
_INNER = {"__pycache__": _COMPILED}
_CODE = Kind(
    "copy of edgetext", files=("*.py", "py.typed", "LICENSE", "*.css", "*.js", "*.html", "*.jinja"), folders=_INNER
)
_INNER["*"] = _CODE
_SPACE_FILES = (
    "README.md", "space.json", "app.py", "requirements.txt", "index.html", "demo.css", "page.css", "page.js",
    "classifier.js", "model.js", "table.js", "task.js", "tokens.js",
)  # fmt: skip
SPACE = Kind(
    "Space",
    files=_SPACE_FILES,
    folders={
        "bundle": BUNDLE,
        "edgetext": _CODE,
        "vendor": Kind(
            "folder of npm packages",
            folders={"*": Kind("npm package", files=("LICENSE", "ThirdPartyNotices.txt", "*.mjs", "*.wasm"))},
        ),
    },
    mark=("space.json", b'"space_version"'),
    needs="a Space takes the size of its models and some 15 MB",
)
REPORT = Kind(
    "report of a bench",
    files=_REPORT,
    folders={"beside": Kind("report of a bench", files=_REPORT)},
    mark=("results.json", b'"schema_version"'),
    needs="a report takes a few megabytes",
)
TRAINING = Kind(
    "training that was interrupted",
    files=("begun.json",),
    folders={
        "checkpoint-*": Kind(
            "epoch",
            files=(
                *_TOKENIZER,
                *_WEIGHTS,
                "optimizer.pt",
                "scheduler.pt",
                "scaler.pt",
                "rng_state*.pth",
                "trainer_state.json",
                "training_args.bin",
            ),
        )
    },
)
RUN = Kind(
    "run",
    folders={"checkpoint": CHECKPOINT, "bundle": BUNDLE, "report": REPORT, ".checkpoint.training": TRAINING},
    needs="a run needs about ten times the model's size while it works, some 900 MB for minilm",
)

PARTS_FILE = "_edgetext.json"  # which readers of a folder of parts leave out, as all that begins with "_"
_PARTS_MARK = (PARTS_FILE, b'"parts"')
PARTS = Kind(
    "folder of predictions",
    files=("*.csv", "*.jsonl", "*.parquet", PARTS_FILE),
    mark=_PARTS_MARK,
    needs="the output takes the size of the input and some 30 bytes a row, Parquet and JSON Lines a few times that",
)
REJECTED_PARTS = Kind("folder of rejected rows", files=("*.jsonl", PARTS_FILE), mark=_PARTS_MARK)
PREDICTIONS = (b"predicted_label",)
REJECTS = (b'"reason"',)
RESULTS = (b'"schema_version"',)
PAGES = (b"# Bench", b"<title>Bench")
MISTAKES = (b"<title>What went wrong",)
DATA_PAGES = (b"<title>Data:",)


def why_not_ours(folder: Path, kind: Kind) -> str | None:
    """Finds the reason why a folder may not be replaced by one of a kind, if there is one.

    Args:
        folder: It exists.
        kind: What is to be written there.

    Returns:
        What stands in it, as the end of a sentence that begins with the folder's name; ``None`` if it is empty or
        whole of that kind.
    """
    found = _stranger(folder, kind)
    if found is None:
        return None
    if found == folder:
        return f"is no {kind.name} that edgetext wrote"
    return f"holds {found.relative_to(folder)}, which is not part of a {kind.name}"


def belongs(path: str, kind: Kind) -> bool:
    """Says whether a file under this path, relative and with forward slashes, is part of a folder of the kind."""
    name, slash, rest = path.partition("/")
    if not slash:
        return any(fnmatchcase(name, pattern) for pattern in kind.files)
    return any(belongs(rest, inner) for folder, inner in kind.folders.items() if fnmatchcase(name, folder))


def bears_mark(file: Path, marks: Sequence[bytes]) -> bool:
    """Says whether a file holds one of the marks near its beginning or its end, or nothing at all.

    Raises:
        OSError: It cannot be read.
    """
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        looked = stream.read(_LOOK_BYTES)
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - _LOOK_BYTES))
        looked += stream.read(_LOOK_BYTES)
    return not looked or any(mark in looked for mark in marks)


def _stranger(folder: Path, kind: Kind) -> Path | None:
    """Finds the first thing in a folder that is not of the kind; the folder itself if its mark is missing."""
    entries = sorted(entry for entry in folder.iterdir() if entry.name not in _NO_WEIGHT)
    if entries and kind.mark is not None:
        name, text = kind.mark
        if not bears_mark(folder / name, (text,)):
            return folder
    return next((found for entry in entries if (found := _strange(entry, kind)) is not None), None)


def _strange(entry: Path, kind: Kind) -> Path | None:
    mode = entry.lstat().st_mode
    if stat.S_ISDIR(mode):
        inner = next((inner for name, inner in kind.folders.items() if fnmatchcase(entry.name, name)), None)
        return entry if inner is None else _stranger(entry, inner)
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        return entry
    return None if any(fnmatchcase(entry.name, pattern) for pattern in kind.files) else entry
