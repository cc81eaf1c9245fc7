"""What every bottleneck gives, and what every bottleneck is.

h_0 … h_L ──encode──► Code ──expand──► g_L
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ..networks import Descent, Ladder
from ..randomness import Draws

__all__ = ["Bottleneck", "Code"]


@dataclass(frozen=True)
class Code:
    """The code of B pictures, with the distribution that it was taken from where there is one.

    Attributes:
        z: (B, *code) or, where samples were asked for, (S, B, *code).
        mean, log_variance: (B, *code) of a Gaussian posterior q(z|x); None elsewhere.
        switches: per rung, what its way up may need of its way down; never stored.
        sampled: whether ``z`` has the axis S of samples in front.
    """

    z: Tensor
    mean: Tensor | None = None
    log_variance: Tensor | None = None
    switches: tuple[Tensor | None, ...] = ()
    sampled: bool = False

    def __len__(self) -> int:
        """B, the number of pictures."""
        return self.z.shape[1 if self.sampled else 0]

    @staticmethod
    def joined(codes: list[Code]) -> Code:
        """One code of several batches, without their switches."""

        def join(name: str, along: int) -> Tensor | None:
            pieces = [getattr(code, name) for code in codes]
            return None if pieces[0] is None else torch.cat(pieces, along)

        sampled = codes[0].sampled
        z = join("z", 1 if sampled else 0)
        assert z is not None
        return Code(z, join("mean", 0), join("log_variance", 0), sampled=sampled)

    def to(self, device: torch.device | str) -> Code:
        """The code on another device, without its switches."""

        def moved(value: Tensor | None) -> Tensor | None:
            return None if value is None else value.to(device)

        mean, log_variance = moved(self.mean), moved(self.log_variance)
        return Code(self.z.to(device), mean, log_variance, sampled=self.sampled)


@runtime_checkable
class Bottleneck(Protocol):
    """A module that turns the lowest activation into a code and a code into the way up's start.

    ``shape`` is that of the lowest activation, (C, H, W) or (D,); ``generative`` says whether there
    is a prior p(z) to draw from.
    """

    shape: tuple[int, ...]
    code_shape: tuple[int, ...]
    generative: bool

    def encode(self, descent: Descent, samples: int | None, draws: Draws) -> Code:
        """All levels' activations → a code; its mean, or ``samples`` draws (S, B, *code)."""
        ...

    def expand(self, z: Tensor, ladder: Ladder) -> Tensor:
        """z (B, *code) → g_L (B, *narrowest), past the lowest boundary."""
        ...

    def kl(self, code: Code) -> Tensor | None:
        """KL(q(z|x) ‖ p(z)) in closed form, in nats, (B,); None where there is no prior."""
        ...

    def log_posterior(self, code: Code) -> Tensor | None:
        """log q(z|x) in nats, (S, B); None where there is no density."""
        ...

    def log_prior(self, z: Tensor) -> Tensor | None:
        """log p(z) in nats, shape of ``z`` without the code's; None where there is no prior."""
        ...
