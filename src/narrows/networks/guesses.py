"""Guesses at a spoiled picture that need no training, and what may be changed about them.

    noise          cosine-threshold   by the cosines of small patches
    a hole         membrane           the smoothest surface through what is around it
    fewer pixels   back-projected     the enlarged picture that gives the small one when it is reduced
    anything else  as-given

A guess is kept where it is known to be right: outside of a hole, and in what a small picture tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from ..images.blending import membrane
from ..images.cosine import cosine_threshold
from ..images.resizing import enlarged, reduced
from ..parts import part

__all__ = ["AsGiven", "BackProjected", "CosineThreshold", "Guess", "Membrane", "small_size"]


class Guess(Protocol):
    """What a spoiled picture was, without training."""

    @property
    def marks(self) -> int:
        """Channels of ``marked``."""
        ...

    def __call__(self, h: Tensor) -> Tensor:
        """The guess at pictures (B, C, H, W)."""
        ...

    def marked(self, h: Tensor) -> Tensor:
        """(B, marks, H, W): 1 where nothing is known."""
        ...

    def open(self, change: Tensor, marks: Tensor) -> Tensor:
        """The part of a change of the guess (B, C, H, W) that touches nothing known; linear."""
        ...


class _Anywhere:
    """Nothing is known for certain."""

    marks = 0

    def marked(self, h: Tensor) -> Tensor:
        """(B, 0, H, W)."""
        return h[:, :0]

    def open(self, change: Tensor, marks: Tensor) -> Tensor:
        """All of it."""
        return change


@part("guess", "as-given")
@dataclass(frozen=True)
class AsGiven(_Anywhere):
    """The picture as it was given."""

    def __call__(self, h: Tensor) -> Tensor:
        """The same."""
        return h


@part("guess", "cosine-threshold")
@dataclass(frozen=True)
class CosineThreshold(_Anywhere):
    """Noise taken out patch by patch; see ``images.cosine``.

    Args:
        sigma: standard deviation of the noise, of pixels in [0, 1].
        step: only patches at so many pixels from one another.
    """

    sigma: float
    step: int = 2

    def __call__(self, h: Tensor) -> Tensor:
        """The thresholded pictures."""
        return cosine_threshold(h, self.sigma, step=self.step, colours=True)


@part("guess", "membrane")
@dataclass(frozen=True)
class Membrane:
    """A hole, which is where every channel is ``hidden``, filled by Laplace's equation."""

    hidden: float = 0.5
    marks = 1

    def __call__(self, h: Tensor) -> Tensor:
        """The filled pictures."""
        return membrane(h, self._hole(h))

    def marked(self, h: Tensor) -> Tensor:
        """The hole."""
        return self._hole(h).to(h.dtype)

    def open(self, change: Tensor, marks: Tensor) -> Tensor:
        """What lies in the hole."""
        return change * marks

    def _hole(self, h: Tensor) -> Tensor:
        return (h == self.hidden).all(1, keepdim=True)


@part("guess", "back-projected")
@dataclass(frozen=True)
class BackProjected:
    """The bicubic enlargement that is the small picture again when it is reduced.

    Where R reduces and E enlarges, what was given is h = E s; the guess is E (R E)⁻¹ s with
    s = (R E)⁻¹ R h, which is where back-projection ends (Irani & Peleg 1991). A change c may be
    c − E (R E)⁻¹ R c, which reducing makes nothing of. All are matrices on either side of a picture.

    Args:
        factor: how many times smaller the picture was.
    """

    factor: float
    marks = 0

    def __call__(self, h: Tensor) -> Tensor:
        """The guess."""
        down, across = (self._matrices(side)[0].to(h) for side in h.shape[2:])
        return down @ h @ across.T

    def marked(self, h: Tensor) -> Tensor:
        """(B, 0, H, W)."""
        return h[:, :0]

    def open(self, change: Tensor, marks: Tensor) -> Tensor:
        """What reducing makes nothing of."""
        down, across = (self._matrices(side)[1].to(change) for side in change.shape[2:])
        return change - down @ change @ across.T

    def _matrices(self, side: int) -> tuple[Tensor, Tensor]:
        return _projections(side, small_size(side, self.factor))


def small_size(side: int, factor: float) -> int:
    """Pixels of a side that is made ``factor`` times smaller."""
    return max(1, round(side / factor))


@lru_cache(maxsize=64)
def _projections(side: int, fewer: int) -> tuple[Tensor, Tensor]:
    """E (R E)⁻² R and E (R E)⁻¹ R of one axis, each (side, side)."""
    with torch.device("cpu"), torch.no_grad():
        if fewer == side:
            return torch.eye(side), torch.eye(side)
        down = reduced(torch.eye(side)[None, None], (fewer, side))[0, 0].double()
        up = enlarged(torch.eye(fewer)[None, None], (side, fewer))[0, 0].double()
        back = up @ torch.linalg.inv(down @ up)
        once = back @ down
        return (back @ torch.linalg.solve(down @ up, down)).float(), once.float()
