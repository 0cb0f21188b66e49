"""``fit``: fine-tunes a base model, or teaches a student, on a split and writes the checkpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgetext.checkpoint import Checkpoint, open_checkpoint, write_split, write_training
from edgetext.data.example import Example, Split
from edgetext.errors import InputError, needs_extra
from edgetext.files import new_folder, open_to_all, refuse_existing
from edgetext.foreign.load import save_tokenizer
from edgetext.ours import CHECKPOINT
from edgetext.progress import Progress, Silent
from edgetext.train.arguments import TrainArguments, read_options
from edgetext.train.base import BaseModel, in_clean_room, length_limit, load_base, reads_mean, resolve_base
from edgetext.train.encode import HINTS, Lessons, check_max_length, choose_max_length, encode
from edgetext.train.history import training_record, versions
from edgetext.train.quiet import quiet
from edgetext.train.recipe import Facts, Recipe, best_precision, device, make_recipe
from edgetext.train.resume import digest, working_folder
from edgetext.train.student import Student, load_student, teacher_logits, teacher_record
from edgetext.trouble import tell_failed_writes

if TYPE_CHECKING:
    from edgetext.task import Answers, FloatArray, Task

_NAMED = 10


def fit(
    split: Split,
    base: BaseModel | Student | Path | str,
    output: Path | str,
    arguments: TrainArguments | None = None,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
) -> Checkpoint:
    """Fine-tunes a base model, or teaches a student, and writes the epoch that was best on the validation rows.

    Args:
        split: The rows, from ``edgetext.pipeline.read_split`` or ``edgetext.data.split.resolve_split``.
        base: The model to begin with, from ``resolve_base``, or what that takes; or layers of a teacher, whose
            logits are then learned.
        output: The folder to write; it appears whole, when everything is done, or not at all.
        arguments: The user's choices; by default all are left to the recipe.
        progress: Told of every step and of what the user should know.
        overwrite: Whether a folder that is there may be replaced.
        resume: Whether to go on after the last whole epoch of a training for this output that was interrupted; one
            that was finished is left as it is.

    Returns:
        The checkpoint; its ``training`` holds the metrics on the validation and the test rows.

    Raises:
        OutputExistsError: The output is taken and ``overwrite`` is off, or it holds something that is not ours.
        InputError: The interrupted training, or the finished one, was begun with other rows or arguments.
        WriteError: The output cannot be written, or the disk is full.
        ModelError: The base model cannot be used, or no student can be made of the teacher.
        MissingExtraError: The ``train`` extra is not installed.
    """
    arguments = arguments or TrainArguments()
    student = base if isinstance(base, Student) else None
    place = student.teacher.path if student else base
    found = place if isinstance(place, BaseModel) else resolve_base(str(place))
    output = Path(output)
    refuse_existing(output, CHECKPOINT, overwrite=overwrite or resume)
    with in_clean_room(found) as readable, tell_failed_writes(output, CHECKPOINT.needs), quiet():
        job = _prepare(split, readable, student, arguments, progress or Silent())
        if resume and not overwrite and (finished := _finished(output, job)):
            job.progress.note(f"{output} is done, with the same rows and options: nothing to go on with")
            return finished
        with working_folder(output, _begun(job), job.progress, resume=resume) as working:
            trained = _train(job, working.path, working.last)
            with new_folder(output, CHECKPOINT, overwrite=overwrite) as folder:
                _save(folder, trained, job)
    return open_checkpoint(output)


@dataclass(frozen=True)
class _Job:
    """What is trained, and how."""

    split: Split
    base: BaseModel
    student: Student | None
    recipe: Recipe
    tokenizer: Any
    model: Any
    notes: tuple[str, ...]
    started: float
    progress: Progress

    @property
    def held_out(self) -> Mapping[str, tuple[Example, ...]]:
        """The rows that figures are told of, by part."""
        parts = {"validation": self.split.validation, "test": self.split.test}
        return {name: rows for name, rows in parts.items() if rows}


@dataclass(frozen=True)
class _Trained:
    """What came of it: the Trainer, the fitted task, and what ``training.json`` says beside the recipe."""

    trainer: Any
    task: Task
    results: Mapping[str, Any]


def _prepare(
    split: Split, base: BaseModel, student: Student | None, arguments: TrainArguments, progress: Progress
) -> _Job:
    started = time.perf_counter()
    with needs_extra("train"):
        from transformers import set_seed
    chosen, options = read_options(arguments.options)
    set_seed(arguments.seed)
    tokenizer, model = load_student(base, student) if student else load_base(base, split.task)
    limit = length_limit(tokenizer, model.config)
    check_max_length(arguments.max_length, limit, base.name)
    rows = len(split.train) + (len(student.unlabelled) if student else 0)
    facts = Facts(
        rows=rows,
        labels=len(split.labels),
        one_label=split.task.one_label,
        hidden_size=int(getattr(model.config, "hidden_size", 0)),
        max_length=choose_max_length([example.text for example in split.train], tokenizer, limit),
        precision=best_precision(),
        taught=student is not None,
        means=reads_mean(base),
    )
    recipe = make_recipe(arguments, facts, chosen, options)
    notes = (*split.notes, *_lacking(split), *_notes(recipe, arguments, rows))
    for note in notes:
        progress.note(note)
    return _Job(split, base, student, recipe, tokenizer, model, notes, started, progress)


def _begun(job: _Job) -> dict[str, Any]:
    """Says what must be the same when an interrupted training goes on."""
    split, student = job.split, job.student
    unlabelled = [Example(text, (), 0) for text in student.unlabelled] if student else []
    return {
        "rows": digest((split.train, split.validation, split.test)),
        "labels": list(split.labels),
        "task": split.task.name,
        "base_model": job.base.sha256 or job.base.revision or job.base.name,
        "layers": student.layers if student else None,
        "unlabelled": digest((unlabelled,)) if student else None,
        "arguments": asdict(job.recipe),
        "libraries": versions(),
    }


def _digest_begun(job: _Job) -> str:
    return sha256(json.dumps(_begun(job), sort_keys=True).encode()).hexdigest()


def _finished(output: Path, job: _Job) -> Checkpoint | None:
    """Opens the checkpoint of this training if it was finished already.

    Raises:
        InputError: Another one was.
    """
    if not output.is_dir() or not any(output.iterdir()):
        return None
    there = open_checkpoint(output)
    if there.training.get("begun") != _digest_begun(job):
        raise InputError(
            f"{output} is done already, with other rows, options or versions: leave --resume out, and give "
            "--overwrite or another --output"
        )
    return there


def _train(job: _Job, folder: Path, last: Path | None) -> _Trained:
    from edgetext.train.first_token import learn_mean
    from edgetext.train.trainer import Rows, make_trainer, set_prior

    def encoded(examples: tuple[Example, ...], lessons: Lessons | None = None) -> Any:
        return encode(examples, job.split.task, job.tokenizer, job.recipe.max_length, lessons)

    baseline, student = _baseline(job), job.student
    taught = teacher_logits(job.base, student, job.split, job.progress) if student else None
    lessons = Lessons(taught["train"], student.unlabelled) if student and taught else None
    learned = Rows(_hinted(job, encoded(job.split.train, lessons)), encoded(job.split.validation))
    if student is None:  # whose head is the teacher's
        set_prior(job.model, learned.train, job.split.task)
    if job.recipe.mean_steps and last is None:
        learn_mean(job.model, job.tokenizer, learned.train, job.recipe, folder, job.progress)
    trainer = make_trainer(job.model, job.tokenizer, learned, job.split.task, job.recipe, folder, job.progress)
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    found = {part: _logits(job, trainer, part) for part in job.held_out}
    task, judged = _judge(job, found)
    results = {
        **judged,
        "baseline": baseline,
        "rows": {"train": len(job.split.train), **{part: len(rows) for part, rows in job.held_out.items()}},
        "device": device(),
        "seconds": round(time.perf_counter() - job.started, 1),
        "notes": list(job.notes),
        "begun": _digest_begun(job),
    }
    if student and taught:
        results |= teacher_record(student, job.base)
        results["teacher"]["metrics"] = _against_teacher(job, student.teacher.task, taught, task, found)
    return _Trained(trainer, task, results)


def _hinted(job: _Job, rows: Any) -> Any:
    """Adds to encoded training rows what TF-IDF takes for likely, fitted on others than the row in question."""
    if not job.recipe.hints:
        return rows
    from edgetext.metrics.baseline import cross_fitted_baseline

    texts, labels = zip(*((row.text, row.labels) for row in job.split.train), strict=True)
    found = cross_fitted_baseline(job.split.task, texts, labels, job.recipe.seed, job.progress)
    return rows.add_column(HINTS, list(found))


def _logits(job: _Job, trainer: Any, part: str) -> FloatArray:
    """Computes the logits of a part's rows, in their order and in fp32, as the model will be exported."""
    from edgetext.foreign.answers import ask

    plain = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    texts = [row.text for row in job.held_out[part]]
    return ask(plain, job.tokenizer, texts, job.recipe.max_length, job.progress, part)


def _truth(job: _Job, part: str) -> Answers:
    return job.split.task.encode([row.labels for row in job.held_out[part]])


def _answers(job: _Job, part: str, task: Task, logits: FloatArray) -> Answers:
    """Answers a part's rows; validation rows with thresholds that were fitted without the row in question."""
    from edgetext.metrics.decisions import cross_fitted

    if part == "validation":
        return cross_fitted(job.split.task, logits, _truth(job, part), job.recipe.seed)
    return task.answers(task.probabilities(logits))


def _judge(job: _Job, logits: Mapping[str, FloatArray]) -> tuple[Task, dict[str, Any]]:
    """Fits temperature and thresholds on the validation rows, and judges all held-out rows with them."""
    from edgetext.metrics.calibration import calibration_error
    from edgetext.metrics.decisions import fit_task
    from edgetext.metrics.report import full_report

    asked = job.split.task
    task = fit_task(asked, logits["validation"], _truth(job, "validation"))
    metrics, calibration = {}, {}
    for part, found in logits.items():
        right = _truth(job, part)
        metrics[part] = full_report(task, _answers(job, part, task, found), right)
        calibration[part] = {
            "before": calibration_error(asked, asked.probabilities(found), right),
            "after": calibration_error(task, task.probabilities(found), right),
        }
    return task, {"metrics": metrics, "calibration": calibration}


def _against_teacher(
    job: _Job,
    teacher: Task,
    taught: Mapping[str, FloatArray],
    student: Task,
    found: Mapping[str, FloatArray],
) -> dict[str, Any]:
    """Compares student and teacher, part by part, and says how far their logits are apart (mean squared error)."""
    from edgetext.metrics.difference import compared

    return {
        part: {
            **compared(
                student,
                _truth(job, part),
                _answers(job, part, teacher, taught[part]),
                _answers(job, part, student, logits),
            ),
            "logit_error": float(((logits - taught[part]) ** 2).mean()),
        }
        for part, logits in found.items()
    }


def _baseline(job: _Job) -> dict[str, Any]:
    """Fits TF-IDF with logistic regression on the same rows, and judges it on the same held-out rows."""
    from edgetext.metrics.baseline import NAME, fit_baseline
    from edgetext.metrics.decisions import fit_task
    from edgetext.metrics.report import metric_key, overall

    begin, task = time.perf_counter(), job.split.task
    job.progress.step("baseline", 0, 1)
    rows = job.split.train
    model = fit_baseline(task, [row.text for row in rows], [row.labels for row in rows])
    metrics = {}
    for part, rows in job.held_out.items():
        logits = model.logits([row.text for row in rows])
        if part == "validation":
            fitted = fit_task(task, logits, _truth(job, part))
        metrics[part] = {
            "rows": len(rows),
            **overall(task, _answers(job, part, fitted, logits), _truth(job, part)),
        }
    seconds = round(time.perf_counter() - begin, 1)
    job.progress.step("baseline", 1, 1)
    figure = metrics["validation"][metric_key(task)]
    job.progress.note(f"{NAME}, fitted in {seconds:g} s: {task.metric} {figure:.4f} on the validation rows")
    return {"name": NAME, "rows": model.rows, "metrics": metrics, "seconds": seconds}


def _save(folder: Path, trained: _Trained, job: _Job) -> None:
    trained.trainer.model.save_pretrained(folder)  # as safetensors, whatever the version
    tokenizer = job.tokenizer
    tokenizer.backend_tokenizer.no_truncation()  # who loads it decides; training's last batch must not
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = job.recipe.max_length
    save_tokenizer(tokenizer, folder)
    open_to_all(folder)
    write_training(folder, training_record(job.base, job.recipe, trained.task, trained.trainer, trained.results))
    write_split(folder, job.split.record)


def _lacking(split: Split) -> tuple[str, ...]:
    """Names the labels that a held-out part lacks."""
    notes = []
    for part, rows in (("validation", split.validation), ("test", split.test)):
        there = {label for example in rows for label in example.labels}
        lacking = [repr(label) for label in split.labels if label not in there]
        if rows and lacking:
            more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
            notes.append(
                f"no {part} row has the label {', '.join(lacking[:_NAMED])}{more}: there is no macro F1, "
                "and how well that is recognised is not known"
            )
    return tuple(notes)


def _notes(recipe: Recipe, arguments: TrainArguments, rows: int) -> tuple[str, ...]:
    plan = (
        f"{rows} rows, {recipe.epochs} epochs, batches of {recipe.batch_size}, learning rate "
        f"{recipe.learning_rate:g}, texts of up to {recipe.max_length} tokens"
    )
    if recipe.bf16 and arguments.bf16 is None:
        return (
            plan,
            f"training in bfloat16, which this {device().upper()} computes in hardware (--no-bf16 turns it off)",
        )
    return (plan,)
