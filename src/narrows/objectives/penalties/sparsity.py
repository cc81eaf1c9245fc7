"""Penalties that keep a code sparse."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...parts import part
from ..step import Step

__all__ = ["L1"]


@part("penalty", "l1")
@dataclass(frozen=True)
class L1:
    """Σ |z| over the code, averaged over samples and batch."""

    weight: float = 1e-3

    def penalty(self, step: Step) -> Tensor:
        """A scalar."""
        return step.code.z.abs().flatten(2).sum(-1).mean()
