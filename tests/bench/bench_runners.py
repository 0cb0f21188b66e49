"""Runners for the tests of the bench: they know the label of a text by its last word."""

import os
import signal
import time
from pathlib import Path


class LastWord:
    def __init__(self, spec):
        self.spec = spec

    def one(self, text):
        return (text.split()[-1],)

    def many(self, texts, batch):
        return [self.one(text) for text in texts]

    def about(self):
        return {"model_bytes": 1234, "device_name": "fake"}

    def close(self):
        pass


class Wrong(LastWord):
    """Is wrong about texts that say so."""

    def one(self, text):
        return ("other",) if "hard" in text else super().one(text)


class Staged(LastWord):
    """Has a first stage, which leaves to the model what is hard."""

    first = False

    def one(self, text):
        self.first = "hard" not in text
        return super().one(text)


class EveryWord(LastWord):
    """Gives a text all of its words that are labels."""

    def one(self, text):
        return tuple(word for word in text.split() if word in self.spec["task"]["labels"])


class Forgetful(EveryWord):
    """Forgets the labels of texts that say so, and gives one that nobody knows."""

    def one(self, text):
        return ("other",) if "hard" in text else super().one(text)


class Interrupting(LastWord):
    """Hangs in bulk work, as long as a user would wait before pressing Ctrl-C."""

    def many(self, texts, batch):
        time.sleep(600)


class Counting(LastWord):
    """Counts its bulk work over all of its processes, in a file.

    That is all texts, then a warm-up and a trial, then a warm-up and two slices a turn.
    """

    def many(self, texts, batch):
        counted = Path(self.spec["model"]) / type(self).__name__
        with counted.open("ab") as file:
            file.write(b".")
        self.reached(counted.stat().st_size)
        return super().many(texts, batch)


class Crashing(Counting):
    """Works until its second round."""

    def reached(self, calls):
        if calls > 6:
            os._exit(7)


class PressingCtrlC(Counting):
    """Presses Ctrl-C for the user in the first slice of its second turn, and does not answer."""

    def reached(self, calls):
        if calls > 6:
            os.kill(os.getppid(), signal.SIGINT)
            time.sleep(600)


def unable(spec):
    from edgetext.measure.runner import NoDeviceError

    raise NoDeviceError("no CUDA device on this machine")
