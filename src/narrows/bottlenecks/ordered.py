"""A code whose first numbers are a shorter code: nested dropout.

h_L ──head──► z_1 … z_D ──in training: all from a random place on are 0──► z_1 … z_k 0 … 0 ──tail──► g_L
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..networks import Descent, Ladder
from ..parts import Part, part
from ..randomness import Draws
from .code import Bottleneck, Code
from .heads import code_shape, head, tail

__all__ = ["Ordered", "first_numbers"]


def first_numbers(z: Tensor, k: int | Tensor, axis: int = 1) -> Tensor:
    """The first k numbers along ``axis`` of z, the others 0.

    Args:
        z: (B, D, …).
        k: one number for all, or one for each row (B,).

    Raises:
        ValueError: k is not between 1 and D.
    """
    size = z.shape[axis]
    if isinstance(k, int):
        if not 1 <= k <= size:
            raise ValueError(
                f"of a code of {size} numbers the first 1 to {size} are a code; we got {k}"
            )
        kept = torch.arange(size, device=z.device) < k
    else:
        kept = torch.arange(size, device=z.device) < k[:, None]
    places = [1] * z.ndim
    places[axis] = size
    if kept.ndim == 2:
        places[0] = len(kept)
    return z * kept.reshape(places)


@part("bottleneck", "ordered")
class Ordered(Bottleneck):
    """A point whose first k numbers are a code for each k (nested dropout, Rippel et al. 2014).

    In training each picture keeps its first k numbers, k drawn anew in each step; afterwards all speak,
    and ``first_numbers`` shortens a code. With linear maps the k-th number is the k-th principal
    component (theorem 2 there). In a map-shaped code the numbers are channels.

    Deviations: k is drawn in proportion to 1 / √k, where the authors' geometric distribution all but
    leaves out the longest codes; of several samples of a picture (``samples`` of a phase) each takes its
    own part of the lengths; nothing is frozen when it has converged ("unit sweeping").

    Args:
        shape: of the lowest activation, (C, H, W) or (D,).
        size: units (flat) or channels (map) of the longest code.
        layout: ``flat`` or ``map``.
        shortest: the least k that is drawn.

    Raises:
        ValueError: ``shortest`` is below 1 or above ``size``.
    """

    part: Part

    def __init__(
        self, shape: Sequence[int], size: int = 32, layout: str = "flat", shortest: int = 1
    ) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.code_shape = code_shape(shape, size, layout)
        if not 1 <= shortest <= size:
            raise ValueError(
                f"the shortest code has 1 to {size} of the {size} numbers; we got {shortest}"
            )
        self.shortest = shortest
        self.head = head(shape, size, layout)
        self.tail = tail(shape, size, layout)

    def lengths(self, u: Tensor) -> Tensor:
        """Uniform numbers u in [0, 1) → k of each, its shape: P(k) ∝ √(k + 1) − √k, about 1 / √k."""
        size, least = self.code_shape[0], self.shortest
        low, high = math.sqrt(least), math.sqrt(size + 1)
        return (low + u * (high - low)).square().floor().long().clamp(least, size)

    def encode(self, descent: Descent, ladder: Ladder, samples: int | None, draws: Draws) -> Code:
        """The code (B, *code), repeated if ``samples`` are asked for: (S, B, *code)."""
        h = descent.levels[-1]
        z = self.head(h)
        if samples is not None:
            z = z.expand(samples, *z.shape)
        if self.training and samples is not None:
            u = draws.uniform("ordered", (samples, len(h)), h.device, axis=1)
            strata = torch.arange(samples, device=h.device)[:, None]
            k = self.lengths((strata + u) / samples)  # each sample from its own part of the lengths
            z = first_numbers(z.flatten(0, 1), k.flatten()).reshape(z.shape)
        return Code(z, pooling_indices=tuple(descent.pooling_indices), sampled=samples is not None)

    def expand(self, code: Code, ladder: Ladder, draws: Draws | None = None) -> tuple[Tensor, int]:
        """z (…, *code) → g_L (M, *narrowest), and L."""
        rows = code.z.reshape(-1, *self.code_shape)
        return ladder.boundary(len(ladder) - 1).up(self.tail(rows)), len(ladder)
