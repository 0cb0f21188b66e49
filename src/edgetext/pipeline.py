"""The whole way in Python: ``run`` makes checkpoint, bundle and report of labelled text, as ``edgetext run`` does.

``train``, ``export`` and ``bench`` are its three parts, each from a folder to a folder. Nothing heavy is imported
before one of them is called, and what cannot work is refused before that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.bench.settings import BenchSettings
from edgetext.checkpoint import MINILM
from edgetext.data.settings import ColumnChoice, DataSettings
from edgetext.errors import InputError, check_extra
from edgetext.export.settings import ExportSettings
from edgetext.files import new_folder, refuse_existing
from edgetext.foreign.versions import extras_to_export
from edgetext.ours import BUNDLE, CHECKPOINT, REPORT, RUN
from edgetext.progress import Progress, Silent
from edgetext.train.arguments import DistillSettings, TrainArguments

if TYPE_CHECKING:
    from edgetext.bench.results import Results
    from edgetext.checkpoint import Checkpoint, DataSource
    from edgetext.data.example import LabelledData, Split
    from edgetext.data.report.report import DataReport
    from edgetext.export.assembly import Exported

__all__ = [
    "SEARCH_SECONDS",
    "BenchSettings",
    "DataSettings",
    "DistillSettings",
    "ExportSettings",
    "Run",
    "RunSettings",
    "TrainArguments",
    "bench",
    "distill",
    "distill_static",
    "export",
    "read_split",
    "report_data",
    "run",
    "train",
]

SEARCH_SECONDS = 100.0
"""Of a run's search: less than export's own default, since training and bench take their time too."""


@dataclass(frozen=True)
class RunSettings:
    """What the user may choose about a run; the defaults are those of ``edgetext run``.

    Attributes:
        base: The model to begin with: ``minilm``, a folder, or ``OWNER/NAME[@REVISION]`` on the Hub.
        training: How it is trained; its ``seed`` also fixes the split.
        export: How the int8 model is searched for and judged.
        bench: How much is measured.
    """

    base: str = MINILM
    training: TrainArguments = field(default_factory=TrainArguments)
    export: ExportSettings = field(default_factory=lambda: ExportSettings(search_seconds=SEARCH_SECONDS))
    bench: BenchSettings = field(default_factory=BenchSettings)


@dataclass(frozen=True)
class Run:
    """What a run made.

    Attributes:
        path: The folder, with ``checkpoint``, ``bundle`` and ``report``.
        checkpoint: The fine-tuned model; its ``training`` holds the metrics.
        exported: The bundle, what the search found, and whether the gate refused every int8 model.
        results: What was measured.
    """

    path: Path
    checkpoint: Checkpoint
    exported: Exported
    results: Results


def run(
    data: DataSettings | Path | str,
    output: Path | str,
    settings: RunSettings | None = None,
    *,
    progress: Progress | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Run:
    """Trains, exports and measures.

    A run that is there is replaced as a whole: the new one is made beside it, so that an old bundle never lies
    beside a new checkpoint, and the old run is whole until the new one is. Parts and epochs that were whole when
    something failed are kept: at the output, or next to the old run in a folder that ends in ``.new``.

    Args:
        data: The labelled text; a path or a text is its ``uri``.
        output: The folder to make.
        settings: The user's choices.
        progress: Told of every step and of what the user should know.
        overwrite: Whether a run that is there may be replaced.
        resume: Whether to go on with what an interrupted run left at the output: a checkpoint that is done is taken
            as it is, a training goes on after its last whole epoch; what follows is made anew.

    Returns:
        The three parts; ``exported.refused`` says whether the gate let no int8 model through, so that fp32 is the
        default.

    Raises:
        OutputExistsError: The output is taken and ``overwrite`` is off, or it holds something that is not ours.
        InputError: Data, base model or calibration rows cannot be used, ``overwrite`` and ``resume`` are both
            given, or what is to go on was begun with other rows or choices.
        WriteError: The output cannot be written, or the disk is full.
        MissingExtraError: One of the extras ``train``, ``export`` and ``bench`` is not installed, or ``optimum``
            beside transformers 4.
        KeyboardInterrupt: Ctrl-C came; parts that were done are kept.
    """
    output, settings, progress = Path(output), settings or RunSettings(), progress or Silent()
    if overwrite and resume:
        raise InputError("--overwrite begins anew, and --resume goes on with what is there: give one of them")
    refuse_existing(output, RUN, overwrite=overwrite or resume)
    for extra in ("train", *extras_to_export(), "bench"):
        check_extra(extra)
    if resume or not output.is_dir() or not any(output.iterdir()):
        try:
            return _parts(data, output, settings, progress, resume=resume)
        except BaseException as error:
            if not (resume and isinstance(error, InputError)):  # which says what is there that does not fit
                _tell_parts(output, progress)
            raise
    with new_folder(output, RUN, overwrite=overwrite) as folder:
        try:
            made = _parts(data, folder, settings, progress, resume=False)
        except BaseException:
            _keep_parts(folder, output, progress)
            raise
    return _at(output, made)


def train(
    data: DataSettings | Path | str,
    output: Path | str,
    base: str = MINILM,
    arguments: TrainArguments | None = None,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
) -> Checkpoint:
    """Makes a checkpoint of labelled text, as ``edgetext train`` does.

    Args:
        data: The labelled text; a path or a text is its ``uri``.
        output: The folder to make.
        base: The model to begin with (see ``RunSettings``).
        arguments: How it is trained; the ``seed`` also fixes the split.
        progress: Told of every step and of what the user should know.
        overwrite: Whether a checkpoint that is there may be replaced.
        resume: Whether to go on after the last whole epoch of a training that was interrupted.

    Raises:
        OutputExistsError: The output is taken and ``overwrite`` is off, or it holds something that is not ours.
        DataError: The data cannot be used.
        ModelError: The base model cannot be used.
        WriteError: The output cannot be written, or the disk is full.
        MissingExtraError: The ``train`` extra is not installed.
    """
    from edgetext.train.base import fetch_base, resolve_base
    from edgetext.train.fitting import fit

    arguments, progress = arguments or TrainArguments(), progress or Silent()
    refuse_existing(Path(output), CHECKPOINT, overwrite=overwrite or resume)
    check_extra("train")
    found = resolve_base(base)
    if found.on_hub:
        progress.note(f"base model {found.name}: fetching {found.location} from the Hugging Face Hub, or its cache")
        found = fetch_base(found)  # before minutes may go into the data
    split = read_split(data, seed=arguments.seed, progress=progress)
    return fit(split, found, output, arguments, progress, overwrite=overwrite, resume=resume)


def distill(
    teacher: Path | str,
    output: Path | str,
    settings: DistillSettings | None = None,
    progress: Progress | None = None,
    *,
    data: DataSettings | Path | str | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Checkpoint:
    """Makes a smaller checkpoint that answers as another one does, as ``edgetext distill`` does.

    Args:
        teacher: The folder of the fine-tuned model.
        output: The folder to make.
        settings: What the student is, and how it is trained.
        progress: Told of every step and of what the user should know.
        data: Labelled text, as for ``read_split``; by default the rows that the teacher was trained on and judged
            by.
        overwrite: Whether a checkpoint that is there may be replaced.
        resume: Whether to go on after the last whole epoch of a training that was interrupted.

    Raises:
        OutputExistsError: The output is taken and ``overwrite`` is off, or it holds something that is not ours.
        InputError: There can be no student of so many layers.
        DataError: The data cannot be used.
        ModelError: The teacher cannot be used.
        WriteError: The output cannot be written, or the disk is full.
        MissingExtraError: The ``train`` extra is not installed.
    """
    from edgetext.checkpoint import open_checkpoint
    from edgetext.train.distillation import distill
    from edgetext.train.student import plan_layers

    settings, progress = settings or DistillSettings(), progress or Silent()
    refuse_existing(Path(output), CHECKPOINT, overwrite=overwrite or resume)
    check_extra("train")
    opened = open_checkpoint(Path(teacher))
    plan_layers(opened, settings.layers)  # before minutes may go into the data
    split = None
    if data is not None:
        split = read_split(data, seed=settings.training.seed, progress=progress, teacher=opened)
    return distill(opened, output, settings, progress, split=split, overwrite=overwrite, resume=resume)


def distill_static(
    teacher: Path | str,
    output: Path | str,
    settings: ExportSettings | None = None,
    progress: Progress | None = None,
    *,
    data: DataSettings | Path | str | None = None,
    seed: int = 42,
    overwrite: bool = False,
) -> Exported:
    """Makes a bundle of a table of word vectors that answers as a checkpoint does: ``edgetext distill --static``.

    Args:
        teacher: The folder of the fine-tuned model.
        output: The folder to make.
        settings: The table's size, texts without labels and the verdict's margin (``export_static``).
        progress: Told of every step and of what the user should know.
        data: Labelled text, as for ``read_split``; by default the rows that the teacher was trained on and judged
            by.
        seed: Decides which rows are cut off, where nothing else says so.
        overwrite: Whether a bundle that is there may be replaced.

    Raises:
        OutputExistsError: The output is taken and ``overwrite`` is off, or it holds something that is not ours.
        InputError: The rows cannot be used.
        ModelError: The teacher cannot be used.
        WriteError: The output cannot be written, or the disk is full.
        MissingExtraError: The ``train`` or the ``export`` extra is not installed.
    """
    from edgetext.checkpoint import open_checkpoint
    from edgetext.data.student_split import teacher_split

    progress = progress or Silent()
    refuse_existing(Path(output), BUNDLE, overwrite=overwrite)
    for extra in ("train", *extras_to_export()):
        check_extra(extra)
    opened = open_checkpoint(Path(teacher))
    if data is None:
        split = teacher_split(opened)
    else:
        split = read_split(data, seed=seed, progress=progress, teacher=opened)
    from edgetext.export.static_student import export_static

    return export_static(opened, split, output, settings, progress, overwrite=overwrite)


def export(
    checkpoint: Path | str,
    output: Path | str,
    settings: ExportSettings | None = None,
    progress: Progress | None = None,
    *,
    data: DataSettings | None = None,
    overwrite: bool = False,
) -> Exported:
    """Makes a bundle of a checkpoint, as ``edgetext export`` does.

    Args:
        checkpoint: The folder of the fine-tuned model.
        output: The folder to make.
        settings: How the int8 model is searched for and judged.
        progress: Told of every step and of what the user should know.
        data: Rows for the gate, of which ``uri`` and the two columns count; by default the validation rows that the
            checkpoint names.
        overwrite: Whether a bundle that is there may be replaced.

    Raises:
        OutputExistsError: The output is taken and ``overwrite`` is off, or it holds something that is not ours.
        InputError: The checkpoint or the rows cannot be used.
        WriteError: The output cannot be written, or the disk is full.
    """
    from edgetext.checkpoint import open_checkpoint
    from edgetext.data.evaluation import evaluation_rows
    from edgetext.export.export import export_bundle

    progress = progress or Silent()
    opened = open_checkpoint(Path(checkpoint))
    rows = evaluation_rows(
        opened.split,
        ("validation",),
        data.uri if data else None,
        **(data.columns if data else {}),
    )
    for sentence in rows.notes:
        progress.note(sentence)
    return export_bundle(
        opened,
        rows.examples,
        output,
        settings,
        overwrite=overwrite,
        progress=progress,
    )


def bench(
    bundle: Path | str,
    checkpoint: Path | str,
    output: Path | str,
    settings: BenchSettings | None = None,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
) -> Results:
    """Measures a bundle against the checkpoint it was made of, on the held-out rows, and writes the report.

    Args:
        bundle: The folder that ``export`` made.
        checkpoint: The folder that ``train`` made.
        output: The folder to make.
        settings: How much is measured.
        progress: Told of every step, and of each row that could not be measured.
        overwrite: Whether a report that is there may be replaced.

    Raises:
        OutputExistsError: The output is taken and ``overwrite`` is off, or it holds something that is not ours.
        InputError: A model cannot be opened, or there are no held-out rows.
        WriteError: The output cannot be written, or the disk is full.
    """
    from edgetext.bench.heldout import find_held_out
    from edgetext.bench.report import write_report
    from edgetext.bench.run import run_bench
    from edgetext.checkpoint import open_checkpoint

    rows = find_held_out(open_checkpoint(Path(checkpoint)))
    with new_folder(Path(output), REPORT, overwrite=overwrite) as folder:
        results = run_bench(bundle, checkpoint, rows, settings=settings, progress=progress)
        write_report(folder, results)
    return results


def read_split(
    data: DataSettings | Path | str,
    *,
    seed: int = 42,
    progress: Progress | None = None,
    teacher: Checkpoint | None = None,
) -> Split:
    """Reads labelled text and decides which rows train, validate and test.

    Args:
        data: The labelled text; a path or a text is its ``uri``.
        seed: Of the parts that are cut from it.
        progress: Told of what was found out about the files, and of rows that were left out.
        teacher: Whose student is to learn the rows: what it was trained on and judged by serves the same again.

    Raises:
        DataError: The data cannot be used.
        MissingExtraError: Parts are to be cut, and the ``train`` extra is not installed.
    """
    from edgetext.data.load import load
    from edgetext.data.report.report import certain_findings
    from edgetext.data.split import resolve_split
    from edgetext.data.student_split import student_split

    settings, told = _data_settings(data), progress or Silent()

    def read(uri: str, like: DataSource | None, split_column: str | None = None) -> LabelledData:
        chosen: ColumnChoice = {**settings.columns, "split_column": split_column}
        found = load(uri, like=like, drop_invalid=settings.drop_invalid, **chosen)
        for sentence in (*found.notes, *found.dropped):
            told.note(sentence)
        return found

    rows = read(settings.uri, teacher.trained_on if teacher else None, settings.split_column)
    validation = read(settings.validation, rows.source) if settings.validation else None
    test = read(settings.test, rows.source) if settings.test else None
    if teacher:
        split = student_split(teacher, rows, validation, test, seed=seed)
    else:
        split = resolve_split(rows, validation, test, seed=seed)
    for finding in certain_findings(rows, validation, test):
        told.note(finding.sentence())
    return split


def report_data(
    data: DataSettings | Path | str,
    base: str = "minilm",
    *,
    max_length: int | None = None,
    seed: int = 42,
    progress: Progress | None = None,
) -> DataReport:
    """Looks for everything that is wrong with labelled text before anything is trained.

    Args:
        data: The labelled text; a path or a text is its ``uri``.
        base: The base model whose tokenizer measures the texts; words are counted where it has none here.
        max_length: The most tokens that will be read of a text; by default as many as the base model reads.
        seed: Of the parts that training would cut off.
        progress: Told of what takes long.

    Raises:
        DataError: The data cannot be read, or no row of it can be used.
        ModelError: The base model cannot be used, or reads less than ``max_length``.
        MissingExtraError: A file needs an extra that is not installed.
    """
    from edgetext.data.report.report import make_report
    from edgetext.train.ruler import base_ruler

    ruler = base_ruler(base, max_length)
    return make_report(_data_settings(data), ruler=ruler, seed=seed, progress=progress)


def _data_settings(data: DataSettings | Path | str) -> DataSettings:
    return data if isinstance(data, DataSettings) else DataSettings(str(data))


def _parts(
    data: DataSettings | Path | str, output: Path, settings: RunSettings, progress: Progress, *, resume: bool
) -> Run:
    """Makes the three parts, each whole or not at all; a part that is done outlives the failure of a later one."""
    search = settings.export
    if isinstance(search.calibration, str):
        from edgetext.export.tuning import read_calibration

        search = replace(search, calibration=read_calibration(search.calibration))  # refused before any training
    if isinstance(search.unlabelled, str):
        from edgetext.data.texts import load_texts

        chosen = _data_settings(data)
        search = replace(
            search, unlabelled=load_texts(search.unlabelled, chosen.text_column, chosen.text_pair_column)
        )
    checkpoint = train(data, output / "checkpoint", settings.base, settings.training, progress, resume=resume)
    exported = export(checkpoint.path, output / "bundle", search, progress, overwrite=resume)
    results = bench(exported.path, checkpoint.path, output / "report", settings.bench, progress, overwrite=resume)
    return Run(output, checkpoint, exported, results)


def _at(output: Path, made: Run) -> Run:
    """A run as it is at the place where it was put."""
    return replace(
        made,
        path=output,
        checkpoint=replace(made.checkpoint, path=output / "checkpoint"),
        exported=replace(made.exported, path=output / "bundle"),
    )


def _keep_parts(folder: Path, output: Path, progress: Progress) -> None:
    """Keeps what is whole, parts and epochs, in place of what an earlier failure left."""
    progress.note(f"{output} is as it was")
    if not _kept(folder):
        return
    beside = output.with_name(f"{output.name}.new")
    with new_folder(beside, RUN, overwrite=True) as kept:
        for name in _kept(folder):
            (folder / name).rename(kept / name)
    _tell_parts(beside, progress, f"-o {beside} --resume")


def _tell_parts(folder: Path, progress: Progress, going_on: str = "the same command with --resume") -> None:
    done = ", ".join(str(folder / name) for name in _kept(folder))
    if done:
        progress.note(f"kept of this run, each whole: {done}; {going_on} goes on from there")


def _kept(folder: Path) -> list[str]:
    return [name for name in RUN.folders if (folder / name).is_dir()]
