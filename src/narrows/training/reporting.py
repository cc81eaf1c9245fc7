"""What a person sees while a model trains: a progress bar on a terminal and in a notebook, else lines."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import Unavailable
from ..processes import number

if TYPE_CHECKING:
    from .length import Length

__all__ = [
    "Lines",
    "NotebookBar",
    "Quiet",
    "Reporter",
    "Several",
    "TensorBoard",
    "TerminalBar",
    "Unfailing",
    "in_notebook",
    "reporter",
]


class Reporter(Protocol):
    """Told what happens; it changes nothing about it."""

    def say(self, text: str) -> None:
        """One sentence, such as the device that was chosen."""
        ...

    def begin(self, length: Length, done: int) -> None:
        """A phase begins at step ``done``; its ``length`` moves where it ends by the clock."""
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

    def begin(self, length: Length, done: int) -> None:
        """Nothing."""

    def step(self, done: int, loss: float) -> None:
        """Nothing."""

    def epoch(self, record: dict[str, Any]) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


def _passes(epochs: float) -> str:
    """``1.4``, ``72.7``, ``300``: where a phase is judged by steps, epochs are no whole numbers."""
    return f"{epochs:.0f}" if epochs >= 100 else f"{round(epochs, 1):g}"


def _epoch(record: dict[str, Any], length: Length) -> str:
    """``epoch 3/20``; of a phase that ends by the clock, as many as it seems to come to."""
    done = record["epoch"]
    if length.seconds is not None and not done:
        return "epoch 0"  # nothing is known of its speed yet
    return f"epoch {_passes(done)}/{_passes(max(length.epochs, done))}"


def _summary(record: dict[str, Any], length: Length) -> str:
    pieces = [_epoch(record, length), f"loss {record['loss']:.2f}"]
    if "kl" in record:
        pieces.append(f"kl {record['kl']:.2f}")
    if "validation_loss" in record:
        best = " (best)" if record.get("best") else ""
        pieces.append(f"validation {record['validation_loss']:.2f}{best}")
    pieces.append(f"{record['images_per_second']:,.0f} pictures/s")
    return "  ".join(pieces)


class Lines(Quiet):
    """A plain line per epoch, for logs; at most one every few seconds, and the last."""

    _length: Length  # of the phase that has begun

    def __init__(self, every: float = 2.0) -> None:
        self.every = every
        self._said = float("-inf")
        self._held = ""

    def say(self, text: str) -> None:
        """Print it."""
        print(text, file=sys.stderr, flush=True)

    def begin(self, length: Length, done: int) -> None:
        """Remember how many epochs there will be."""
        self._length = length

    def epoch(self, record: dict[str, Any]) -> None:
        """Print the record, unless one was printed just now."""
        self._held = _summary(record, self._length)
        if time.monotonic() - self._said >= self.every:
            self.end()

    def end(self) -> None:
        """Print what was held back."""
        if self._held:
            self.say(self._held)
            self._said, self._held = time.monotonic(), ""


class TerminalBar:
    """A bar with pictures per second, time left and the loss (rich)."""

    _length: Length  # of the phase that has begun

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._bar: Any = None
        self._task: Any = None
        self._drawn = 0.0
        self._tail = ""

    def say(self, text: str) -> None:
        """Print it above the bar."""
        self._console.print(text)

    def begin(self, length: Length, done: int) -> None:
        """Draw the bar."""
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._length = length
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
        self._task = self._bar.add_task("training", total=length.steps, completed=done, numbers="")

    def step(self, done: int, loss: float) -> None:
        """Move the bar, at most five times a second."""
        now = time.monotonic()
        if now - self._drawn < 0.2:
            return
        self._drawn = now
        length = self._length
        speed = (done - self._first) * length.batch_size / max(now - self._began, 1e-9)
        numbers = f"loss {loss:.2f}{self._tail}  {speed:,.0f} pictures/s"
        self._bar.update(self._task, total=length.steps, completed=done, numbers=numbers)

    def epoch(self, record: dict[str, Any]) -> None:
        """Show the epoch and the validation."""
        self._bar.update(self._task, description=_epoch(record, self._length))
        if "validation_loss" in record:
            self._tail = f"  validation {record['validation_loss']:.2f}"

    def end(self) -> None:
        """Leave the bar as it stands."""
        if self._bar is not None:
            self._bar.refresh()
            self._bar.stop()
            self._bar = None


class NotebookBar(Quiet):
    """A line of text that is written over and over, for notebooks: a bar, the time left and the loss."""

    _length: Length  # of the phase that has begun

    def __init__(self, every: float = 0.5) -> None:
        self.every = every
        self._first = self._done = 0
        self._began = self._drawn = 0.0
        self._width = 0
        self._loss = self._head = self._tail = ""

    def say(self, text: str) -> None:
        """Print it on a line of its own."""
        self._write(f"{text}\n")

    def begin(self, length: Length, done: int) -> None:
        """Start the bar."""
        self._length, self._first, self._done = length, done, done
        self._began, self._loss, self._head, self._tail = time.monotonic(), "", "", ""

    def step(self, done: int, loss: float) -> None:
        """Move the bar, at most twice a second."""
        self._done, self._loss = done, f"  loss {loss:.2f}"
        if time.monotonic() - self._drawn >= self.every:
            self._draw()

    def epoch(self, record: dict[str, Any]) -> None:
        """Remember the epoch and the validation for the next time."""
        self._head = f"{_epoch(record, self._length)}  "
        if "validation_loss" in record:
            self._tail = f"  validation {record['validation_loss']:.2f}"

    def end(self) -> None:
        """Leave the bar as it stands."""
        self._draw()
        self._write("\n", over=False)

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        took, steps = self._drawn - self._began, self._done - self._first
        speed = steps / max(took, 1e-9)
        length = self._length
        share = min(1.0, self._done / max(length.steps, 1))
        left = f"  {(length.steps - self._done) / speed:,.0f} s left" if steps else ""
        bar = "█" * round(20 * share) + "·" * (20 - round(20 * share))
        pictures = f"  {speed * length.batch_size:,.0f} pictures/s"
        self._write(f"{self._head}{bar} {share:4.0%}{left}{self._loss}{self._tail}{pictures}")

    def _write(self, text: str, over: bool = True) -> None:
        cleared = f"\r{' ' * self._width}\r" if over and self._width else ""
        print(cleared + text, end="", flush=True)
        self._width = 0 if text.endswith("\n") else len(text)


class TensorBoard(Quiet):
    """Writes each epoch's numbers to a folder that TensorBoard reads (needs the extra of that name).

    Raises:
        Unavailable: it is not installed.
    """

    def __init__(self, folder: Path | str) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise Unavailable(
                "TensorBoard is not installed; run pip install 'narrows[tensorboard]'"
            ) from error
        self._writer = SummaryWriter(str(folder))

    def epoch(self, record: dict[str, Any]) -> None:
        """A scalar for each number, at its step."""
        for name, value in record.items():
            self._writer.add_scalar(name, value, record["step"])

    def end(self) -> None:
        """Put what was written on disk; a later phase opens another file."""
        self._writer.close()


class Several:
    """Several reporters as one."""

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self.reporters = reporters

    def say(self, text: str) -> None:
        """Each says it."""
        for one in self.reporters:
            one.say(text)

    def begin(self, length: Length, done: int) -> None:
        """Each begins."""
        for one in self.reporters:
            one.begin(length, done)

    def step(self, done: int, loss: float) -> None:
        """Each makes the step."""
        for one in self.reporters:
            one.step(done, loss)

    def epoch(self, record: dict[str, Any]) -> None:
        """Each gets the record."""
        for one in self.reporters:
            one.epoch(record)

    def end(self) -> None:
        """Each ends."""
        for one in self.reporters:
            one.end()


class Unfailing:
    """Tells a reporter, and goes on where it cannot write: a training outlives its terminal and its log."""

    def __init__(self, told: Reporter) -> None:
        self.told = told

    def say(self, text: str) -> None:
        """Say it, if that can be."""
        with contextlib.suppress(OSError):
            self.told.say(text)

    def begin(self, length: Length, done: int) -> None:
        """Begin, if that can be."""
        with contextlib.suppress(OSError):
            self.told.begin(length, done)

    def step(self, done: int, loss: float) -> None:
        """Step, if that can be."""
        with contextlib.suppress(OSError):
            self.told.step(done, loss)

    def epoch(self, record: dict[str, Any]) -> None:
        """Hand the record on, if that can be."""
        with contextlib.suppress(OSError):
            self.told.epoch(record)

    def end(self) -> None:
        """End, if that can be."""
        with contextlib.suppress(OSError):
            self.told.end()


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this, which shows no terminal's bars."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def reporter(wanted: str | Reporter | Sequence[str | Reporter] = "auto") -> Reporter:
    """A reporter by its kind, as it is, or several as one.

    Args:
        wanted: ``auto`` (a bar in a notebook and on a terminal, else lines), ``bar``, ``lines``,
            ``quiet``, a reporter, or several of these.

    Of several processes that train as one only the first is told anything.

    Raises:
        ValueError: there is no such kind.
    """
    if number() > 0:
        return Quiet()
    if isinstance(wanted, (list, tuple)):
        return Several([reporter(one) for one in wanted])
    if not isinstance(wanted, str):
        return wanted  # type: ignore[return-value]
    notebook = in_notebook()
    kind = wanted
    if kind == "auto":
        kind = "bar" if notebook or sys.stderr.isatty() else "lines"
    makers = {"bar": NotebookBar if notebook else TerminalBar, "lines": Lines, "quiet": Quiet}
    if kind not in makers:
        raise ValueError(f"report must be auto, {', '.join(makers)}; we got {kind!r}")
    chosen: Reporter = makers[kind]()
    return chosen
