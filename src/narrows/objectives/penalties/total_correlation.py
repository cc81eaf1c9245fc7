"""Total correlation: how far the units of a code are from independent."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from ...bottlenecks import log_normal
from ...parts import part
from ...processes import gathered
from ..step import Step
from ..terms import Penalty

__all__ = ["TotalCorrelation", "total_correlation"]


def total_correlation(
    z: Tensor, mean: Tensor, log_variance: Tensor, pictures: int | None = None
) -> Tensor:
    """log q(z) − Σ_d log q(z_d) in nats, z (S, B, D), mean and log_variance (B, D): → (S, B).

    q(z) is the mixture of the batch's own B posteriors, so the mean is an unbiased estimate of that
    mixture's total correlation: not negative on average, at most (D − 1) log B, and more than
    that of all pictures where the posteriors are narrow. Takes memory for S·B²·D numbers.

    Args:
        pictures: N, of the training set: minibatch-weighted sampling as it is printed (Chen et al.
            2018, appendix C), each log-density smaller by log N. That adds (D − 1) log N and nothing
            else, and leaves every gradient as it is, so None is the default.
    """
    # (S, B, B, D): every draw under every posterior of the batch, unit by unit
    each = log_normal(z[:, :, None, :, None], mean[..., None], log_variance[..., None])
    joint, units = each.sum(-1).logsumexp(2), each.logsumexp(2)
    size, batch = mean.shape[1], mean.shape[0]
    return joint - units.sum(-1) + (size - 1) * math.log(batch * (pictures or 1))


@part("penalty", "total-correlation")
@dataclass(frozen=True)
class TotalCorrelation(Penalty):
    """The mean ``total_correlation`` of a Gaussian code: with the ELBO, β-TCVAE (Chen et al. 2018).

    The KL holds the total correlation once already, so ``weight`` is β − 1 (their eq. 4 with
    α = γ = 1).

    Args:
        pictures: N of the estimate as it is printed; a constant on top, see ``total_correlation``.
    """

    weight: float = 5.0
    pictures: int | None = None

    def __post_init__(self) -> None:
        if self.pictures is not None and self.pictures < 1:
            raise ValueError(f"a training set has at least 1 picture; we got {self.pictures}")

    def penalty(self, step: Step) -> Tensor:
        """A scalar.

        Raises:
            ValueError: the code is no Gaussian.
        """
        code = step.code
        if code.mean is None or code.log_variance is None:
            raise ValueError(
                "the penalty 'total-correlation' needs a Gaussian code; the bottleneck "
                f"{type(step.model.bottleneck).__name__} has none: use 'gaussian', or the "
                "penalty 'mmd'"
            )
        mean, log_variance = gathered(code.mean.flatten(1)), gathered(code.log_variance.flatten(1))
        return total_correlation(code.z.flatten(2), mean, log_variance, self.pictures).mean()
