"""A step: all that one forward pass leaves for the bound and the penalties to read.

input ──descend──► levels ──bottleneck──► code ──ascend──► output
                                    target, output ──likelihood──► log p(x|z)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import Tensor

from ..bottlenecks import Code
from ..randomness import Draws

__all__ = ["Step"]


@dataclass
class Step:
    """One forward pass. Densities have shape (S, B) and are in nats per picture.

    Attributes:
        target: (B, C, H, W), what is to come out.
        input: (B, C, H, W), what went in; the target unless it was corrupted.
        levels: h_0 … h_L, each (B, …).
        code: the code, z (S, B, *code).
        output: the ladder's raw output (S, B, C, H, W).
        model: the autoencoder.
        epoch: where in its phase the step is; 1.5 is the middle of the second epoch.
        number: the step's number in its phase.
        draws: the randomness of this step; the same purpose gives the same numbers again.
    """

    target: Tensor
    input: Tensor
    levels: list[Tensor]
    code: Code
    output: Tensor
    model: Any
    epoch: float
    number: int
    draws: Draws

    @cached_property
    def log_px(self) -> Tensor:
        """log p(x|z), (S, B)."""
        out: Tensor = self.model.likelihood.log_prob(self.output, self.target)
        return out

    @cached_property
    def log_qz(self) -> Tensor | None:
        """log q(z|x), (S, B); None where the code has no density."""
        out: Tensor | None = self.model.bottleneck.log_posterior(self.code)
        return out

    @cached_property
    def log_pz(self) -> Tensor | None:
        """log p(z), (S, B); None where the code has no prior."""
        out: Tensor | None = self.model.bottleneck.log_prior(self.code.z)
        return out

    @cached_property
    def kl(self) -> Tensor | None:
        """KL(q(z|x) ‖ p(z)) in closed form, (B,); None where the code has no prior."""
        out: Tensor | None = self.model.bottleneck.kl(self.code)
        return out

    @property
    def encode(self) -> Callable[[Tensor], Code]:
        """A pure encoder: the same draws, S samples as here, for Jacobians."""
        samples = self.code.z.shape[0]

        def again(x: Tensor) -> Code:
            code: Code = self.model.posterior(x, samples, self.draws)
            return code

        return again
