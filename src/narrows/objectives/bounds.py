"""Bounds make a loss of a step's terms; an objective adds weighted penalties to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from ..parts import Part, build, part
from .schedules import Constant, Schedule
from .step import Step

__all__ = ["Bound", "Elbo", "Loss", "Objective"]


class Loss(NamedTuple):
    """What is minimised, a scalar, and the terms worth writing down, each a mean over the batch."""

    total: Tensor
    terms: dict[str, Tensor]


@runtime_checkable
class Bound(Protocol):
    """Turns a step into a loss in nats per picture."""

    def loss(self, step: Step) -> Loss:
        """The loss, averaged over the batch."""
        ...


@part("bound", "elbo")
@dataclass(frozen=True)
class Elbo:
    """−E log p(x|z) + β KL(q(z|x) ‖ p(z)), averaged over the batch (Kovenko & Bogach 2020, eq. 8).

    The KL is the closed form. A code without a prior leaves the plain reconstruction loss.

    Args:
        weight: β, a schedule.
    """

    weight: Schedule | Part = field(default_factory=Constant)

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", build("schedule", self.weight))
        if not isinstance(self.weight, Schedule):
            raise ValueError(
                "the weight of a KL is a schedule, such as Constant(4.0); "
                f"we instead got {self.weight!r}"
            )

    def loss(self, step: Step) -> Loss:
        """The negative ELBO, with its two terms."""
        reconstruction = -step.log_px.mean()
        if step.kl is None:
            return Loss(reconstruction, {"reconstruction": reconstruction})
        kl = step.kl.mean()
        weight = self.weight.weight(step.epoch)  # type: ignore[union-attr]  # built when made
        total = reconstruction.add(kl, alpha=weight)
        return Loss(total, {"reconstruction": reconstruction, "kl": kl})


class Objective:
    """A bound and weighted penalties: the loss of one player.

    Args:
        bound: an ``Elbo`` or another bound, or the part that names it.
        penalties: each a part or an object with ``weight`` and ``penalty(step)``, in nats per
            picture. A penalty whose weight is 0 is not evaluated.
    """

    def __init__(self, bound: Bound | Part, penalties: Sequence[object] = ()) -> None:
        self.bound: Bound = build("bound", bound)
        if not isinstance(self.bound, Bound):
            raise ValueError(
                f"a bound was wanted, such as Elbo(); we instead got {type(self.bound).__name__}"
            )
        self.penalties = [build("penalty", penalty) for penalty in penalties]
        for penalty in self.penalties:
            if not (hasattr(penalty, "weight") and hasattr(penalty, "penalty")):
                raise ValueError(
                    "a penalty has a weight and penalty(step); "
                    f"we instead got {type(penalty).__name__}"
                )

    def __call__(self, step: Step) -> Loss:
        """The step's loss."""
        total, terms = self.bound.loss(step)
        for penalty in self.penalties:
            if penalty.weight:
                value = penalty.penalty(step)
                total = total + penalty.weight * value
                terms[type(penalty).__name__.lower()] = value
        return Loss(total, terms)
