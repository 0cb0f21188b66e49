"""``python -m edgetext`` is the same program as ``edgetext``."""

from edgetext.cli.main import entry

if __name__ == "__main__":
    entry()
