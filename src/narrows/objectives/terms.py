"""What a loss is made of: a bound and penalties. All that either may do is declared here.

    Step ──bound.loss──► Loss          what is minimised
    Step ──penalty.penalty──► scalar   times its weight, added to it

A term that is also an ``nn.Module`` has weights of its own, which are never the model's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor, nn

from ..parts import named
from .step import Step

if TYPE_CHECKING:
    from ..autoencoder import Autoencoder

__all__ = ["Bound", "FunctionPenalty", "Loss", "Penalty", "Share", "Term", "name_of"]


class Loss(NamedTuple):
    """What is minimised, a scalar, and the terms worth writing down, each a mean over the batch."""

    total: Tensor
    terms: dict[str, Tensor]


Share = tuple[str, list[nn.Parameter], Callable[[Step], Loss]]


class Term:
    """What a bound and a penalty have in common: all of it may be left as it is.

    Attributes:
        opponent: whether its own weights move by ``own_loss`` (a discriminator's).
        lr_scale: the learning rate of its own player as a multiple of the phase's.
        labelled: whether it needs the pictures' labels.
        labels: the names of the classes, in the order of ``step.labels``; the loop fills it in
            where it is ``labelled``.
    """

    opponent: bool = False
    lr_scale: float = 1.0
    labelled: bool = False
    labels: tuple[str, ...] = ()

    def check(self, model: Autoencoder) -> None:
        """Refuse a model that it does not fit, before the first step.

        Raises:
            ValueError: the sentence names what does not fit and what would.
        """

    def own_loss(self, step: Step) -> Loss:
        """What its own weights minimise, where it is an ``opponent``."""
        raise NotImplementedError(f"{type(self).__name__} is no opponent")

    def after_step(self, step: Step) -> None:
        """Follow a training step that was taken, without gradients."""

    def state(self) -> dict[str, float]:
        """What it remembers of earlier steps, apart from its weights."""
        return {}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from such a state."""


class Bound(Term, ABC):
    """Turns a step into a loss in nats per picture."""

    @abstractmethod
    def loss(self, step: Step) -> Loss:
        """The loss, averaged over the batch."""

    def shares(self, model: Autoencoder) -> list[Share]:
        """The players that it divides the model between: name, parameters, loss of each.

        Empty: one player, by ``loss``.
        """
        return []


class Penalty(Term, ABC):
    """A scalar in nats per picture that is added to a bound's loss, times ``weight``."""

    weight: float = 1.0

    @abstractmethod
    def penalty(self, step: Step) -> Tensor:
        """A scalar, averaged over the batch."""


class FunctionPenalty(Penalty):
    """A function of a step as a penalty of weight 1."""

    def __init__(self, function: Callable[[Step], Tensor]) -> None:
        self.function = function

    def penalty(self, step: Step) -> Tensor:
        """What the function gives."""
        return self.function(step)


def name_of(term: Any) -> str:
    """That of its part, else of its class or function, as it stands in metrics and file names."""
    name = named(term.function if isinstance(term, FunctionPenalty) else term)
    return "penalty" if name == "<lambda>" else name.lower().replace("-", "_")
