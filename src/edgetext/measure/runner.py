"""What a worker process measures: a runner, made by a factory that is named by its dotted path.

A runner is one program that turns texts, or pairs of texts, into labels, with its tokenizer inside.
``"package.module:factory"`` names a function that takes a JSON object (the spec) and gives a runner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from edgetext.errors import EdgetextError

if TYPE_CHECKING:  # it takes numpy, and no start of a program should pay for that
    from edgetext.task import Text

Labels: TypeAlias = tuple[str, ...]
"""What a text gets: its label, or those of any number that fit."""

PREDICTOR = "edgetext.measure.predictor:load"
"""The runner of a bundle's variant in edgetext's own predictor; ``predictor.PredictorRunner`` tells its spec."""

MODEL_ALONE = "model-alone"
"""Its mode that leaves a first stage out."""


class CannotMeasureError(EdgetextError):
    """This machine cannot run the program, and that is no fault: a device, package or instruction is missing."""


class NoDeviceError(CannotMeasureError):
    """The device is missing, for every program that would use it."""


class Runner(Protocol):
    """One program that turns texts into labels.

    One that has to be trained before it can answer tells how many seconds that took in an attribute
    ``preparation_s``: training is no part of a cold start. One that can tokenize a text by itself has a method
    ``tokenize(text)``, whose time is told apart; what it gives is not looked at. One that asks a first stage before
    its model tells in an attribute ``first`` whether that answered the last text given to ``one``.
    """

    def one(self, text: Text) -> Labels:
        """Labels one text, computed by itself."""

    def many(self, texts: Sequence[Text], batch: int) -> list[Labels]:
        """Labels many texts, in order, computed in batches of at most ``batch`` texts."""

    def about(self) -> Mapping[str, Any]:
        """Tells what a reader should know of the program, as JSON values: device name, threads, model bytes."""

    def close(self) -> None:
        """Lets go of what the program holds."""


def answers(runner: Runner, texts: Sequence[Text], batch: int) -> list[Labels]:
    """Labels all texts, in the order given, and predicts them in order of length: not for timing.

    Batches of texts that are alike in length hold little padding. In the order given they hold more of it than of
    text where lengths differ as those of short messages do, and most programs compute it.

    Raises:
        RuntimeError: The program gave fewer answers, or more, or one that is no tuple.
    """
    order = sorted(range(len(texts)), key=lambda index: sum(map(len, texts[index])))
    labels: list[Any] = list(runner.many([texts[index] for index in order], batch))
    if len(labels) != len(texts):
        raise RuntimeError(f"it gave {len(labels)} answers for {len(texts)} texts")
    if alone := next((given for given in labels if isinstance(given, str)), None):
        raise RuntimeError(f"it gave the label {alone!r:.60} by itself, and not a tuple of labels")
    by_index = dict(zip(order, labels, strict=True))
    return [by_index[index] for index in range(len(texts))]


def load_runner(path: str, spec: Mapping[str, Any]) -> Runner:
    """Makes the runner that a dotted path, ``"package.module:factory"``, names.

    Raises:
        CannotMeasureError: A package that the runner's module imports is not installed.
        ValueError: The path has no colon.
    """
    module, colon, name = path.partition(":")
    if not colon:
        raise ValueError(f"{path!r} is not of the form 'package.module:factory'")
    try:
        factory: Callable[[Mapping[str, Any]], Runner] = getattr(import_module(module), name)
        return factory(spec)
    except ModuleNotFoundError as error:
        from importlib.metadata import PackageNotFoundError  # slow, and no start of a program should pay for it

        if isinstance(error, PackageNotFoundError):  # a library's own check of what it needs
            raise CannotMeasureError(str(error.name)) from error
        if (error.name or "edgetext").partition(".")[0] == "edgetext":
            raise
        raise CannotMeasureError(f"the package {error.name!r} is not installed") from error
