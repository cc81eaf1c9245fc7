"""How long a phase is, how far it has come, and after which steps it is judged.

epochs     judged after every pass over the pictures
steps      judged LINES times on its way, however many pictures there are
minutes    the same, by the clock: the time before a resumed run counts too
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from ..processes import of_first
from .phases import Phase, Recipe

__all__ = [
    "Length", "in_words", "lasting", "lengthened", "longer", "now", "patient", "timed_by",
]  # fmt: skip

clock = time.monotonic  # a benchmark on a shared machine puts the process's own time here
_ours: ContextVar[Callable[[], float] | None] = ContextVar("clock", default=None)

LINES = 20  # of metrics, in a phase whose length is given in steps or minutes
BATCHES = (16, 64)  # least and most pictures of a step that goes by how many there are
STEPS_PER_EPOCH = 64  # what it tries to make of them
PATIENCE = (8, 0.25)  # validations without a better one: the least, and the share of a phase's
# between two judgements by the clock, so that a slow machine does not lose its patience before it has
# begun: parts of a pass, and steps
APART, STEPS_APART = 1 / 8, 32


def now() -> float:
    """What the clock shows, in seconds."""
    return (_ours.get() or clock)()


@contextlib.contextmanager
def timed_by(other: Callable[[], float]) -> Iterator[None]:
    """Let ``minutes`` be those of another clock, in this thread, such as ``time.process_time``."""
    before = _ours.set(other)
    try:
        yield
    finally:
        _ours.reset(before)


def lasting(recipe: Recipe, epochs: float | None, minutes: float | None) -> Recipe:
    """The recipe with another length: of every phase in epochs, or of all together in minutes.

    Phases share the minutes as their steps are, where all of them have some, else evenly.

    Raises:
        ValueError: both are given.
    """
    if epochs is not None and minutes is not None:
        raise ValueError(f"epochs or minutes, not both; we got {epochs} and {minutes}")
    if epochs is not None:
        return recipe.with_(epochs=float(epochs))
    if minutes is not None:
        lengths = [phase.steps or 0 for phase in recipe.phases]
        if min(lengths) == 0:  # they do not compare
            lengths = [1] * len(lengths)
        shares = [float(minutes) * one / sum(lengths) for one in lengths]
        pairs = zip(recipe.phases, shares, strict=True)
        return recipe.with_(phases=tuple(dataclasses.replace(p, minutes=m) for p, m in pairs))
    return recipe


def patient(recipe: Recipe, wanted: int | None = None) -> Recipe:
    """The recipe, which stops a phase early when validation no longer improves.

    A recipe that follows a paper keeps to the paper's length, and one that has a patience to its own.

    Args:
        wanted: so many validations without a better one, whatever the recipe; 0: never stop early.

    Raises:
        ValueError: it is less than 0.
    """
    if wanted is not None:
        if wanted < 0:
            raise ValueError(f"patience is 0 (never stop early) or more; we got {wanted}")
        return recipe.with_(patience=wanted or None)
    if recipe.source:
        return recipe
    return recipe.with_(phases=tuple(map(_patient, recipe.phases)))


def _patient(phase: Phase) -> Phase:
    if phase.patience is not None:
        return phase
    validations = phase.epochs if phase.steps is None and phase.minutes is None else LINES
    least, share = PATIENCE
    return dataclasses.replace(phase, patience=max(least, math.ceil(share * validations)))


def lengthened(before: Recipe, now: Recipe) -> bool:
    """Whether two recipes are one but for how long their phases last."""
    if len(before.phases) != len(now.phases):
        return False
    same = {"epochs": 1.0, "steps": None, "minutes": None, "patience": None}
    return before.with_(**same).document() == now.with_(**same).document()


def longer(before: Phase, now: Phase) -> bool:
    """Whether a phase lasts at least as long as before, in the same unit."""

    def length(phase: Phase) -> tuple[int, float]:
        if phase.minutes is not None:
            return 2, phase.minutes
        return (0, phase.epochs) if phase.steps is None else (1, float(phase.steps))

    (unit, old), (same, new) = length(before), length(now)
    patience = [math.inf if p.patience is None else p.patience for p in (before, now)]
    return unit == same and new >= old and patience[1] >= patience[0]


def in_words(phase: Phase) -> str:
    """``4 epochs``, ``4,000 steps`` or ``5 minutes``."""
    if phase.minutes is not None:
        return f"{phase.minutes:g} minute{'s' if phase.minutes != 1 else ''}"
    if phase.steps is not None:
        return f"{phase.steps:,} steps"
    return f"{phase.epochs:g} epoch{'s' if phase.epochs != 1 else ''}"


class Length:
    """The length of a phase over ``pictures`` pictures, that goes on at ``step`` after ``spent`` seconds.

    Attributes:
        batch_size: pictures of a step.
        per_epoch: steps of a pass.
        steps: of the whole phase; an estimate where it ends by the clock.
        way: 0 to 1, how far it has come.
        over: whether it ends here.
        spent: seconds so far.
    """

    def __init__(self, phase: Phase, pictures: int, step: int, spent: float) -> None:
        wanted = phase.batch_size
        self.batch_size = min(
            wanted if isinstance(wanted, int) else _batch_size(pictures), pictures
        )
        self.per_epoch = math.ceil(pictures / self.batch_size)
        if pictures % self.batch_size == 1 and self.batch_size > 1:
            self.per_epoch -= 1  # a batch of one picture has no batch statistics
        self.seconds = None if phase.minutes is None else 60.0 * phase.minutes
        self.by_epochs = phase.minutes is None and phase.steps is None
        by_passes = max(1, round(phase.epochs * self.per_epoch))
        self.steps = by_passes if phase.steps is None else phase.steps
        self.began = now() - spent
        self.spent = spent
        self.way = self._way(step)
        self.lines, self.judged = math.floor(LINES * self.way + 1e-9), step
        self.over = self.way >= 1 if self.seconds is not None else step >= self.steps

    @property
    def epochs(self) -> float:
        """Passes over the pictures; an estimate where the phase ends by the clock."""
        return self.steps / self.per_epoch

    def _way(self, step: int) -> float:
        if self.seconds is None:
            return min(1.0, step / self.steps) if self.steps else 1.0
        return min(1.0, self.spent / self.seconds)

    def moved(self, step: int) -> bool:
        """Note that ``step`` steps are done; gives whether the phase is judged now."""
        self.spent = now() - self.began
        if self.seconds is not None:  # one clock for all processes
            self.spent = of_first(self.spent)
        self.way = self._way(step)
        if self.seconds is not None:
            self.steps = max(step, round(step / max(self.way, 1e-9)))
        self.over = self.way >= 1 if self.seconds is not None else step >= self.steps
        if self.by_epochs:
            return step % self.per_epoch == 0 or self.over
        lines = math.floor(LINES * self.way + 1e-9)
        apart = max(math.ceil(APART * self.per_epoch), STEPS_APART) if self.seconds else 1
        if not self.over and (lines <= self.lines or step - self.judged < apart):
            return False
        self.lines, self.judged = lines, step
        return True


def _batch_size(pictures: int) -> int:
    least, most = BATCHES
    wanted = 2 ** round(math.log2(max(1, pictures / STEPS_PER_EPOCH)))
    return int(max(least, min(most, wanted)))
