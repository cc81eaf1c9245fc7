"""A penalty by which a quarter turn of a picture is a linear map of its code.

x ──quarter turn──► Rx
│ encode            │ encode
▼                   ▼
z ──Q, a permutation──► Qz  ≈  z(Rx)          Q⁴ = I, as R⁴ = I
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...bottlenecks import Code
from ...parts import part
from ...processes import averaged
from ..step import Step
from ..terms import Penalty

__all__ = ["Equivariance", "quarter_turned"]

TINY = 1e-8  # of a code that does not vary


def quarter_turned(z: Tensor) -> Tensor:
    """Q z: the code of a picture after a quarter turn counter-clockwise, if codes are equivariant.

    Numbers are in groups of four, each of which is turned around: (a, b, c, d) → (d, a, b, c), the
    regular representation of quarter turns; those that are left over stay. A map is turned as the
    picture is, and its channels are the numbers (Cohen & Welling 2016, §6).

    Args:
        z: (B, D) or (B, D, H, W).
    """
    whole = z.shape[1] - z.shape[1] % 4
    groups = z[:, :whole].reshape(len(z), -1, 4, *z.shape[2:]).roll(1, 2)
    moved = torch.cat([groups.reshape(len(z), whole, *z.shape[2:]), z[:, whole:]], 1)
    return torch.rot90(moved, 1, (2, 3)) if z.ndim == 4 else moved


@part("penalty", "equivariance")
@dataclass(frozen=True)
class Equivariance(Penalty):
    """E ‖z(Rx) − Q z(x)‖² / E ‖z(x) − E z‖², R a quarter turn, Q a fixed permutation of the code.

    Cohen & Welling 2016 build networks whose features turn so; here the loss asks an ordinary encoder
    for it. The quotient has no unit, so that a smaller code does not lower it, and 0 where the code is
    exactly equivariant. Where turned pictures are among those of the training, so that the decoder knows
    them, ``decode(quarter_turned(z))`` draws the picture turned. Pictures that are not square are turned
    by a half, and so are their codes, twice Q. It costs a second encoding. Of a posterior the mean counts.
    """

    weight: float = 10.0

    def penalty(self, step: Step) -> Tensor:
        """A scalar.

        Raises:
            ValueError: the scheme ends above the bottleneck.
        """
        if not step.narrowed:
            raise ValueError(
                "the penalty 'equivariance' is of the code, but this scheme ends above the bottleneck"
            )
        z = _mean(step.code)
        turns = 1 if step.input.shape[2] == step.input.shape[3] else 2
        turned = _mean(step.encode(torch.rot90(step.input, turns, (2, 3))))
        wanted = z
        for _ in range(turns):
            wanted = quarter_turned(wanted)
        apart = averaged((turned - wanted).square().sum() / len(z))
        centre = averaged(z.mean(0))
        return apart / averaged((z - centre).square().sum() / len(z)).clamp_min(TINY)


def _mean(code: Code) -> Tensor:
    """(B, *code), without the noise of its draws."""
    z = code.z[0] if code.sampled else code.z
    return (z if code.mean is None else code.mean).float()
