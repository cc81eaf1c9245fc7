"""The variational bottleneck: q(z|x) = N(μ, diag σ²), p(z) = N(0, I) (Kingma & Welling 2014)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks import Descent, Ladder
from ..parts import Part, part
from ..randomness import Draws
from .code import Bottleneck, Code
from .heads import code_shape, head, tail

__all__ = ["Gaussian", "kl_to_standard_normal", "log_normal"]

# a posterior wider than e³ prior widths carries nothing, but its exp can end a run in its first steps
LOG_VARIANCES = (-30.0, 6.0)


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, I)) in nats, summed over all but the first axis: (B, …) → (B,).

    ½ Σ (μ² + σ² − log σ² − 1): Kingma & Welling 2014, appendix B. Kovenko & Bogach 2020 print its
    negative (eq. 7).
    """
    each = mean.square() + log_variance.exp() - log_variance
    return 0.5 * each.sum(tuple(range(1, each.ndim))) - 0.5 * math.prod(each.shape[1:])


def log_normal(
    z: Tensor, mean: Tensor | None = None, log_variance: Tensor | None = None, *, axes: int = 1
) -> Tensor:
    """log N(z; μ, σ²) in nats, summed over the last ``axes`` axes; standard normal by default."""
    if mean is None or log_variance is None:
        each = z.square()
    else:
        each = (z - mean).square() * (-log_variance).exp() + log_variance
    each = -0.5 * (each + math.log(2 * math.pi))
    return each.flatten(z.ndim - axes).sum(-1)


@part("bottleneck", "gaussian")
class Gaussian(Bottleneck):
    """A code with a diagonal Gaussian posterior and a standard normal prior.

    Args:
        shape: of the lowest activation, (C, H, W) or (D,).
        size: units (flat) or channels (map) of the code.
        layout: ``flat`` or ``map``.
    """

    part: Part
    generative = True

    def __init__(self, shape: Sequence[int], size: int = 32, layout: str = "flat") -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.code_shape = code_shape(shape, size, layout)
        self.head = head(shape, 2 * size, layout)
        self.tail = tail(shape, size, layout)

    def encode(self, descent: Descent, ladder: Ladder, samples: int | None, draws: Draws) -> Code:
        """The posterior and its mean (B, *code), or ``samples`` draws of it (S, B, *code)."""
        mean, log_variance = self.head(descent.levels[-1]).float().chunk(2, 1)
        log_variance = F.hardtanh(log_variance, *LOG_VARIANCES)  # clamp, with a cheaper gradient
        pooling_indices = tuple(descent.pooling_indices)
        if samples is None:
            return Code(mean, mean, log_variance, pooling_indices)
        noise = draws.normal("posterior", (samples, *mean.shape), mean.device, axis=1)
        z = torch.addcmul(mean, noise, (0.5 * log_variance).exp())
        return Code(z, mean, log_variance, pooling_indices, sampled=True)

    def expand(self, code: Code, ladder: Ladder, draws: Draws | None = None) -> tuple[Tensor, int]:
        """z (…, *code) → g_L (M, *narrowest), and L."""
        rows = code.z.reshape(-1, *self.code_shape)
        return ladder.boundary(len(ladder) - 1).up(self.tail(rows)), len(ladder)

    def kl(self, code: Code) -> Tensor | None:
        """The closed form, (B,)."""
        assert code.mean is not None and code.log_variance is not None
        return kl_to_standard_normal(code.mean, code.log_variance)

    def log_posterior(self, code: Code) -> Tensor | None:
        """log q(z|x), (S, B)."""
        return log_normal(code.z, code.mean, code.log_variance, axes=len(self.code_shape))

    def log_prior(self, code: Code) -> Tensor | None:
        """log p(z) of a standard normal, (S, B) for z (S, B, *code)."""
        return log_normal(code.z, axes=len(self.code_shape))
