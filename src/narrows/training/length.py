"""How long a phase is, how far it has come, and after which steps it is judged.

epochs     judged after every pass over the pictures
steps      judged LINES times on its way, however many pictures there are
minutes    the same, by the clock: the time before a resumed run counts too
"""

from __future__ import annotations

import math
import time

from .phases import Phase, Recipe

__all__ = ["Length", "lasting"]

clock = time.monotonic  # a benchmark on a shared machine puts the process's own time here

LINES = 20  # of metrics, in a phase whose length is given in steps or minutes
BATCHES = (16, 64)  # least and most pictures of a step that goes by how many there are
STEPS_PER_EPOCH = 64  # what it tries to make of them


def lasting(recipe: Recipe, epochs: float | None, minutes: float | None) -> Recipe:
    """The recipe with another length: of every phase in epochs, or of all together in minutes.

    Raises:
        ValueError: both are given.
    """
    if epochs is not None and minutes is not None:
        raise ValueError(f"epochs or minutes, not both; we got {epochs} and {minutes}")
    if epochs is not None:
        return recipe.with_(epochs=float(epochs))
    if minutes is not None:
        return recipe.with_(minutes=float(minutes) / len(recipe.phases))
    return recipe


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
        self.began = clock() - spent
        self.spent = spent
        self.way = self._way(step)
        self.lines = math.floor(LINES * self.way + 1e-9)
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
        self.spent = clock() - self.began
        self.way = self._way(step)
        if self.seconds is not None:
            self.steps = max(step, round(step / max(self.way, 1e-9)))
        self.over = self.way >= 1 if self.seconds is not None else step >= self.steps
        if self.by_epochs:
            return step % self.per_epoch == 0 or self.over
        lines = math.floor(LINES * self.way + 1e-9)
        due, self.lines = lines > self.lines, lines
        return due or self.over


def _batch_size(pictures: int) -> int:
    least, most = BATCHES
    wanted = 2 ** round(math.log2(max(1, pictures / STEPS_PER_EPOCH)))
    return int(max(least, min(most, wanted)))
