"""``edgetext serve BUNDLE...``: an HTTP service that classifies texts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edgetext.cli.arguments import add_variant, settings_of

if TYPE_CHECKING:
    from edgetext.serve.settings import ServiceSettings

_PORT = 8000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "bundles",
        nargs="+",
        metavar="BUNDLE",
        help="bundle, named after its folder, or NAME=BUNDLE; the first answers what names none",
    )
    _add_listening(parser)
    _add_answering(parser)
    _add_limits(parser)
    parser.add_argument("--log-texts", action="store_true", help="write the texts into the log too")


def _add_listening(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=_PORT, help=f"port; 0 for any that is free (default: {_PORT})")
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes that share the socket and the mapped weights"
    )
    parser.add_argument(
        "--allow-host",
        dest="names",
        action="append",
        default=[],
        metavar="NAME",
        help="a name that the service goes by, such as that of a proxy; may be given several times; '*' for any",
    )
    parser.add_argument(
        "--api-keys",
        dest="keys_file",
        metavar="FILE",
        help="keys, one a line, of which a request must bring one; also EDGETEXT_API_KEYS",
    )
    parser.add_argument(
        "--tls-cert", dest="certificate", metavar="FILE", help="certificate in PEM: the service speaks HTTPS"
    )
    parser.add_argument("--tls-key", dest="private_key", metavar="FILE", help="private key of the certificate")


def _add_answering(parser: argparse.ArgumentParser) -> None:
    add_variant(parser)
    parser.add_argument(
        "--profile",
        choices=["latency", "throughput", "background"],
        default="throughput",
        help="see docs/runtime.md",
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="threads of a worker (default: all that may be used, shared out)"
    )
    parser.add_argument("--truncation", choices=["head", "head_tail", "windows"], default="head")
    parser.add_argument("--min-confidence", type=float, metavar="P", help="answers below P, 0 to 1, are not 'sure'")
    parser.add_argument(
        "--deterministic", action="store_true", help="the same scores for a text whatever else is in its batch"
    )
    parser.add_argument("--no-first-stage", dest="first_stage", action="store_const", const="off", default="auto")
    parser.add_argument("--no-verify", dest="verify", action="store_false", help="do not compare checksums")


def _add_limits(parser: argparse.ArgumentParser) -> None:
    from edgetext.serve.settings import Batching, Limits

    batching, limits = Batching(), Limits()
    for option, name, default, told in (
        (
            "--queue",
            "queue",
            batching.queue,
            "texts that may wait, in each worker; when they do, the answer is 503",
        ),
        ("--batch", "batch", batching.batch, "the most texts in a batch"),
        ("--max-wait-ms", "wait_ms", batching.wait_ms, "how long a batch that could begin waits for more texts"),
        ("--max-body", "body_bytes", limits.body_bytes, "the most bytes of a body"),
        ("--max-texts", "texts", limits.texts, "the most texts of a request"),
        ("--max-characters", "characters", limits.characters, "the most characters of a text"),
        ("--read-timeout", "read_s", limits.read_s, "seconds that a request may take to come"),
        ("--drain-timeout", "drain_s", limits.drain_s, "seconds for what was taken, once told to stop"),
    ):
        kind = int if name in ("queue", "batch", "body_bytes", "texts", "characters") else float
        parser.add_argument(
            option, dest=name, type=kind, default=default, metavar="N", help=f"{told} (default: {default:g})"
        )


def run(arguments: argparse.Namespace) -> int:
    """Serves until it is told to stop."""
    from edgetext.errors import check_extra
    from edgetext.runtime.bundle import open_bundle
    from edgetext.serve.listening import listen

    check_extra("serve")
    settings = _settings(arguments)
    for _, path in settings.bundles:
        open_bundle(path)
    with listen(arguments.host, arguments.port) as listening:
        from edgetext.serve.workers import serve

        return serve(settings, listening)


def _settings(arguments: argparse.Namespace) -> ServiceSettings:
    from edgetext.serve.settings import Access, Answering, Batching, Limits, ServiceSettings, named

    return ServiceSettings(
        bundles=named(arguments.bundles),
        answering=settings_of(Answering, arguments),
        batching=settings_of(Batching, arguments),
        limits=settings_of(Limits, arguments),
        access=settings_of(Access, arguments, names=tuple(arguments.names)),
        log_texts=arguments.log_texts,
        workers=arguments.workers,
    )
