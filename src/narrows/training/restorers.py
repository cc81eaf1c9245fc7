"""Beginnings of models that undo a corruption: the best affine restorer of the training pictures.

    noise          wiener             each principal component times λ / (λ + σ²)
    a hole         conditional-mean   of normal pictures, given what is around the hole
    fewer pixels   ridge              regression on the small picture

They set the affine map of an ``estimate`` ladder and read what is to be undone from the phase's
corruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..images import Source
from ..images.corruptions import Corruption
from ..images.resizing import reduced
from ..images.views import Mirrored
from ..measures.baselines import Pca, Ridge
from ..networks import EstimateRung
from ..parts import build, named, part
from ..randomness import Draws

if TYPE_CHECKING:
    from .phases import Phase

__all__ = ["ConditionalMeanBeginning", "RidgeBeginning", "WienerBeginning"]

Affine = tuple[Tensor, Tensor, Tensor, Tensor]  # as EstimateRung.begin takes it


class _Restorer:
    """Begins as an affine restorer, on an ``estimate`` ladder, of what one corruption spoils."""

    undoes: ClassVar[str]
    mirror: bool

    def check(self, model: Autoencoder, phase: Phase) -> None:
        """It wants an ``estimate`` ladder and a phase with its corruption.

        Raises:
            ValueError: another ladder or corruption.
        """
        name, rung = named(self), model.ladder.rung(0)
        if len(model.ladder) != 1 or not isinstance(rung, EstimateRung):
            raise ValueError(
                f"the beginning {name!r} needs the ladder 'estimate'; we got "
                f"{named(model.ladder)!r}"
            )
        got = None if phase.corruption is None else named(phase.corruption)
        if got != self.undoes:
            raise ValueError(
                f"the beginning {name!r} undoes the corruption {self.undoes!r}; the phase has {got!r}"
            )
        needed, rank = self.rank(model, phase), rung.inwards.out_features
        if needed is not None and needed != rank:
            raise ValueError(
                f"the beginning {name!r} needs the rank {needed} of this corruption's pictures; the "
                f"ladder has {rank}"
            )

    def rank(self, model: Autoencoder, phase: Phase) -> int | None:
        """The only rank that it can begin with, or None: any."""
        return None

    def __call__(self, model: Autoencoder, source: Source, phase: Phase, seed: int) -> str:
        """Set the affine map."""
        rung = model.ladder.rung(0)
        assert isinstance(rung, EstimateRung)
        images = Mirrored(source) if self.mirror else source
        corruption: Corruption = build("corruption", phase.corruption)
        mean, inwards, outwards, told = self.affine(
            images, corruption, len(rung.inwards.bias), seed
        )
        missing = len(rung.inwards.bias) - len(inwards)
        if missing:  # fewer pictures than directions: the others say nothing
            inwards = torch.cat([inwards, inwards.new_zeros(missing, inwards.shape[1])])
            outwards = torch.cat([outwards, outwards.new_zeros(len(outwards), missing)], 1)
        rung.begin(mean, inwards, outwards, told)
        rung.requires_grad_(True)  # what stays as it begins is the phase's to say
        also = " and their mirror images" if self.mirror else ""
        return f"begins as {named(self)} of {len(source):,} pictures{also}"

    def affine(self, images: Source, corruption: Corruption, rank: int, seed: int) -> Affine:
        """Mean of what is given, the way in, the way out, and the mean of what is told."""
        raise NotImplementedError


@part("begin", "wiener")
@dataclass(frozen=True)
class WienerBeginning(_Restorer):
    """The Wiener filter in the space of principal components, against Gaussian noise.

    Args:
        mirror: whether mirrored pictures are pictures too.
    """

    mirror: bool = True
    undoes: ClassVar[str] = "gaussian-noise"

    def affine(self, images: Source, corruption: Corruption, rank: int, seed: int) -> Affine:
        """x ↦ m + Vᵀ Λ/(Λ + σ²) V (x − m)."""
        pca = Pca.fit(images, min(rank, Pca.most(images)), seed=seed)
        sigma = float(corruption.sigma)  # type: ignore[attr-defined]  # checked
        kept = pca.variances / (pca.variances + sigma**2).clamp_min(1e-12)
        return pca.mean, pca.components, (kept[:, None] * pca.components).t().contiguous(), pca.mean


@part("begin", "conditional-mean")
@dataclass(frozen=True)
class ConditionalMeanBeginning(_Restorer):
    """The conditional mean of normal pictures given what is around a rectangular hole.

    Args:
        shrinkage: added to every variance of the pictures, in squared units of [0, 1] pixels.
        mirror: whether mirrored pictures are pictures too.
    """

    shrinkage: float = 2e-2
    mirror: bool = True
    undoes: ClassVar[str] = "rectangle"

    def affine(self, images: Source, corruption: Corruption, rank: int, seed: int) -> Affine:
        """As ``measures.conditional_mean``, with one mask for all."""
        pca = Pca.fit(images, min(rank, Pca.most(images)), seed=seed)
        rest = pca.rest + self.shrinkage
        scale = (pca.variances - pca.rest).clamp_min(0).sqrt()[:, None] * pca.components
        ones = torch.ones(1, *images.shape)
        known = (corruption(ones, Draws()) == corruption(0 * ones, Draws())).logical_not().flatten()
        seen = scale * known
        square = seen @ seen.t() + rest * torch.eye(len(scale))
        return pca.mean, torch.linalg.solve(square, seen), scale.t().contiguous(), pca.mean


@part("begin", "ridge")
@dataclass(frozen=True)
class RidgeBeginning(_Restorer):
    """Ridge regression on the small picture, which is got back from the one that was enlarged again.

    The ladder's rank is the number of the small picture's values.

    Args:
        strength: of the regression, in squared units of [0, 1] pixels.
        mirror: whether mirrored pictures are pictures too.
    """

    strength: float = 1e-3
    mirror: bool = True
    undoes: ClassVar[str] = "downscale"

    def rank(self, model: Autoencoder, phase: Phase) -> int:
        """The small picture's values."""
        small = _small(model.shape, float(build("corruption", phase.corruption).factor))
        return model.shape[0] * small[0] * small[1]

    def affine(self, images: Source, corruption: Corruption, rank: int, seed: int) -> Affine:
        """The small picture by a bicubic map, then the regression."""
        deep, *sides = images.shape
        small = _small(tuple(images.shape), float(corruption.factor))  # type: ignore[attr-defined]
        down, across = (
            reduced(torch.eye(side)[None, None], (fewer, side))[0, 0]
            for side, fewer in zip(sides, small, strict=True)
        )
        inwards = torch.block_diag(*[torch.kron(down, across)] * deep)  # type: ignore[no-untyped-call]
        x = torch.cat(list(_batches(images)))
        given = torch.cat(
            [corruption(some, Draws()).flatten(1) @ inwards.t() for some in torch.split(x, 256)]
        )
        ridge = Ridge.fit(given, x, self.strength)
        mean = x.mean(0).flatten()
        told = ridge.mean + (inwards @ mean - ridge.known) @ ridge.weight
        return mean, inwards, ridge.weight.t().contiguous(), told


def _small(shape: tuple[int, ...], factor: float) -> tuple[int, int]:
    return max(1, round(shape[1] / factor)), max(1, round(shape[2] / factor))


def _batches(images: Source) -> Iterator[Tensor]:
    for rows in torch.split(torch.arange(len(images)), 256):
        yield images.batch(rows).cpu()
