"""``distill``: a fine-tuned teacher -> a smaller student that answers as it does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgetext.checkpoint import Checkpoint, open_checkpoint
from edgetext.data.student_split import teacher_split
from edgetext.data.texts import find_unlabelled
from edgetext.errors import check_extra
from edgetext.files import refuse_existing
from edgetext.ours import CHECKPOINT
from edgetext.progress import Progress, Silent
from edgetext.train.arguments import DistillSettings
from edgetext.train.fitting import fit
from edgetext.train.student import Student, plan_layers

if TYPE_CHECKING:
    from edgetext.data.example import Split
    from edgetext.task import Text


def distill(
    teacher: Checkpoint | Path | str,
    output: Path | str,
    settings: DistillSettings | None = None,
    progress: Progress | None = None,
    *,
    split: Split | None = None,
    overwrite: bool = False,
    resume: bool = False,
) -> Checkpoint:
    """Teaches a student of some of a teacher's layers, and writes it as a checkpoint like any other.

    It begins with the teacher's embeddings, layers, pooler and head, and learns the teacher's logits and the labels
    (see ``edgetext.train.student`` for the sources).

    Args:
        teacher: The fine-tuned model.
        output: The folder to write; it appears whole, when everything is done, or not at all.
        settings: What the user chose.
        progress: Told of every step and of what the user should know.
        split: The rows, from ``edgetext.pipeline.read_split`` with this teacher; by default the teacher's own, each
            for what it served there.
        overwrite: Whether a checkpoint that is there may be replaced.
        resume: Whether to go on after the last whole epoch of a training that was interrupted.

    Returns:
        The student; ``teacher`` in its ``training`` says whose it is, and how it compares with it on held-out rows.

    Raises:
        OutputExistsError: The output is taken and ``overwrite`` is off, or it holds something that is not ours.
        InputError: There can be no student of so many layers.
        DataError: Rows or texts cannot be used.
        ModelError: The teacher is no checkpoint, or no student can be made of its architecture.
        WriteError: The output cannot be written, or the disk is full.
        MissingExtraError: The ``train`` extra is not installed.
    """
    settings, progress = settings or DistillSettings(), progress or Silent()
    refuse_existing(Path(output), CHECKPOINT, overwrite=overwrite or resume)
    check_extra("train")
    teacher = teacher if isinstance(teacher, Checkpoint) else open_checkpoint(Path(teacher))
    kept = plan_layers(teacher, settings.layers)
    split = split or teacher_split(teacher)
    progress.note(f"the student has the layers {', '.join(map(str, kept))} of the teacher, which has {kept[-1]}")
    unlabelled = _unlabelled(settings, teacher, split, progress)
    student = Student(teacher, settings.layers, unlabelled)
    return fit(split, student, output, settings.training, progress, overwrite=overwrite, resume=resume)


def _unlabelled(
    settings: DistillSettings, teacher: Checkpoint, split: Split, progress: Progress
) -> tuple[Text, ...]:
    """Reads the texts without labels; one that is held out would make the student's figures flattered."""
    like = teacher.trained_on
    columns = (like.text_column, like.text_pair_column or "") if like else ("", "")
    seen = [row.text for part in (split.train, split.test) for row in part]
    given = settings.unlabelled
    return find_unlabelled(None if given is None else str(given), columns, seen, split.validation, progress)
