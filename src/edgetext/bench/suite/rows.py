"""Which rows the suite has: what the given models allow."""

from __future__ import annotations

import pytest

from edgetext.bench.plan import RowPlan, plan_rows
from edgetext.bench.registry import choose_backends
from edgetext.checkpoint import open_checkpoint
from edgetext.errors import EdgetextError
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.threads import usable_threads

PLANS = pytest.StashKey[tuple[RowPlan, ...]]()


def plan_suite(config: pytest.Config) -> None:
    """Keeps the rows with the configuration, before anything is collected.

    Args:
        config: With the suite's options.

    Raises:
        UsageError: There is no model, or one cannot be opened.
    """
    bundle, checkpoint, names = (config.getoption(name) for name in ("bundle", "checkpoint", "backends"))
    if bundle is None and checkpoint is None:
        raise pytest.UsageError("give --bundle, --checkpoint or both: there is nothing to measure")
    try:
        config.stash[PLANS] = plan_rows(
            open_bundle(bundle) if bundle else None,
            open_checkpoint(checkpoint) if checkpoint else None,
            choose_backends(names.split(",") if names else None),
            config.getoption("threads") or usable_threads(),
        )
    except EdgetextError as error:
        raise pytest.UsageError(str(error)) from None
