"""The flags of ``edgetext bench`` that concern MLPerf's scenarios, money and machines."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgetext.errors import InputError

if TYPE_CHECKING:
    from edgetext.bench.cost import Capacity, Cost
    from edgetext.bench.results import Results
    from edgetext.cli.console import Console


def add_scenario_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags."""
    parser.add_argument(
        "--scenarios",
        metavar="A,B",
        help="put each row through single_stream, offline, server of MLPerf's LoadGen as well (default: none)",
    )
    parser.add_argument(
        "--duration",
        dest="scenario_seconds",
        type=float,
        default=3.0,
        metavar="S",
        help="seconds of one LoadGen test (default: 3, no MLPerf-compliant duration)",
    )
    parser.add_argument(
        "--p99-bound",
        dest="p99_bound_ms",
        type=float,
        default=50.0,
        metavar="MS",
        help="what 99 in 100 queries of server must keep (default: 50)",
    )
    parser.add_argument(
        "--price-per-hour", type=float, metavar="N", help="print what a million predictions cost on this machine"
    )
    parser.add_argument(
        "--requests-per-s",
        metavar="A,B",
        help="print how many machines so many requests need; after --scenarios single_stream,server",
    )


def checked_scenarios(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Returns the scenarios that were asked for, before minutes are spent on what cannot be printed in the end.

    Raises:
        InputError: There is no scenario of that name, or the tables that are asked for cannot come of the figures.
        MissingExtraError: LoadGen is not installed.
    """
    from edgetext.bench.cost import check_loads, cost_per_million
    from edgetext.bench.scenarios import choose_scenarios

    scenarios = choose_scenarios(arguments.scenarios)
    if arguments.price_per_hour is not None:
        cost_per_million(arguments.price_per_hour, 1.0)
    if arguments.requests_per_s is not None:
        check_loads(_numbers(arguments.requests_per_s))
        if not {"single_stream", "server"} <= {*scenarios}:
            raise InputError("--requests-per-s needs --scenarios single_stream,server")
    return scenarios


def print_costs(arguments: argparse.Namespace, results: Results, console: Console) -> None:
    """Prints the tables that the flags ask for, below the results.

    Raises:
        InputError: A price or a rate is no number that makes sense, or no row tells a capacity.
    """
    if arguments.price_per_hour is not None:
        from edgetext.bench.cost import costs

        found = costs(results.rows, arguments.price_per_hour)
        title = f"A million predictions at {arguments.price_per_hour:g} an hour"
        console.table(title, ["", "in batches", "one by one", "installed MB", "joules a text"], _cost_rows(found))
    if arguments.requests_per_s is not None:
        from edgetext.bench.cost import capacities

        table = _capacity_rows(capacities(results.rows, _numbers(arguments.requests_per_s)))
        console.table("Machines", ["", "requests/s", "p99 ms", "dealt at random", "one line, Erlang C"], table)


def _cost_rows(found: Sequence[Cost]) -> list[list[str]]:
    return [
        [
            cost.name,
            f"{cost.per_million:.3g}",
            f"{cost.per_million_singly:.3g}",
            "–" if cost.installed_mb is None else f"{cost.installed_mb:.0f}",
            ", ".join(f"{device} {joules:.3g}" for device, joules in cost.joules_per_text.items()) or "–",
        ]
        for cost in found
    ]


def _capacity_rows(found: Sequence[Capacity]) -> list[list[str]]:
    return [
        [one.name, f"{one.per_s:g}", f"{one.bound_ms:g}", str(one.split or "–"), str(one.shared or "–")]
        for one in found
    ]


def _numbers(words: str) -> list[float]:
    try:
        return [float(word) for word in words.split(",")]
    except ValueError:
        raise InputError(f"--requests-per-s takes numbers separated by commas, found {words!r}") from None
