"""The one model class: a ladder, a bottleneck and a likelihood.

x ──ladder.descend──► h_L ──bottleneck.encode──► z ──bottleneck.expand──► g_L ──ladder.ascend──► raw
                                                                  raw ──likelihood.mean──► x̂
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .bottlenecks import Bottleneck, Code
from .images import Source, as_source
from .networks import Ladder
from .objectives import Likelihood
from .parts import Part, build, part_of
from .randomness import Draws

__all__ = ["Autoencoder"]

Progress = Callable[[int, int], None]


class Autoencoder(nn.Module):
    """An image autoencoder.

    Args:
        ladder: the way down and up, or the part that names it.
        bottleneck: what becomes of the lowest activation, or its part.
        likelihood: what the raw output means, or its part.

    Attributes:
        recipe: how it was trained, where that is known.

    Raises:
        ValueError: a part that is not listed, or parts that do not fit.
    """

    def __init__(
        self, ladder: Ladder | Part, bottleneck: nn.Module | Part, likelihood: nn.Module | Part
    ) -> None:
        super().__init__()
        self.ladder: Ladder = build("ladder", ladder)
        made = build("bottleneck", bottleneck, shape=self.ladder.narrowest)
        if not isinstance(made, Bottleneck):
            raise ValueError(f"a bottleneck was wanted; we got {type(made).__name__}")
        if made.shape != self.ladder.narrowest:
            raise ValueError(
                f"the ladder ends in {self.ladder.narrowest} but the bottleneck takes {made.shape}; "
                "build it with shape=ladder.narrowest"
            )
        self.bottleneck = made
        self.likelihood = build("likelihood", likelihood)
        if not isinstance(self.likelihood, Likelihood):
            raise ValueError(f"a likelihood was wanted; we got {type(self.likelihood).__name__}")
        self.recipe: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of the pictures."""
        return self.ladder.shape

    @property
    def code_shape(self) -> tuple[int, ...]:
        """(D,) or (D, H, W) of one code."""
        return self.bottleneck.code_shape

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def parts(self) -> dict[str, Part]:
        """The three parts as data."""
        return {
            name: part_of(getattr(self, name)) for name in ("ladder", "bottleneck", "likelihood")
        }

    def posterior(self, x: Tensor, samples: int | None = None, draws: Draws | None = None) -> Code:
        """x (B, C, H, W) → its code, differentiable: the mean, or ``samples`` draws (S, B, *code)."""
        return self.bottleneck.encode(self.ladder.descend(x), samples, draws or Draws())

    def raw(self, z: Tensor, switches: Sequence[Tensor | None] = ()) -> Tensor:
        """z (…, *code) → the ladder's raw output (…, C, H, W), differentiable."""
        axes = len(self.code_shape)
        if tuple(z.shape[-axes:]) != self.code_shape:
            raise ValueError(
                f"this model decodes codes of shape (…, {', '.join(map(str, self.code_shape))}); "
                f"we got {tuple(z.shape)}"
            )
        flat = z.reshape(-1, *self.code_shape)
        repeats = 1
        if switches and flat.shape[0]:
            repeats = flat.shape[0] // max(1, next((len(s) for s in switches if s is not None), 1))
        widened = [None if s is None else s.repeat(repeats, *[1] * (s.ndim - 1)) for s in switches]
        out = self.ladder.ascend(self.bottleneck.expand(flat, self.ladder), widened or None)
        return out.reshape(*z.shape[:-axes], *out.shape[1:]) if z.ndim != axes + 1 else out

    def decode(self, z: Tensor) -> Tensor:
        """z (…, *code) → mean pictures (…, C, H, W) in [0, 1], differentiable."""
        out: Tensor = self.likelihood.mean(self.raw(z))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) → its reconstruction from the mean code, (B, C, H, W)."""
        code = self.posterior(x)
        out: Tensor = self.likelihood.mean(self.raw(code.z, code.switches))
        return out

    def encode(
        self,
        images: Source | np.ndarray[Any, Any] | Tensor,
        samples: int | None = None,
        *,
        seed: int = 0,
        batch_size: int = 256,
        progress: Progress | None = None,
    ) -> Code:
        """The codes of any number of pictures, in batches, in float32, without gradients.

        Args:
            images: a source or an array of pictures of this model's shape.
            samples: draws per picture; None gives the mean.
            seed: of the draws; they depend on ``batch_size`` too.
            progress: called with (done, total).

        Returns:
            A code on the processor, z (N, *code) or (S, N, *code).
        """
        source = self._fitting(images)
        found = []
        with self.evaluating():
            for number, x in enumerate(self._batches(source, batch_size, progress)):
                found.append(self.posterior(x, samples, Draws(seed, number)).to("cpu"))
        return Code.joined(found)

    def reconstruct(
        self,
        images: Source | np.ndarray[Any, Any] | Tensor,
        *,
        batch_size: int = 256,
        progress: Progress | None = None,
    ) -> Tensor:
        """The reconstructions of any number of pictures, (N, C, H, W) float32 in [0, 1]."""
        source = self._fitting(images)
        with self.evaluating():
            return torch.cat([self(x).cpu() for x in self._batches(source, batch_size, progress)])

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluation mode (running statistics) and no gradients for as long as it is open."""
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.train(was_training)

    def _fitting(self, images: Any) -> Source:
        source = as_source(images)
        if tuple(source.shape) != tuple(self.shape):
            raise ValueError(
                f"this model takes pictures of shape {tuple(self.shape)}; we got "
                f"{tuple(source.shape)}: open them with size={self.shape[1:]} and "
                f"mode={'gray' if self.shape[0] == 1 else 'rgb'!r}"
            )
        return source

    def _batches(
        self, source: Source, batch_size: int, progress: Progress | None
    ) -> Iterator[Tensor]:
        for start in range(0, len(source), batch_size):
            stop = min(start + batch_size, len(source))
            yield source.batch(torch.arange(start, stop)).to(self.device)
            if progress is not None:
                progress(stop, len(source))
