"""The plain bottleneck: a code is a point."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ..networks import Descent, Ladder
from ..parts import Part, part
from ..randomness import Draws
from .code import Bottleneck, Code
from .heads import code_shape, head, tail

__all__ = ["Point"]


@part("bottleneck", "point")
class Point(Bottleneck):
    """A code without a distribution: the lowest activation itself, or an affine map of it.

    Args:
        shape: of the lowest activation, (C, H, W) or (D,).
        size: units of the code; None takes the lowest activation as it is.
        layout: ``flat`` or ``map``.
    """

    part: Part

    def __init__(self, shape: Sequence[int], size: int | None = None, layout: str = "flat") -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.head: nn.Module | None = None
        self.tail: nn.Module | None = None
        self.code_shape = tuple(shape)
        if size is not None:
            self.code_shape = code_shape(shape, size, layout)
            self.head, self.tail = head(shape, size, layout), tail(shape, size, layout)

    def encode(self, descent: Descent, ladder: Ladder, samples: int | None, draws: Draws) -> Code:
        """The code (B, *code), repeated if ``samples`` are asked for: (S, B, *code)."""
        h = descent.levels[-1]
        z = h if self.head is None else self.head(h)
        if samples is not None:
            z = z.expand(samples, *z.shape)
        return Code(z, pooling_indices=tuple(descent.pooling_indices), sampled=samples is not None)

    def expand(self, code: Code, ladder: Ladder, draws: Draws | None = None) -> tuple[Tensor, int]:
        """z (…, *code) → g_L (M, *narrowest), and L."""
        rows = code.z.reshape(-1, *self.code_shape)
        if self.tail is not None:
            rows = ladder.boundary(len(ladder) - 1).up(self.tail(rows))
        return rows, len(ladder)
