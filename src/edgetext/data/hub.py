"""Data sets of the Hugging Face Hub, through ``datasets``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.data.parquet import class_name
from edgetext.data.parts import PART_OF, known_part
from edgetext.data.table import Table, TableRow
from edgetext.errors import DataError, first_line, needs_extra

if TYPE_CHECKING:
    from datasets import Dataset

SPLIT_COLUMN = "split"
_PATIENCE_S = 10.0
_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


def read_hub(uri: str) -> Table:
    """Reads ``hub:NAME[:CONFIG][@REVISION]``; the parts of the data set appear as a column ``split``.

    Rows are numbered through all parts, training first. Parts under other names than the usual ones are left out.

    Where the Hub does not answer, what is in the cache of ``datasets`` is taken.

    Raises:
        DataError: The Hub cannot be reached, or has no such data set, or only one that runs code.
        MissingExtraError: ``datasets`` is not installed.
    """
    name, _, revision = uri.removeprefix("hub:").partition("@")
    name, _, config = name.partition(":")
    _refuse_local(uri, name)
    answers = _hub_answers(uri, name, revision or None)
    with needs_extra("train"):
        from datasets import load_dataset
    with _quiet(), _offline(not answers):
        try:
            found = load_dataset(name, config or None, revision=revision or None)
        except (
            Exception
        ) as error:  # network, names, formats: datasets, huggingface_hub and pyarrow each have a tree
            why = first_line(error) if answers else "it does not answer, and the cache has no copy"
            raise DataError(
                f"{uri}: cannot be read from the Hugging Face Hub ({why}): check the name "
                "(hub:NAME[:CONFIG][@REVISION]) and the network, or download it and give the file"
            ) from error
    return _join(uri, {str(part): dataset for part, dataset in found.items()})


def _refuse_local(uri: str, name: str) -> None:
    """Refuses what ``load_dataset`` would take for a file or folder of this machine."""
    if not _NAME.fullmatch(name):
        raise DataError(f"{uri}: {name!r:.200} is no name on the Hub; expected hub:NAME[:CONFIG][@REVISION]")
    if Path(name).exists():
        raise DataError(
            f"{uri}: {name} also lies in this folder, and would be read in its place: work in another folder, "
            "or give the file without hub:"
        )


def _hub_answers(uri: str, name: str, revision: str | None) -> bool:
    """Asks the Hub once whether it has the data set; ``datasets`` would ask for 25 seconds where nobody answers.

    Raises:
        DataError: The Hub answers that it has none.
    """
    with needs_extra("train"):
        from huggingface_hub import HfApi, errors
    try:
        HfApi().dataset_info(name, revision=revision, timeout=_PATIENCE_S)
    except errors.GatedRepoError as error:
        raise DataError(f"{uri}: its terms must be accepted: do so on its page, then 'hf auth login'") from error
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        raise DataError(
            f"{uri}: the Hugging Face Hub has no such data set or revision, or it is private: "
            "check the name (hub:NAME[:CONFIG][@REVISION]), or log in"
        ) from error
    except Exception as error:  # requests, httpx and the offline mode each have an error of their own
        if place := getattr(error, "filename", None):  # of the disk's errors alone
            raise DataError(
                f"{uri}: the cache of the Hugging Face Hub cannot be used, at {place} (HF_HOME moves it)"
            ) from error
        return False
    return True


@contextmanager
def _offline(wanted: bool) -> Iterator[None]:
    """Lets ``datasets`` look into its cache alone."""
    from datasets import config

    before = config.HF_HUB_OFFLINE
    config.HF_HUB_OFFLINE = before or wanted
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before


def _join(uri: str, found: dict[str, Dataset]) -> Table:
    parts = {part: dataset for part, dataset in found.items() if known_part(part)}
    if not parts:
        raise DataError(f"{uri}: its parts are {', '.join(found)}; expected one named {', '.join(PART_OF)}")
    records: list[TableRow] = []
    columns: dict[str, None] = {}
    for part in sorted(parts, key=lambda part: list(PART_OF).index(part.lower())):
        columns.update(dict.fromkeys(parts[part].column_names))
        for record in _records(parts[part], first_row=len(records) + 1):
            records.append(TableRow(record.row, {**record.values, SPLIT_COLUMN: part}))
    return Table((*columns, *(() if SPLIT_COLUMN in columns else (SPLIT_COLUMN,))), tuple(records))


def _records(dataset: Dataset, first_row: int) -> Iterator[TableRow]:
    """Reads the rows, with labels that are stored as class numbers turned into their names."""
    inner = {column: getattr(feature, "feature", feature) for column, feature in dataset.features.items()}
    names = {column: feature.names for column, feature in inner.items() if hasattr(feature, "names")}
    for row, values in enumerate(dataset, start=first_row):
        yield TableRow(row, {**values, **{column: class_name(values[column], names[column]) for column in names}})


@contextmanager
def _quiet() -> Iterator[None]:
    from datasets.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
