"""What predictions cost: money for a million of them, from a price per hour and a measured rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgetext.bench.results import MEASURED, Row
from edgetext.errors import InputError

MILLION = 1_000_000


@dataclass(frozen=True)
class Cost:
    """What one row costs at a price.

    Attributes:
        name: Backend and variant.
        per_million: Price of a million predictions in batches, the machine busy all the time.
        per_million_singly: The same, one text at a time.
        installed_mb: 10^6 bytes that must be installed for it, edgetext left out; ``None`` where nobody looked.
        joules_per_text: By device, where the machine counts; else empty.
    """

    name: str
    per_million: float
    per_million_singly: float
    installed_mb: float | None
    joules_per_text: dict[str, float]


def cost_per_million(price_per_hour: float, per_s: float) -> float:
    """Gives the price of a million predictions on a machine that does nothing else and never waits.

    Args:
        price_per_hour: Of the machine, in any currency.
        per_s: Predictions per second.

    Raises:
        InputError: The price is negative or no number.
    """
    if not 0 <= price_per_hour < float("inf"):
        raise InputError(f"the price per hour must be a number of at least 0, found {price_per_hour}")
    return price_per_hour / 3600 / per_s * MILLION


def costs(rows: Sequence[Row], price_per_hour: float) -> tuple[Cost, ...]:
    """Gives what each measured row costs.

    Args:
        rows: Of a results file; those that were not measured are left out.
        price_per_hour: Of the machine, the same for all rows.

    Raises:
        InputError: The price is negative or no number.
    """
    return tuple(_cost(row, price_per_hour) for row in rows if row.status == MEASURED)


def _cost(row: Row, price_per_hour: float) -> Cost:
    if row.throughput_per_s is None or row.latency_ms is None:
        raise ValueError(f"{row.backend} {row.variant} is measured and has no figures")
    installed = row.about.get("installed_bytes")
    mean_ms = sum(row.latency_ms.samples) / len(row.latency_ms.samples)
    return Cost(
        name=f"{row.backend} {row.variant}",
        per_million=cost_per_million(price_per_hour, row.throughput_per_s.value),
        per_million_singly=cost_per_million(price_per_hour, 1000 / mean_ms),
        installed_mb=None if installed is None else sum(installed.values()) / 1e6,
        joules_per_text=dict(row.about.get("joules_per_text", {})),
    )
