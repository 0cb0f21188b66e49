"""How much a text's scores depend on its batch, for variants of one or more bundles.

Run it as::

    python benchmarks/batch_effect.py BUNDLE... --data DATA -o benchmarks/results/batch_effect.json

Each model is measured once, by the name of its scheme; ``DATA`` is labelled texts that no model was trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edgetext.data.load import load
from edgetext.export.drift import measure_drift
from edgetext.files import write_json
from edgetext.measure.environment import capture_environment
from edgetext.runtime.bundle import open_bundle
from edgetext.runtime.threads import usable_threads


def effects(bundles: list[Path], texts: list[str]) -> list[dict[str, Any]]:
    """Measures the effect of the batch on each scheme that the bundles hold."""
    found: dict[str, dict[str, Any]] = {}
    for bundle in bundles:
        for variant in open_bundle(bundle).manifest.variants:
            if variant.scheme not in found:
                found[variant.scheme] = {
                    "scheme": variant.scheme,
                    **measure_drift(bundle, variant.name, texts).to_json(),
                }
    return list(found.values())


def main() -> None:
    """Measures what the command line names, and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE")
    parser.add_argument("--data", required=True)
    parser.add_argument("--name", help="what to call the data (default: by its file)")
    parser.add_argument("--text-column")
    parser.add_argument("--label-column")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    data = load(arguments.data, text_column=arguments.text_column, label_column=arguments.label_column)
    texts = [example.text for example in data.examples]
    threads = usable_threads()
    document = {
        "environment": capture_environment(threads),
        "data": {"name": arguments.name or data.name, "fingerprint": data.source.fingerprint, "rows": len(texts)},
        "schemes": effects(arguments.bundles, texts),
    }
    write_json(arguments.output, document)


if __name__ == "__main__":
    main()
