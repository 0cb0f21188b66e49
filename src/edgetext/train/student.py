"""A student: some layers of a fine-tuned teacher, trained to give the teacher's logits.

Sources:
    Logits matched by mean squared error: J. Ba, R. Caruana, "Do Deep Nets Really Need to be Deep?", NeurIPS 2014;
    R. Tang et al., "Distilling Task-Specific Knowledge from BERT into Simple Neural Networks", arXiv 1903.12136.
    A small transformer that was trained before, then distilled, unlabelled texts included: I. Turc et al.,
    "Well-Read Students Learn Better", arXiv 1908.08962.
    Layers of the teacher to begin with: V. Sanh et al., "DistilBERT, a distilled version of BERT", 1910.01108.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgetext.checkpoint import Checkpoint
from edgetext.errors import InputError, ModelError, first_line, needs_extra
from edgetext.foreign.answers import ask
from edgetext.foreign.check import CONFIG_FILE
from edgetext.foreign.clean_room import clean_room
from edgetext.foreign.load import Source, load_config
from edgetext.progress import Progress
from edgetext.train.base import BaseModel, load_tuned

if TYPE_CHECKING:
    from edgetext.data.example import Split
    from edgetext.task import FloatArray, Text

STEP = "teacher"  # what progress calls it while the teacher answers
_TRAINED = ("base_model", "base_location", "base_revision", "base_sha256")


@dataclass(frozen=True)
class Student:
    """What ``fit`` begins with in place of a base model: layers of a teacher, which then answers every text.

    Attributes:
        teacher: The fine-tuned model.
        layers: How many of its layers the student has: at least one, and fewer than all.
        unlabelled: Texts without labels that the student learns too, by the teacher's answers alone.
    """

    teacher: Checkpoint
    layers: int
    unlabelled: tuple[Text, ...] = ()


def kept_layers(count: int, layers: int) -> tuple[int, ...]:
    """Chooses which layers a student keeps, counted from 1: evenly spaced, the last one always.

    Args:
        count: How many the teacher has.
        layers: How many are kept, 1 to ``count``.
    """
    return tuple(place * count // layers for place in range(1, layers + 1))


def plan_layers(teacher: Checkpoint, layers: int) -> tuple[int, ...]:
    """Chooses the layers of a teacher that its student keeps, counted from 1; reads ``config.json`` alone.

    Raises:
        InputError: It is below 1, or not below the teacher's.
        ModelError: The teacher's architecture is unknown, or names no number of layers.
        MissingExtraError: transformers is not installed.
    """
    name = str(teacher.path)
    with clean_room(teacher.path) as room:
        count = _count(name, load_config(Source(name, str(room)), extra="train"))
    _refuse(name, count, layers)
    return kept_layers(count, layers)


def load_student(base: BaseModel, student: Student) -> tuple[Any, Any]:
    """Loads the teacher's tokenizer, and the teacher with some of its layers.

    Raises:
        ModelError: The teacher cannot be loaded, or no student can be made of its architecture.
    """
    tokenizer, model = load_tuned(base)
    return tokenizer, shrink(model, student.layers, str(student.teacher.path))


def shrink(model: Any, layers: int, name: str) -> Any:
    """Makes a model with some layers of another one and all else of it: embeddings, pooler, head.

    It is built anew from a config with fewer layers, so that whoever loads the student builds the same.

    Args:
        model: A classifier of transformers.
        layers: How many to keep.
        name: What messages call it.

    Raises:
        InputError: It has not more layers than that.
        ModelError: Its layers cannot be told, or a shorter model of its kind is built otherwise.
    """
    count = _count(name, model.config)
    _refuse(name, count, layers)
    stack, kept = _stack(model, count, name), kept_layers(count, layers)
    try:
        student = type(model)(_shorter(model.config, count, kept))
        loaded = student.load_state_dict(dict(_renamed(model.state_dict(), stack, kept)), strict=False)
    except Exception as error:  # what an architecture refuses in its config, and weights of other shapes
        raise _cannot(name, model, f"cannot be built with {layers} layers: {first_line(error)}") from error
    if loaded.missing_keys:
        raise _cannot(name, model, f"has other weights with {layers} layers, such as {loaded.missing_keys[0]}")
    return student


def teacher_logits(base: BaseModel, student: Student, split: Split, progress: Progress) -> dict[str, FloatArray]:
    """Asks the teacher about every text once.

    Returns:
        Float32 logits, shape (texts, labels), of ``train`` (the unlabelled texts last), ``validation``, ``test``.
    """
    import numpy as np

    tokenizer, model = load_tuned(base)
    parts: Mapping[str, Sequence[Text]] = {
        "train": (*(row.text for row in split.train), *student.unlabelled),
        "validation": [row.text for row in split.validation],
        "test": [row.text for row in split.test],
    }
    texts = [text for part in parts.values() for text in part]
    logits = ask(model, tokenizer, texts, student.teacher.max_length, progress, STEP)
    ends = np.cumsum([len(part) for part in parts.values()])
    return dict(zip(parts, np.split(logits, ends[:-1]), strict=True))


def teacher_record(student: Student, base: BaseModel) -> dict[str, Any]:
    """Says for ``training.json`` who the teacher was; what the teacher was made of is what the student is made of.

    Args:
        student: What was learned from whom.
        base: The teacher, as it was loaded.
    """
    teacher = student.teacher
    origin = {name: teacher.training.get(name) for name in _TRAINED}
    return {
        **origin,
        "base_model": teacher.base_model or teacher.path.name,
        "teacher": {
            "name": str(teacher.path),
            "sha256": base.sha256,
            "kept": list(plan_layers(teacher, student.layers)),
            "unlabelled": len(student.unlabelled),
        },
    }


def _refuse(name: str, count: int, layers: int) -> None:
    if not 1 <= layers < count:
        raise InputError(
            f"a student of {layers} layers cannot be made of {name}, which has {count}: "
            + (f"give --layers 1 to {count - 1}" if count > 1 else "a teacher needs two at least")
        )


def _count(name: str, config: Any) -> int:
    """Reads how many layers there are, by whatever name the architecture has for it (``attribute_map``)."""
    count = getattr(config, "num_hidden_layers", None)
    if type(count) is not int:
        raise ModelError(
            f"{name}: {CONFIG_FILE} of its architecture ({config.model_type}) names no number of layers"
        )
    return count


def _stack(model: Any, count: int, name: str) -> str:
    """Finds where the layers stand: the one list of modules, outside any other such list, that has their number."""
    with needs_extra("train"):
        from torch.nn import ModuleList
    found: list[str] = []
    for path, module in model.named_modules():
        inside = any(path.startswith(f"{outer}.") for outer in found)
        if isinstance(module, ModuleList) and len(module) == count and not inside:
            found.append(path)
    if len(found) != 1:
        raise _cannot(name, model, f"has {len(found)} stacks of {count} layers, expected one")
    return found[0]


def _cannot(name: str, model: Any, why: str) -> ModelError:
    return ModelError(
        f"{name}: no student can be made of it, since its architecture ({model.config.model_type}) {why}; "
        "fine-tune a smaller --base instead"
    )


def _shorter(config: Any, count: int, kept: Sequence[int]) -> Any:
    """Copies a config for fewer layers; lists that have an entry for each layer keep those of the layers kept."""
    shorter = deepcopy(config)
    for key, value in list(vars(shorter).items()):
        if isinstance(value, list | tuple) and len(value) == count and key != "architectures":
            setattr(shorter, key, type(value)(value[layer - 1] for layer in kept))
    shorter.num_hidden_layers = len(kept)
    return shorter


def _renamed(weights: Mapping[str, Any], stack: str, kept: Sequence[int]) -> Iterator[tuple[str, Any]]:
    """Yields the weights that a student keeps, by their names in it."""
    places = {str(layer - 1): str(place) for place, layer in enumerate(kept)}
    for name, value in weights.items():
        if not name.startswith(f"{stack}."):
            yield name, value
            continue
        layer, _, rest = name.removeprefix(f"{stack}.").partition(".")
        if layer in places:
            yield f"{stack}.{places[layer]}.{rest}", value
