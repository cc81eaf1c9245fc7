"""Weights that change while a model trains.

Each is a function of the step's epoch, a real number; a controller's follows what it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..parts import Part, part

__all__ = ["Constant", "Controlled", "Controller", "Cyclic", "Schedule", "WarmUp"]


@runtime_checkable
class Schedule(Protocol):
    """A weight over time."""

    def weight(self, epoch: float) -> float:
        """The weight at ``epoch`` (1.5 is the middle of the second epoch)."""
        ...


@runtime_checkable
class Controller(Schedule, Protocol):
    """A schedule that answers to what it weighs, and so has a state."""

    def observe(self, kl: float) -> None:
        """Called after every training step with the batch's mean KL, in nats."""
        ...

    def state(self) -> dict[str, float]:
        """All that it remembers."""
        ...

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from such a state."""
        ...


@part("schedule", "constant")
@dataclass(frozen=True)
class Constant:
    """The same weight throughout; on a KL, β (Higgins et al. 2017)."""

    value: float = 1.0

    def weight(self, epoch: float) -> float:
        """``value``."""
        return self.value


@part("schedule", "warm-up")
@dataclass(frozen=True)
class WarmUp:
    """From 0 to ``value`` in a straight line over ``epochs`` (Kovenko & Bogach 2020, §4.2)."""

    epochs: float = 40.0
    value: float = 1.0

    def __post_init__(self) -> None:
        if self.epochs <= 0:
            raise ValueError(f"a warm-up lasts more than 0 epochs; we got {self.epochs}")

    def weight(self, epoch: float) -> float:
        """min(1, epoch / epochs) · value."""
        return self.value * min(1.0, epoch / self.epochs)


@part("schedule", "cyclic")
@dataclass(frozen=True)
class Cyclic:
    """Repeated warm-ups of length ``period`` epochs: a rise, then a plateau (Fu et al. 2019).

    ``rise`` is the share of a period that the rise takes.
    """

    period: float = 10.0
    rise: float = 0.5
    value: float = 1.0

    def __post_init__(self) -> None:
        if self.period <= 0 or not 0 < self.rise <= 1:
            raise ValueError(
                "a cyclic weight needs period > 0 and rise in (0, 1]; "
                f"we got period={self.period}, rise={self.rise}"
            )

    def weight(self, epoch: float) -> float:
        """The weight at that point of its period."""
        phase = (epoch % self.period) / self.period
        return self.value * min(1.0, phase / self.rise)


@part("schedule", "controlled")
class Controlled:
    """A weight that holds the KL at a target: ControlVAE's PI controller (Shao et al. 2020, eq. 8-9).

    β(t) = K_p / (1 + exp e(t)) − K_i Σ_j≤t e(j) + least, cut to [least, value]; e = target − KL.
    A KL above its target raises the weight, one below lowers it. The sum stands still while the
    weight is at an end and the error would push it further, so that it never winds up; the paper
    looks at the weight of the step before for that, and not at where the error pushes.

    Args:
        target: the KL to hold, in nats per picture; the last one, where it grows.
        proportional: K_p, the most that a single step's error adds.
        integral: K_i per step and nat; the larger, the faster and the less steady.
        least: the lowest weight, and that before the first step.
        value: the highest weight.
        first: the target of the first steps, which grows to ``target`` (their §5.2, for disentangling: a
            code takes up one factor after the other); None: ``target`` from the start.
        rise: nats by which it grows.
        every: steps after which it does.

    Raises:
        ValueError: a target of 0 or less, a negative gain, no room between least and value, or a target that
            does not grow to what it is to be.
    """

    part: Part

    def __init__(
        self,
        target: float = 20.0,
        proportional: float = 0.01,
        integral: float = 0.0001,
        least: float = 0.0,
        value: float = 1.0,
        first: float | None = None,
        rise: float = 0.15,
        every: int = 5000,
    ) -> None:
        if not target > 0 or not proportional >= 0 or not integral >= 0 or not 0 <= least < value:
            raise ValueError(
                "a controlled weight needs target > 0, gains of at least 0 and 0 <= least < value; "
                f"we got target={target}, proportional={proportional}, integral={integral}, "
                f"least={least}, value={value}"
            )
        if first is not None and not (0 < first <= target and rise > 0 and every >= 1):
            raise ValueError(
                "a target grows from first > 0 to at least that, by rise > 0 every so many steps; we got "
                f"first={first}, target={target}, rise={rise}, every={every}"
            )
        self.target, self.least, self.value = target, least, value
        self.first, self.rise, self.every = target if first is None else first, rise, every
        self._observed = 0
        self.proportional, self.integral = proportional, integral
        self._sum = 0.0  # −K_i Σ e
        self._weight = least

    def weight(self, epoch: float) -> float:
        """The weight as the last ``observe`` left it, whatever the epoch."""
        return self._weight

    @property
    def wanted(self) -> float:
        """The target now, in nats per picture."""
        return min(self.target, self.first + self.rise * (self._observed // self.every))

    def observe(self, kl: float) -> None:
        """Move the weight by the mean KL of a step, in nats per picture."""
        error = self.wanted - kl
        self._observed += 1
        moved = self._sum - self.integral * error
        # 1 / (1 + exp e), which never overflows like this
        free = self.proportional * 0.5 * (1 - math.tanh(error / 2)) + moved + self.least
        if (error > 0 or free <= self.value) and (error < 0 or free >= self.least):
            self._sum = moved
        self._weight = min(max(free, self.least), self.value)

    def state(self) -> dict[str, float]:
        """The sum of errors so far, the weight, and how many steps it has seen."""
        return {"sum": self._sum, "weight": self._weight, "observed": float(self._observed)}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on exactly from what ``state`` gave."""
        self._sum, self._weight = float(state["sum"]), float(state["weight"])
        self._observed = int(state.get("observed", 0))
