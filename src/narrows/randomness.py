"""Stateless randomness: every draw is a function of (seed, purpose, numbers).

Nothing here keeps a state, so a run that was killed and resumed draws what it would have drawn.

    Draws(seed=0, step=17)  ──  .normal("posterior", shape)   the same numbers whenever it is asked
                            └─  .uniform("corruption", shape)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch

__all__ = ["Draws", "generator", "permutation"]


def _key(seed: int, purpose: str, numbers: Sequence[int]) -> int:
    """64 bits that depend on every argument and on nothing else."""
    text = "\x1f".join([str(seed), purpose, *map(str, numbers)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(
    seed: int, purpose: str, *numbers: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A fresh generator for one purpose; ``numbers`` are a step, a rank, a sample, an epoch, ..."""
    return torch.Generator(device=device).manual_seed(_key(seed, purpose, numbers))


def permutation(seed: int, purpose: str, n: int, *numbers: int) -> torch.Tensor:
    """A random order of ``n`` items, shape (n,) int64."""
    return torch.randperm(n, generator=generator(seed, purpose, *numbers))


@dataclass(frozen=True)
class Draws:
    """The randomness of one step of one process. Asking twice for a purpose gives the same numbers.

    That is what lets a penalty encode the same batch again with the same noise.
    """

    seed: int = 0
    step: int = 0
    rank: int = 0

    def _generator(self, purpose: str, device: torch.device) -> torch.Generator:
        return generator(self.seed, purpose, self.step, self.rank, device=device)

    def normal(
        self, purpose: str, shape: Sequence[int], device: torch.device | str = "cpu"
    ) -> torch.Tensor:
        """Standard normal float32 numbers of ``shape``."""
        device = torch.device(device)
        source = self._generator(purpose, device)
        return torch.randn(tuple(shape), generator=source, device=device)

    def uniform(
        self, purpose: str, shape: Sequence[int], device: torch.device | str = "cpu"
    ) -> torch.Tensor:
        """Uniform float32 numbers in [0, 1) of ``shape``."""
        device = torch.device(device)
        source = self._generator(purpose, device)
        return torch.rand(tuple(shape), generator=source, device=device)

    def integers(
        self,
        purpose: str,
        below: int,
        shape: Sequence[int],
        device: torch.device | str = "cpu",
    ) -> torch.Tensor:
        """Uniform int64 numbers in [0, below) of ``shape``."""
        device = torch.device(device)
        source = self._generator(purpose, device)
        return torch.randint(below, tuple(shape), generator=source, device=device)
