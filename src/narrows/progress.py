"""How long something takes: a bar on a terminal or in a notebook, or a caller's own function.

A verb takes ``progress``: None shows a bar where somebody can see it, else a line every ten seconds;
False shows nothing; a function is called with (stage, done, total), such as ``("scoring", 120, 562)``.

    >>> with stage(lambda *said: print(said), "scoring") as step:
    ...     step(1, 2)
    ('scoring', 1, 2)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

__all__ = ["Progress", "Step", "stage", "within"]

Step = Callable[[int, int], None]
Progress = Callable[[str, int, int], None] | Literal[False] | None


@contextmanager
def stage(progress: Progress, title: str) -> Iterator[Step]:
    """One stage of a verb: gives a function to call with (done, total)."""
    if callable(progress):
        told = progress
        yield lambda done, total: told(title, done, total)
        return
    bar: _Bar | None = None
    if progress is None:
        bar = (
            _Terminal(title)
            if sys.stderr.isatty()
            else _Notebook(title)
            if _in_notebook()
            else _Lines(title)
        )
    if bar is None:
        yield lambda done, total: None
        return
    try:
        yield bar.step
    finally:
        bar.end()


def within(step: Step, before: int, total: int) -> Step:
    """What a part of a stage tells of itself, as a share of the whole: ``before`` were done when it began."""
    return lambda done, _: step(before + done, total)


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this process."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None else None
    return running is not None and hasattr(running, "kernel")


class _Bar:
    """What a stage moves."""

    def __init__(self, title: str) -> None:
        self.title = title

    def step(self, done: int, total: int) -> None:
        """``done`` of ``total`` are done."""

    def end(self) -> None:
        """Nothing more comes."""


class _Terminal(_Bar):
    """Rich's bar, with the time that is left."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        from rich.console import Console
        from rich.progress import Progress as Bar

        # at once: the first step may take minutes
        self._bar = Bar(console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(title, total=None)

    def step(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)

    def end(self) -> None:
        self._bar.stop()


class _Lines(_Bar):
    """A line on standard error every ten seconds, where there is no terminal: a log is not silent."""

    EVERY = 10.0

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._began = self._said = time.monotonic()

    def step(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._said < self.EVERY or done >= total:
            return
        self._said = now
        left = (now - self._began) / max(done, 1) * (total - done)
        text = f"{self.title}: {done:,} of {total:,}, {left:.0f} s left"
        print(text, file=sys.stderr, flush=True)


class _Notebook(_Bar):
    """A line that is written over, at most twice a second."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._began = time.monotonic()
        self._shown = 0.0

    def step(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._shown < 0.5 and done < total:
            return
        self._shown = now
        left = (now - self._began) / max(done, 1) * (total - done)
        text = f"{self.title}: {done:,} of {total:,}, {left:.0f} s left"
        print(f"\r{text:<60}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown:
            print(f"\r{'':<60}\r", end="", file=sys.stderr, flush=True)
