"""Classifies part files on Ray, past one machine: a worker a core, a part at a time, each part as one process does.

What Ray Data hands out are the names of the parts. A worker reads and writes them itself, by ``bulk.job``: so the
rows, the batches and the answers are those of one process to the byte, whatever the format, and a part is there
whole or not at all. Where a worker dies, Ray starts another and gives it the part again; it goes on from the
journal that lies beside the unfinished part. The parts are written into a hidden folder, which gets its name when
all are whole. Input, output and bundle must lie where every machine of the cluster finds them by the same path.
"""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import edgetext
from edgetext.bulk.job import FileJob, Outcome, Report, predict_rows, text_columns
from edgetext.bulk.journal import bundle_identity
from edgetext.bulk.records import TextColumns, open_rows
from edgetext.data.packed import SUFFIX as PACKED
from edgetext.data.packed import format_suffix
from edgetext.data.read import READERS
from edgetext.errors import DataError, EdgetextError, InputError, check_extra, first_line
from edgetext.files import new_folder, open_own, refuse_existing, write_json
from edgetext.ours import PARTS, PARTS_FILE, REJECTED_PARTS
from edgetext.runtime.first_stage import AnswerCounts
from edgetext.runtime.manifest import FirstStage
from edgetext.runtime.predictor import Predictor
from edgetext.runtime.threads import usable_threads
from edgetext.stopping import same_handlers

MOST_TRIES = 6
"""How many workers may die over a part, for want of memory as a rule; Ray itself would never give up."""
_STORE_BYTES = 100 << 20  # of Ray's own shared memory on this machine: names and counts are all that is kept there
_WRITTEN = {".parquet": ".parquet", ".jsonl": ".jsonl", ".ndjson": ".jsonl", ".json": ".jsonl"}  # all else is CSV

Opens = Callable[[], Predictor]
Results = Generator[dict[str, Any], None, None]
_COUNTS = ("rows", "rejected", "first", "model", "died")


@dataclass(frozen=True)
class Cluster:
    """Where the work is done.

    Attributes:
        address: Of a Ray cluster, such as ``head:6379``; without it that in ``RAY_ADDRESS``, else a Ray of this
            machine alone, which lives as long as the work.
        workers: How many parts are worked on at once, a core each; by default as many as there are cores.
    """

    address: str | None = None
    workers: int | None = None


@dataclass(frozen=True)
class PartsOutcome(Outcome):
    """What was done, and who answered.

    Attributes:
        answered: How many texts the first stage and the model answered.
        first_stage: What the bundle says of the first stage that was asked; ``None`` where none was.
        died: How many workers died over a part, which others then did; what they answered is not counted.
    """

    answered: AnswerCounts
    first_stage: FirstStage | None
    died: int


def find_parts(pattern: Path) -> tuple[Path, ...]:
    """Lists the files that a pattern names, such as ``part-*.parquet``, by name; all of them can be read.

    Raises:
        DataError: There is none, or one is a folder or of an unknown kind.
        InputError: Two would be written under one name.
    """
    found = [pattern] if pattern.is_file() else sorted(map(Path, glob.glob(str(pattern), recursive=True)))  # noqa: PTH207 - absolute too
    if not found:
        raise DataError(f"{pattern}: there is no such file; expected parts, such as 'rows/part-*.parquet'")
    names: dict[str, Path] = {}
    for part in found:
        if part.is_dir():
            raise DataError(f"{part} is a folder: name the parts in it, such as '{part}/*.parquet'")
        if format_suffix(part) not in READERS:
            raise DataError(f"{part}: the suffix is unknown; expected one of {', '.join(READERS)}")
        other = names.setdefault(written_name(part), part)
        if other is not part:
            raise InputError(f"{other} and {part} would both be written as {written_name(part)}: rename one")
    return tuple(part.absolute() for part in found)


def written_name(part: Path) -> str:
    """Names the file of a part's answers: Parquet for Parquet, JSON Lines for JSON, CSV for all else."""
    suffix = format_suffix(part)
    stem = part.name.removesuffix(PACKED)[: -len(suffix)]
    return f"{stem}{_WRITTEN.get(suffix, '.csv')}"


def check_parts(parts: Sequence[Path], job: FileJob) -> None:
    """Refuses what cannot work, before anything is loaded.

    Raises:
        InputError: A folder to write lies around the parts, or is the other one.
        OutputExistsError: Something stands there that may not be replaced.
        MissingExtraError: Ray is not installed.
    """
    check_extra("ray")
    folders = {"--output": (job.output, PARTS), "--rejects": (job.rejects, REJECTED_PARTS)}
    if job.rejects and job.rejects.resolve() == job.output.resolve():
        raise InputError("--output and --rejects must be different folders")
    for option, (folder, kind) in folders.items():
        if folder is None:
            continue
        if any(folder.resolve() in part.resolve().parents for part in parts):
            raise InputError(f"{option} {folder} holds the input: name another folder")
        refuse_existing(folder, kind, overwrite=job.overwrite)


def predict_parts(
    opens: Opens, parts: Sequence[Path], job: FileJob, cluster: Cluster, report: Report, note: Callable[[str], None]
) -> PartsOutcome:
    """Classifies part files into a folder: all of them, or nothing.

    Args:
        opens: Opens the predictor, in each worker once; it is pickled.
        parts: See ``find_parts``.
        job: What to do with each; ``output`` and ``rejects`` are folders, and ``input`` is not used.
        cluster: Where.
        report: Called with the rows done, the bytes of the parts done, and those of all.
        note: Is told, a sentence each, what a user should know of how the first part is read.

    Raises:
        InputError: A part cannot be used or holds a broken row, the bundle is not the same on every machine, or
            there is no such cluster.
        OutputExistsError: Something stands at the output that may not be replaced.
        MissingExtraError: Ray is not installed.
    """
    check_parts(parts, job)
    with opens() as classify, open_rows(parts[0], _columns(classify, job), note):
        identity, first_stage = _identity(classify), classify.first_stage
    aside = new_folder(job.rejects, REJECTED_PARTS, overwrite=job.overwrite) if job.rejects else nullcontext()
    with new_folder(job.output, PARTS, overwrite=job.overwrite) as folder, aside as rejects:
        hidden = replace(job, output=folder.absolute(), rejects=rejects.absolute() if rejects else None)
        with _on_cluster(cluster) as workers:
            results = _results((opens, hidden, identity), parts, min(workers, len(parts)))
            done = _gathered(results, parts, report)
        _refuse_missing(folder, parts)
        facts = {"edgetext": edgetext.__version__, "bundle": identity, "parts": done}
        for place in filter(None, (folder, rejects)):
            write_json(place / PARTS_FILE, facts)
    rows, rejected, first, model, died = (sum(part[name] for part in done) for name in _COUNTS)
    return PartsOutcome(rows, rejected, AnswerCounts(first, model), first_stage, died)


class PartWorker:
    """What lives on a core of the cluster: a predictor with one thread, which is given one part after the other.

    What cannot be used comes back as a sentence, since Ray would make a page of an exception, and try again.

    Args:
        opens: Opens the predictor.
        job: What to do with each part; ``output`` and ``rejects`` are folders.
        identity: What the bundle must be.
    """

    def __init__(self, opens: Opens, job: FileJob, identity: Mapping[str, str]) -> None:
        self._job = job
        self._refusal = ""
        try:
            self._classify = opens()
            if _identity(self._classify) != identity:
                self._refusal = f"{self._classify.path} is another bundle than on the machine that began this"
        except EdgetextError as error:
            self._refusal = str(error)

    def __call__(self, row: dict[str, str]) -> dict[str, Any]:
        """Does the part that a row names."""
        part = Path(row["input"])
        refusal = self._refusal
        try:
            if not refusal:
                return self._predict(part)
        except EdgetextError as error:
            refusal = str(error)
        except OSError as error:
            if error.filename is None:
                raise
            refusal = f"{os.fsdecode(error.filename)}: {error.strerror}"
        return {"input": str(part), "refusal": refusal, **dict.fromkeys(_COUNTS, 0)}

    def _predict(self, part: Path) -> dict[str, Any]:
        job, before = self._of(part), self._classify.answered
        with _tries(part, job.output) as died, open_rows(part, _columns(self._classify, job)) as source:
            outcome = predict_rows(self._classify, source, job, _untold)
        now = self._classify.answered
        counts = {"first": now.first - before.first, "model": now.model - before.model, "died": died}
        return {"input": str(part), "refusal": "", "rows": outcome.rows, "rejected": outcome.rejected, **counts}

    def _of(self, part: Path) -> FileJob:
        """Makes the job of one part; what an earlier worker left of it is gone on from."""
        name = written_name(part)
        rejects = self._job.rejects and self._job.rejects / f"{name}.jsonl"
        output = self._job.output / name
        return replace(self._job, input=part, output=output, rejects=rejects, resume=True, overwrite=True)


@contextmanager
def _tries(part: Path, output: Path) -> Iterator[int]:
    """Counts the workers that died over a part, in a file beside its output, and refuses it after too many.

    Yields:
        How many died so far.
    """
    tries = output.with_name(f".{output.name}.tries")
    with open_own(tries, write=True) as stream:
        died = stream.seek(0, os.SEEK_END)
        if died >= MOST_TRIES:
            raise InputError(f"{part}: {died} workers died over it: is there too little memory for it?")
        stream.write(b".")
    yield died
    tries.unlink()


def _columns(classify: Predictor, job: FileJob) -> TextColumns:
    return text_columns(classify, job.text_column, job.text_pair_column)


def _untold(_rows: int, _position: float, _size: int) -> None:
    """Takes a report that nobody asked for."""


def _identity(classify: Predictor) -> dict[str, str]:
    return {"edgetext": edgetext.__version__, **bundle_identity(classify)}


@contextmanager
def _on_cluster(cluster: Cluster) -> Iterator[int]:
    """Connects to a cluster, or begins one of this machine; one that the program is connected to is left as it is.

    Yields:
        How many workers to start.
    """
    import ray

    begun = not ray.is_initialized()
    if begun:
        _connect(cluster)
    try:
        yield cluster.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if begun:
            ray.shutdown()


def _connect(cluster: Cluster) -> None:
    import ray

    address = cluster.address or os.environ.get("RAY_ADDRESS") or "local"
    quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    own = {"num_cpus": cluster.workers or usable_threads(), "object_store_memory": _STORE_BYTES}
    try:
        with same_handlers():
            ray.init(address, **quiet, **(own if address == "local" else {}))
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"Ray cannot be reached or begun ({first_line(error)}): --address names a cluster, such as head:6379, "
            "and one that asks for a token needs RAY_AUTH_MODE=token"
        ) from error


def _results(arguments: tuple[Any, ...], parts: Sequence[Path], workers: int) -> Results:
    """Has the parts done by actors of Ray Data, each of which holds one part at a time, in whatever order."""
    import ray.data
    from ray.exceptions import RayActorError

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    rows = ray.data.from_items([{"input": str(part)} for part in parts], override_num_blocks=len(parts))
    answers = rows.map(
        PartWorker,
        fn_constructor_args=arguments,
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
        num_cpus=1,
    )
    try:
        yield from answers.iter_rows()
    except RayActorError as error:
        raise InputError(
            f"Ray lost its workers ({first_line(error)}): every machine needs the packages of this one"
        ) from error


def _gathered(results: Results, parts: Sequence[Path], report: Report) -> list[dict[str, Any]]:
    """Collects what was done of each part, in their order, and stops at the first that cannot be done."""
    sizes = {part: part.stat().st_size for part in parts}
    done: dict[Path, dict[str, Any]] = {}
    rows = position = 0
    report(rows, position, sum(sizes.values()))
    with closing(results):
        for result in results:
            if result["refusal"]:
                raise InputError(result["refusal"])
            part = Path(result["input"])
            counts = {name: int(result[name]) for name in _COUNTS}
            done[part] = {"input": part.name, "output": written_name(part), **counts}
            rows, position = rows + counts["rows"], position + sizes[part]
            report(rows, position, sum(sizes.values()))
    return [done[part] for part in parts]


def _refuse_missing(folder: Path, parts: Sequence[Path]) -> None:
    """Finds out that a worker wrote to a disk of its own."""
    missing = next((part for part in parts if not (folder / written_name(part)).is_file()), None)
    if missing is not None:
        raise InputError(
            f"{missing.name} was written on a machine whose disk is not this one's: "
            "--output must lie on storage that every machine of the cluster mounts at the same path"
        )
