"""The discrepancy between the codes of a batch and draws of the prior N(0, I), by kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ...parts import part
from ...processes import gathered
from ..step import Step
from ..terms import Penalty

__all__ = ["KERNELS", "Mmd", "mmd2"]

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def inverse_multiquadratics(squares: Tensor, size: int) -> Tensor:
    """Σ_s C_s / (C_s + ‖x − y‖²), C_s = 2Ds, s = 0.1 … 10 (Tolstikhin et al. 2018).

    2D is the mean of ‖x − y‖² under the prior; the scales are those of the authors' code.
    """
    widths = [2 * size * scale for scale in SCALES]
    return torch.stack([width / (width + squares) for width in widths]).sum(0)


def gaussian(squares: Tensor, size: int) -> Tensor:
    """exp(−‖x − y‖² / 2σ²) (Zhao et al. 2019); σ² = D is ours, the prior's own scale."""
    return (squares / (-2 * size)).exp()


KERNELS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "imq": inverse_multiquadratics,
    "rbf": gaussian,
}


def mmd2(x: Tensor, y: Tensor, kernel: str = "imq") -> Tensor:
    """Squared maximum mean discrepancy of x (…, N, D) and y (…, M, D), each a sample: (…).

    The unbiased U-statistic (Gretton et al. 2012, eq. 3): 0 on average for equal distributions,
    so it can be negative.

    Args:
        kernel: ``imq`` or ``rbf``, both at the scale of a standard normal of D numbers.

    Raises:
        ValueError: an unknown kernel, or a sample without a pair.
    """
    of = _kernel(kernel)
    n, m, size = x.shape[-2], y.shape[-2], x.shape[-1]
    if n < 2 or m < 2:
        raise ValueError(f"a discrepancy needs at least 2 of each sample; we got {n} and {m}")

    def within(sample: Tensor) -> Tensor:
        k, count = of(_squares(sample, sample), size), sample.shape[-2]
        others = k.sum((-2, -1)) - k.diagonal(dim1=-2, dim2=-1).sum(-1)
        return others / (count * (count - 1))

    return within(x) + within(y) - 2 * of(_squares(x, y), size).mean((-2, -1))


@part("penalty", "mmd")
@dataclass(frozen=True)
class Mmd(Penalty):
    """``mmd2`` of the batch's codes and as many draws of N(0, I): WAE-MMD (Tolstikhin et al. 2018).

    With a point code and the bound ``elbo`` it is their model (a weight of 10 on MNIST, 100 on
    faces); with a Gaussian code, InfoVAE (Zhao et al. 2019). It is taken for each of the S samples
    and averaged, as two samples of one picture are no independent pair; it is 0 for a batch of one.

    Args:
        kernel: ``imq`` or ``rbf``, see ``mmd2``.
    """

    weight: float = 10.0
    kernel: str = "imq"

    def __post_init__(self) -> None:
        _kernel(self.kernel)

    def penalty(self, step: Step) -> Tensor:
        """A scalar."""
        z = gathered(step.code.z.float().flatten(2), 1)
        if z.shape[1] < 2:  # the last batch of a validation; one code is no sample
            return 0 * z.sum()
        prior = step.draws.normal("discrepancy", z.shape, z.device, axis=None)
        return mmd2(z, prior, self.kernel).mean()


def _kernel(name: str) -> Callable[[Tensor, int], Tensor]:
    if name not in KERNELS:
        raise ValueError(f"kernel must be one of {', '.join(KERNELS)}; we got {name!r}")
    return KERNELS[name]


def _squares(x: Tensor, y: Tensor) -> Tensor:
    """‖x_i − y_j‖², (…, N, M), of x (…, N, D) and y (…, M, D)."""
    lengths = x.square().sum(-1)[..., :, None] + y.square().sum(-1)[..., None, :]
    return (lengths - 2 * x @ y.transpose(-2, -1)).clamp_min(0)
