"""``edgetext demo BUNDLE``: a page to try a bundle in the browser."""

from __future__ import annotations

import argparse
from pathlib import Path
from socket import socket

from edgetext.cli.arguments import add_bundle, add_variant
from edgetext.escape import terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_bundle(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860 on)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that the page may be opened under, such as that of a proxy; may be given several times",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="a report of 'edgetext bench' to show (default: the folder report beside the bundle, if there is one)",
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in the browser")
    add_variant(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serves the page until it is interrupted."""
    from edgetext.runtime.bundle import open_bundle
    from edgetext.serve.listening import listen
    from edgetext.serve.report_tab import find_report

    bundle = open_bundle(arguments.bundle)
    report = find_report(bundle.path, arguments.report)
    with listen(arguments.host, arguments.port) as listening:
        return _serve(arguments, listening, report)


def _serve(arguments: argparse.Namespace, listening: socket, report: bytes | None) -> int:
    from edgetext.runtime.predictor import Predictor
    from edgetext.serve.demo import start
    from edgetext.stopping import stop_if_told, undisturbed

    with Predictor(arguments.bundle, variant=arguments.variant) as classify:
        page = start(
            classify,
            host=arguments.host,
            names=arguments.allow_host,
            browser=not arguments.no_browser,
            listening=listening,
            report=report,
        )
        try:
            stop_if_told()  # a library may have swallowed a signal while it was imported
            print(f"{page.url} shows {terminal(str(arguments.bundle))}; stop it with Ctrl-C", flush=True)
            page.wait()
        finally:
            with undisturbed():  # a second Ctrl-C would leave the temporary folder
                page.close()
    return 0
