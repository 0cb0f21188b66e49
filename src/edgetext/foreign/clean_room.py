"""A folder in which no pickle can be read: links to a model's weights, config and tokenizer, and to nothing else.

``use_safetensors=True`` keeps transformers from ``pytorch_model.bin``; other libraries, and other files such as
``adapter_model.bin``, know no such word. They see this folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgetext.errors import ModelError
from edgetext.foreign.files import find_file
from edgetext.foreign.tensors import read_tensors

POOLING_FILE = "1_Pooling/config.json"  # of sentence-transformers
NAMES = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "chat_template.jinja", "vocab.txt", "vocab.json", "vocab.bpe", "merges.txt", "bpe.codes", "dict.txt",
    "emoji.json", "entity_vocab.json", "spiece.model", "spm.model", "source.spm", "sentencepiece.model",
    "sentencepiece.bpe.model", "tokenizer.model", POOLING_FILE,
)  # fmt: skip


@contextmanager
def clean_room(folder: Path) -> Iterator[Path]:
    """Makes a temporary folder with links to what a model needs.

    Args:
        folder: The model, which stays as it is.

    Yields:
        The folder of links.

    Raises:
        ModelError: The weights are not whole, a file leaves the folder, or there can be no temporary folder.
    """
    files = (*read_tensors(folder).files, *NAMES)
    try:
        room = Path(tempfile.mkdtemp(prefix="edgetext-"))
    except OSError as error:
        raise ModelError(f"there can be no temporary folder: {error.strerror} (TMPDIR says where)") from error
    try:
        for name in files:
            if (place := find_file(folder, name)) is not None:
                (room / name).parent.mkdir(exist_ok=True)
                _link(place, room / name)
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError:  # Windows lets few users make links
        shutil.copyfile(source, target)
