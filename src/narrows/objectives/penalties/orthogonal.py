"""A penalty that keeps what a layer does to lengths: weights whose rows are at right angles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...parts import part
from ..step import Step
from ..terms import Penalty

__all__ = ["Orthogonal", "off_orthogonal"]


def off_orthogonal(weight: Tensor) -> Tensor:
    """Σ |W Wᵀ − I| of a weight (out, …), flattened to W (out, in), a scalar (Brock et al. 2017, orthogonal
    regularisation).

    It is 0 where the rows have length 1 and are at right angles. Of a tall matrix, whose rows cannot, it is
    Σ |Wᵀ W − I|: columns in place of rows.
    """
    rows = weight.flatten(1).float()
    rows = rows.t() if rows.shape[0] > rows.shape[1] else rows
    return (rows @ rows.t() - torch.eye(len(rows), device=rows.device)).abs().sum()


@part("penalty", "orthogonal")
@dataclass(frozen=True)
class Orthogonal(Penalty):
    """Orthogonal regularisation: Σ |W Wᵀ − I| over the weights of a model (Brock et al. 2017).

    A product with an orthogonal matrix leaves lengths alone, so that signals neither grow nor fade on
    their way. It is of all affine maps and convolutions that move, not of biases and normalisations. In
    nats per picture its weight is ours. In a divided model (VAE-GAN, introspective) it is, as every
    penalty is, of the first player's loss, so that only that player's weights follow it.
    """

    weight: float = 1e-3

    def penalty(self, step: Step) -> Tensor:
        """A scalar, the same for every batch."""
        found = [off_orthogonal(one) for one in _weights(step.model)]
        return torch.stack(found).sum() if found else step.target.new_zeros(())


def _weights(model: nn.Module) -> Iterator[Tensor]:
    """The matrices of affine maps and the kernels of convolutions that move."""
    for one in model.parameters():
        if one.ndim > 1 and one.requires_grad:
            yield one
