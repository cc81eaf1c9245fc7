"""``Code``, which every bottleneck gives, and the protocol that every bottleneck keeps.

h_0 … h_L ──encode──► Code ──expand──► g_L
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..networks import Descent, Ladder
from ..randomness import Draws

if TYPE_CHECKING:
    from ..objectives import Step

__all__ = ["Bottleneck", "Code", "Latent"]


@dataclass(frozen=True)
class Latent:
    """One latent of a hierarchy: a draw, its posterior, and its prior given the latents below.

    Attributes:
        level: the boundary that it stands at; L is the base.
        z: (S, B, *latent), or (B, *latent) of a code without samples.
        mean, log_variance: of q(z|x, latents below), the shape of ``z``.
        prior_mean, prior_log_variance: of p(z|latents below); None is a standard normal.
    """

    level: int
    z: Tensor
    mean: Tensor
    log_variance: Tensor
    prior_mean: Tensor | None = None
    prior_log_variance: Tensor | None = None


@dataclass(frozen=True, repr=False)
class Code:
    """The code of B pictures, with the distribution that it was taken from where there is one.

    Attributes:
        z: (B, *code) or, where samples were asked for, (S, B, *code).
        mean, log_variance: (B, *code) of a Gaussian posterior q(z|x); None elsewhere.
        pooling_indices: per rung, what its way up may need of its way down; never stored.
        sampled: whether ``z`` has the axis S of samples in front.
        indices: (B, …) entries of a code book, where there is one.
        unquantised: (B, *code), what a learnt code book quantised; never stored.
        latents: of a hierarchy, the base first.
        resumed_at: the level from which decoding goes on, as encoding went up to it already, and the
            activation there (S·B, …).
        aux_loss: (B,) nats that the bottleneck adds to the bound, such as a commitment.
        metrics: scalars to log, such as a perplexity.

    Examples:
        >>> import torch
        >>> import narrows as nw
        >>> model = nw.recipes.mlp_vae((1, 8, 8), code_size=2).build()
        >>> code = model.encode(torch.zeros(3, 1, 8, 8))
        >>> code.z.shape, code.log_variance.shape
        (torch.Size([3, 2]), torch.Size([3, 2]))
    """

    z: Tensor
    mean: Tensor | None = None
    log_variance: Tensor | None = None
    pooling_indices: tuple[Tensor | None, ...] = ()
    sampled: bool = False
    indices: Tensor | None = None
    unquantised: Tensor | None = None
    latents: tuple[Latent, ...] = ()
    resumed_at: tuple[int, Tensor] | None = None
    aux_loss: Tensor | None = None
    metrics: Mapping[str, Tensor] = field(default_factory=dict)

    def __repr__(self) -> str:
        one = tuple(self.z.shape[2 if self.sampled else 1 :])
        draws = f", {self.z.shape[0]} draws each" if self.sampled else ""
        there = [
            name for name in ("mean", "log_variance", "indices") if getattr(self, name) is not None
        ]
        beside = f", with {' and '.join(there)}" if there else ""
        return f"<Code: {len(self):,} of shape {one}{draws}{beside}>"

    def __len__(self) -> int:
        """B, the number of pictures."""
        return self.z.shape[1 if self.sampled else 0]

    def repeat(self, rows: int) -> list[Tensor | None] | None:
        """The pooling indices, once for each of the ``rows`` that the samples make; or None."""
        if all(kept is None for kept in self.pooling_indices):
            return None
        return [
            None if kept is None else kept.repeat(rows // kept.shape[0], *[1] * (kept.ndim - 1))
            for kept in self.pooling_indices
        ]

    @staticmethod
    def joined(codes: list[Code]) -> Code:
        """One code of several batches: what can be stored, so neither pooling indices nor latents."""

        def join(name: str, along: int) -> Tensor | None:
            pieces = [getattr(code, name) for code in codes]
            return None if pieces[0] is None else torch.cat(pieces, along)

        sampled = codes[0].sampled
        z = join("z", 1 if sampled else 0)
        assert z is not None
        mean, log_variance = join("mean", 0), join("log_variance", 0)
        return Code(z, mean, log_variance, sampled=sampled, indices=join("indices", 0))

    def to(self, device: torch.device | str) -> Code:
        """What can be stored of it, on another device."""

        def moved(value: Tensor | None) -> Tensor | None:
            return None if value is None else value.to(device)

        mean, log_variance = moved(self.mean), moved(self.log_variance)
        indices = moved(self.indices)
        return Code(self.z.to(device), mean, log_variance, sampled=self.sampled, indices=indices)


class Bottleneck(nn.Module, ABC):
    """A module that turns the lowest activation into a code and a code into the way up's start.

    Attributes:
        shape: of the lowest activation, (C, H, W) or (D,).
        shapes: of every level of the ladder, where it reads several of them; else empty.
        code_shape: of one code.
        generative: whether there is a prior p(z) to draw from.
    """

    shape: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...] = ()
    code_shape: tuple[int, ...]
    generative: bool = False

    def drop_biases(self) -> None:
        """Do without a bias at the end of the way up, where the ladder takes it away again by a batch
        normalisation: of units, or of channels at all places alike."""
        last = getattr(self, "tail", None)
        if isinstance(last, (nn.Linear, nn.Conv2d)):
            last.register_parameter("bias", None)

    @abstractmethod
    def encode(self, descent: Descent, ladder: Ladder, samples: int | None, draws: Draws) -> Code:
        """All levels' activations → a code; its mean, or ``samples`` draws (S, B, *code)."""

    @abstractmethod
    def expand(self, code: Code, ladder: Ladder, draws: Draws | None = None) -> tuple[Tensor, int]:
        """A code, z (…, *code) → where the ladder ascends from: g (M, *shapes[level]), and level.

        M is all axes of ``z`` before the code's. Most begin at g_L; a hierarchy drives the way up
        to its last latent, and draws what a bare z leaves open if ``draws`` are given.
        """

    def kl(self, code: Code) -> Tensor | None:
        """KL(q(z|x) ‖ p(z)) in nats, (B,): in closed form given the latents below, averaged over
        the samples; None where there is no prior."""
        return None

    def log_posterior(self, code: Code) -> Tensor | None:
        """log q(z|x) in nats, (S, B); None where there is no density."""
        return None

    def log_prior(self, code: Code) -> Tensor | None:
        """log p(z) in nats, shape of ``z`` without the code's; None where there is no prior."""
        return None

    def after_step(self, step: Step) -> None:  # noqa: B027  # most have no state
        """Follow a training step that was taken, without gradients."""
