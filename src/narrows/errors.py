"""Every error that Narrows raises on purpose, apart from ``ValueError`` for a wrong argument.

    NarrowsError
    ├── UnreadableImage   one picture cannot be read: skip it, go on
    ├── NoImages          a source holds no picture that can be used
    ├── Unavailable       a data set or an optional package is not on this machine
    ├── BadFile           a model, recipe, checkpoint or packed file is damaged, foreign or newer
    ├── RunExists         the run folder already holds a run: resume it, or name another
    ├── Diverged          training left the finite numbers; the last good weights are kept
    ├── ProcessLost       another process that trains with this one is gone
    └── Interrupted       Ctrl-C or a request to stop: the run is checkpointed and can be resumed

Each message is one sentence that says what was wanted, what was found and what to do.
"""

from __future__ import annotations

__all__ = [
    "BadFile",
    "Diverged",
    "Interrupted",
    "NarrowsError",
    "NoImages",
    "ProcessLost",
    "RunExists",
    "Unavailable",
    "UnreadableImage",
]


class NarrowsError(Exception):
    """The root: catching it catches everything that Narrows refuses.

    As text it is one line, in which what a file or its name holds of control characters is written out.

    Attributes:
        said_elsewhere: whether another process, which failed by the same error, says it.
    """

    said_elsewhere: bool = False

    def __str__(self) -> str:
        text = super().__str__()
        if text.isprintable():
            return text
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))


class UnreadableImage(NarrowsError):
    """A picture cannot be decoded, or is refused before it is (too large, no pixels)."""


class NoImages(NarrowsError):
    """A folder, an array or a set holds nothing to work with."""


class Unavailable(NarrowsError):
    """A named set or an optional package is missing; the message says how to get it."""


class BadFile(NarrowsError):
    """A file of ours cannot be trusted: truncated, damaged, foreign, or from a newer version."""


class RunExists(NarrowsError):
    """The folder given for a new run already holds one."""


class Diverged(NarrowsError):
    """A loss became NaN or infinite; training stopped and the last good weights stay on disk."""


class ProcessLost(NarrowsError):
    """Another process of a training of several ended, or no longer answers; what is on disk stays good."""


class Interrupted(NarrowsError):
    """Training was asked to stop, finished its step and wrote a checkpoint.

    Attributes:
        signal: that asked for it (SIGINT, SIGTERM, SIGHUP); None where a thread did.
    """

    def __init__(self, message: str, signal: int | None = None) -> None:
        super().__init__(message)
        self.signal = signal
