"""Runners for the tests of the worker: well-behaved, loud, crashing, hanging, failing, and one that takes notes."""

import os
import time
from pathlib import Path


class Length:
    """Labels a text by its length."""

    def __init__(self, spec):
        self.spec = spec

    def one(self, text):
        return (str(len(text)),)

    def many(self, texts, batch):
        return [self.one(text) for text in texts]

    def about(self):
        return {"threads": os.environ["OMP_NUM_THREADS"], "spec": self.spec}

    def close(self):
        pass


class Loud(Length):
    def one(self, text):
        print('{"label": "this is no answer"}', flush=True)
        os.write(1, b"nor is this\n")
        return super().one(text)


class Crashing(Length):
    def many(self, texts, batch):
        os.write(2, b"first line\nthe last words\n")
        os._exit(3)


class Killed(Length):
    def many(self, texts, batch):
        os.kill(os.getpid(), 9)


class Hanging(Length):
    def many(self, texts, batch):
        time.sleep(600)


class Raising(Length):
    def many(self, texts, batch):
        raise ValueError("the batch is odd\nand this is a detail")


class Forgetful(Length):
    def many(self, texts, batch):
        return [("1",)]


class Slow(Length):
    """Takes 20 ms a text and notes when."""

    def one(self, text):
        begin = time.monotonic()
        time.sleep(0.02)
        with Path(self.spec["notes"]).open("a") as notes:
            notes.write(f"{begin} {time.monotonic()}\n")
        return super().one(text)


class Hoarder(Length):
    """Holds 50 MB for a moment."""

    def one(self, text):
        return (super().one(text)[0] + str(len(bytearray(os.urandom(1) * 50_000_000)))[:0],)


class Trained(Length):
    """Takes 200 ms to be made ready, and says so."""

    def __init__(self, spec):
        super().__init__(spec)
        time.sleep(0.2)
        self.preparation_s = 0.2


def unable(spec):
    from edgetext.measure.runner import NoDeviceError

    raise NoDeviceError("no CUDA device on this machine")


def not_installed(spec):
    import a_package_that_nobody_has  # noqa: F401
