"""Weights that change while a model trains. Each is a function of the step's epoch, a real number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..parts import part

__all__ = ["Constant", "Cyclic", "Schedule", "WarmUp"]


@runtime_checkable
class Schedule(Protocol):
    """A weight over time. One with a state (a controller) also has ``state()`` and ``restore()``."""

    def weight(self, epoch: float) -> float:
        """The weight at ``epoch`` (1.5 is the middle of the second epoch)."""
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
