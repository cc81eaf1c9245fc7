"""Dense rungs and ladders.

784 ─► 200 ─► 200 ─► bottleneck ─► 200 ─► 200 ─► 784
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import part
from .ladder import Ladder, Shape

__all__ = ["DenseRung", "dense_ladder"]


class DenseRung(nn.Module):
    """One affine map down, one up; pictures and maps are flattened on the way.

    Args:
        above: the shape it takes, (C, H, W) or (D,).
        width: the number of units it gives.
        tied: ``up`` is the transpose of ``down`` with a bias of its own (Lingrand; Canziani).
        outputs: numbers that ``up`` gives for each value: C channels of the first, then of the second.
    """

    def __init__(self, above: Shape, width: int, tied: bool = False, outputs: int = 1) -> None:
        super().__init__()
        if width < 1:
            raise ValueError(f"a dense rung needs a width of at least 1; we got {width}")
        self.above: Shape = tuple(above)
        self.below: Shape = (width,)
        size = math.prod(above)
        if size < 1:
            raise ValueError(f"a dense rung takes at least one number; we got shape {tuple(above)}")
        self.linear_down = nn.Linear(size, width)
        if tied and outputs > 1:
            raise ValueError(f"a tied rung gives one number for each value; we got {outputs}")
        self.outputs = outputs
        self.linear_up = None if tied else nn.Linear(width, outputs * size)
        self.bias_up = nn.Parameter(self.linear_down.weight.new_zeros(size)) if tied else None

    def drop_biases(self, up: bool) -> None:
        """Those in front of batch normalisations; a map has one for all its places, and ours differ."""
        self.linear_down.register_parameter("bias", None)
        if up and len(self.above) == 1:
            self.bias_up = None
            if self.linear_up is not None:
                self.linear_up.register_parameter("bias", None)

    def down(self, h: Tensor) -> tuple[Tensor, Tensor | None]:
        """(B, *above) → (B, width)."""
        return self.linear_down(h.flatten(1)), None

    def up(self, h: Tensor, pooling_indices: Tensor | None = None) -> Tensor:
        """(B, width) → (B, *above), with ``outputs`` times the channels."""
        if self.linear_up is None:
            out = F.linear(h, self.linear_down.weight.t(), self.bias_up)
        else:
            out = self.linear_up(h)
        if len(self.above) == 1:
            return out
        return out.reshape(-1, self.outputs * self.above[0], *self.above[1:])


@part("ladder", "dense")
def dense_ladder(
    shape: Sequence[int],
    widths: Sequence[int] = (512, 256),
    *,
    activation: str = "relu",
    norm: str = "none",
    tied: bool = False,
    outputs: int | None = None,
) -> Ladder:
    """A ladder of dense rungs on pictures of ``shape`` (C, H, W).

    Args:
        widths: units of h_1 … h_L; the bottleneck takes the last.
        activation: at every boundary, such as ``relu``, ``tanh``, ``identity``.
        norm: ``none``, ``batch``, ``shared-batch`` or ``group``.
        tied: each rung's way up is the transpose of its way down.
        outputs: see ``Ladder.outputs``; a model chooses as many as its likelihood reads.
    """
    rungs: list[nn.Module] = []
    above = tuple(shape)
    for width in widths:
        rungs.append(DenseRung(above, width, tied, 1 if rungs else outputs or 1))
        above = (width,)
    return Ladder(rungs, activation, norm)
