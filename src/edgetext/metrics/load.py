"""Loads the metric modules that ship inside the package; ``evaluate`` runs them, and no network is needed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

from edgetext.errors import InputError, needs_extra


@cache
def load_metric(name: str, configuration: str = "default") -> Any:
    """Loads ``accuracy``, ``f1``, ``precision`` or ``recall`` as an ``evaluate.Metric``.

    It is made from the class itself. ``evaluate.load`` would first copy the source into a cache, which a home that
    cannot be written does not have; and a metric wants a folder, even one that computes in memory.

    Args:
        name: Of the metric.
        configuration: ``multilabel`` takes 0 or 1 for each class in place of a class index; accuracy has no such.

    Raises:
        MissingExtraError: ``evaluate`` is not installed.
        InputError: There is no temporary folder that can be written.
    """
    with needs_extra("train"):
        module = import_module(f"edgetext.metrics.modules.{name}.{name}")
    try:
        with TemporaryDirectory(prefix="edgetext-", ignore_cleanup_errors=True) as folder:
            metric = getattr(module, name.capitalize())
            return metric(config_name=configuration, keep_in_memory=True, cache_dir=folder)
    except OSError as error:
        raise InputError(f"a temporary folder is needed, and cannot be written: {error.strerror}") from error
