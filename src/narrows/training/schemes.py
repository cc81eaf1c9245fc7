"""How a forward pass goes. A scheme is a function (model, target, input, …) → Step, not a trainer."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ..autoencoder import Autoencoder
from ..objectives import Step
from ..randomness import Draws

__all__ = ["FORWARDS", "end_to_end", "forward_named"]

Forward = Callable[[Autoencoder, Tensor, Tensor, int, float, int, Draws], Step]


def end_to_end(
    model: Autoencoder,
    target: Tensor,
    given: Tensor,
    samples: int,
    epoch: float,
    number: int,
    draws: Draws,
) -> Step:
    """All rungs in one pass: target and given (B, C, H, W), output (S, B, C, H, W)."""
    descent = model.ladder.descend(given)
    code = model.bottleneck.encode(descent, samples, draws)
    output = model.raw(code.z, code.switches)
    return Step(target, given, descent.levels, code, output, model, epoch, number, draws)


FORWARDS: dict[str, Forward] = {"end-to-end": end_to_end}


def forward_named(name: str) -> Forward:
    """The scheme of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in FORWARDS:
        raise ValueError(f"forward must be one of {', '.join(FORWARDS)}; we got {name!r}")
    return FORWARDS[name]
