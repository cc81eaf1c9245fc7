"""Stateless randomness: every draw is a function of (seed, purpose, numbers).

Nothing here keeps a state, so a run that was killed and resumed draws what it would have drawn.

    Draws(seed=0, step=17)  ──  .normal("posterior", shape)   the same numbers whenever it is asked
                            └─  .uniform("corruption", shape)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from .processes import Share

__all__ = ["Draws", "generator", "permutation"]


def _key(seed: int, purpose: str, numbers: Sequence[int]) -> int:
    """64 bits that depend on every argument and on nothing else."""
    text = "\x1f".join([str(seed), purpose, *map(str, numbers)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(
    seed: int, purpose: str, *numbers: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """A fresh generator for one purpose; ``numbers`` are a step, a stream, an epoch, ..."""
    return torch.Generator(device=device).manual_seed(_key(seed, purpose, numbers))


def permutation(seed: int, purpose: str, n: int, *numbers: int) -> torch.Tensor:
    """A random order of ``n`` items, shape (n,) int64."""
    return torch.randperm(n, generator=generator(seed, purpose, *numbers))


@dataclass(frozen=True)
class Draws:
    """The randomness of one step. Asking twice for a purpose gives the same numbers.

    That is what lets a penalty encode the same batch again with the same noise. Where several processes
    share a batch, each draws for the whole of it and keeps its rows, so that how many they are changes
    no number.

    Attributes:
        seed, step: of the run.
        stream: tells apart what is drawn at the same step: the phases, validation, further samples.
        share: the rows of the batch that this process has; None: all.
    """

    seed: int = 0
    step: int = 0
    stream: int = 0
    share: Share | None = None

    def normal(
        self,
        purpose: str,
        shape: Sequence[int],
        device: torch.device | str = "cpu",
        *,
        axis: int | None = 0,
    ) -> torch.Tensor:
        """Standard normal float32 numbers of ``shape``.

        Args:
            axis: of the pictures; None where the shape is not that of a process's pictures, and all
                processes get the same.
        """
        return self._drawn(torch.randn, purpose, shape, device, axis)

    def uniform(
        self,
        purpose: str,
        shape: Sequence[int],
        device: torch.device | str = "cpu",
        *,
        axis: int | None = 0,
    ) -> torch.Tensor:
        """Uniform float32 numbers in [0, 1) of ``shape``; ``axis`` as of ``normal``."""
        return self._drawn(torch.rand, purpose, shape, device, axis)

    def integers(
        self,
        purpose: str,
        below: int,
        shape: Sequence[int],
        device: torch.device | str = "cpu",
        *,
        axis: int | None = 0,
    ) -> torch.Tensor:
        """Uniform int64 numbers in [0, below) of ``shape``; ``axis`` as of ``normal``."""
        return self._drawn(partial(torch.randint, below), purpose, shape, device, axis)

    def _drawn(
        self,
        draw: Callable[..., torch.Tensor],
        purpose: str,
        shape: Sequence[int],
        device: torch.device | str,
        axis: int | None,
    ) -> torch.Tensor:
        device = torch.device(device)
        source = generator(self.seed, purpose, self.step, self.stream, device=device)
        mine, whole = self.share, list(shape)
        if mine is None or not mine.split or axis is None:
            return draw(tuple(whole), generator=source, device=device)
        if whole[axis] != len(mine):
            raise ValueError(
                f"{purpose!r} is drawn with shape {tuple(shape)}, whose axis {axis} is not that of the "
                f"{len(mine)} pictures of this process: say which is by axis=, or axis=None"
            )
        whole[axis] = mine.whole
        drawn = draw(tuple(whole), generator=source, device=device)
        return drawn.narrow(axis, mine.first, len(mine))
