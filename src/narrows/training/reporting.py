"""What a person sees while a model trains: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

__all__ = ["Lines", "Quiet", "Reporter", "TerminalBar", "reporter"]


class Reporter(Protocol):
    """Told what happens; it changes nothing about it."""

    def say(self, text: str) -> None:
        """One sentence, such as the device that was chosen."""
        ...

    def begin(self, steps: int, done: int, batch_size: int, epochs: float) -> None:
        """A phase of ``steps`` steps begins at step ``done``."""
        ...

    def step(self, done: int, loss: float) -> None:
        """Step ``done`` is finished; ``loss`` is a recent one."""
        ...

    def epoch(self, record: dict[str, Any]) -> None:
        """A line of metrics was written."""
        ...

    def end(self) -> None:
        """The phase is over, one way or the other."""
        ...


class Quiet:
    """Says nothing."""

    def say(self, text: str) -> None:
        """Nothing."""

    def begin(self, steps: int, done: int, batch_size: int, epochs: float) -> None:
        """Nothing."""

    def step(self, done: int, loss: float) -> None:
        """Nothing."""

    def epoch(self, record: dict[str, Any]) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


def _summary(record: dict[str, Any], epochs: float) -> str:
    pieces = [f"epoch {record['epoch']:g}/{epochs:g}", f"loss {record['loss']:.2f}"]
    if "kl" in record:
        pieces.append(f"kl {record['kl']:.2f}")
    if "validation_loss" in record:
        best = " (best)" if record.get("best") else ""
        pieces.append(f"validation {record['validation_loss']:.2f}{best}")
    pieces.append(f"{record['images_per_second']:,.0f} pictures/s")
    return "  ".join(pieces)


class Lines(Quiet):
    """A plain line per epoch, for logs; at most one every few seconds, and the last."""

    def __init__(self, every: float = 2.0) -> None:
        self.every = every
        self._said = float("-inf")
        self._held = ""
        self._epochs = 0.0

    def say(self, text: str) -> None:
        """Print it."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, steps: int, done: int, batch_size: int, epochs: float) -> None:
        """Remember how many epochs there will be."""
        self._epochs = epochs

    def epoch(self, record: dict[str, Any]) -> None:
        """Print the record, unless one was printed just now."""
        self._held = _summary(record, self._epochs)
        if time.monotonic() - self._said >= self.every:
            self.end()

    def end(self) -> None:
        """Print what was held back."""
        if self._held:
            self.say(self._held)
            self._said, self._held = time.monotonic(), ""


class TerminalBar:
    """A bar with pictures per second, time left and the loss (rich)."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._bar: Any = None
        self._task: Any = None
        self._epochs = 0.0
        self._batch = 1
        self._drawn = 0.0
        self._tail = ""

    def say(self, text: str) -> None:
        """Print it above the bar."""
        self._console.print(text)

    def begin(self, steps: int, done: int, batch_size: int, epochs: float) -> None:
        """Draw the bar."""
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._epochs, self._batch = epochs, batch_size
        self._first, self._began = done, time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=self._console,
            refresh_per_second=5,
        )
        self._bar.start()
        self._task = self._bar.add_task("training", total=steps, completed=done, numbers="")

    def step(self, done: int, loss: float) -> None:
        """Move the bar, at most five times a second."""
        now = time.monotonic()
        if now - self._drawn < 0.2:
            return
        self._drawn = now
        speed = (done - self._first) * self._batch / max(now - self._began, 1e-9)
        numbers = f"loss {loss:.2f}{self._tail}  {speed:,.0f} pictures/s"
        self._bar.update(self._task, completed=done, numbers=numbers)

    def epoch(self, record: dict[str, Any]) -> None:
        """Show the epoch and the validation."""
        self._bar.update(self._task, description=f"epoch {record['epoch']:g}/{self._epochs:g}")
        if "validation_loss" in record:
            self._tail = f"  validation {record['validation_loss']:.2f}"

    def end(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()
            self._bar = None


def reporter(kind: str = "auto") -> Reporter:
    """``auto`` (a bar on a terminal, else lines), ``bar``, ``lines`` or ``quiet``."""
    if kind == "auto":
        kind = "bar" if sys.stderr.isatty() else "lines"
    makers = {"bar": TerminalBar, "lines": Lines, "quiet": Quiet}
    if kind not in makers:
        raise ValueError(f"report must be auto, {', '.join(makers)}; we got {kind!r}")
    chosen: Reporter = makers[kind]()
    return chosen
