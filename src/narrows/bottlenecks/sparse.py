"""The k-sparse bottleneck: of a code's units the k largest, the others silent."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..networks import Descent, Ladder
from ..parts import Part, part
from ..randomness import Draws
from .code import Bottleneck, Code
from .heads import code_shape, head, tail

__all__ = ["TopK", "largest"]


def largest(z: Tensor, k: int) -> Tensor:
    """The k largest of axis 1 of z (B, D, …), by value, the others 0; the gradient is theirs.

    Makhzani & Frey 2014, §2.1. The value counts, not its size: −5 goes before −1. Of equals at the
    border some are kept, so that there are k.
    """
    values, places = z.topk(k, 1)
    return torch.zeros_like(z).scatter(1, places, values)


@part("bottleneck", "top-k")
class TopK(Bottleneck):
    """A point of which k units speak (Makhzani & Frey 2014, "k-Sparse Autoencoders").

    In a map-shaped code each position has its own k of ``size`` channels. k is the same in training
    and after it; the authors take up to 3 k then, and lower k while they train.

    Args:
        shape: of the lowest activation, (C, H, W) or (D,).
        size: units (flat) or channels (map) of the code.
        layout: ``flat`` or ``map``.
        k: how many of them are kept; None takes one of 16, and at least one.

    Raises:
        ValueError: k is below 1 or above ``size``.
    """

    part: Part

    def __init__(
        self, shape: Sequence[int], size: int = 256, layout: str = "flat", k: int | None = None
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.code_shape = code_shape(shape, size, layout)
        self.k = max(1, size // 16) if k is None else k
        if not 1 <= self.k <= size:
            raise ValueError(f"k is between 1 and the {size} units of the code; we got {k}")
        self.head = head(shape, size, layout)
        self.tail = tail(shape, size, layout)

    def encode(self, descent: Descent, ladder: Ladder, samples: int | None, draws: Draws) -> Code:
        """The code (B, *code), repeated if ``samples`` are asked for: (S, B, *code)."""
        z = largest(self.head(descent.levels[-1]), self.k)
        if samples is not None:
            z = z.expand(samples, *z.shape)
        return Code(z, pooling_indices=tuple(descent.pooling_indices), sampled=samples is not None)

    def expand(self, code: Code, ladder: Ladder, draws: Draws | None = None) -> tuple[Tensor, int]:
        """z (…, *code) → g_L (M, *narrowest), and L."""
        rows = code.z.reshape(-1, *self.code_shape)
        return ladder.boundary(len(ladder) - 1).up(self.tail(rows)), len(ladder)
