"""Beginnings of models that undo a corruption: a guess without training, mixed with an affine restorer.

    noise          wiener             each principal component times λ / (λ + σ²)
    a hole         conditional-mean   of normal pictures, given what is around the hole
    fewer pixels   ridge              regression on the small picture

    x̂ = share · guess + affine map        share and strength: least error on a fifth of the pictures

They set the affine map of an ``estimate`` ladder and read what is to be undone from the phase's
corruption. Where no map does better than the ladder's guess alone, the guess alone is the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from ..autoencoder import Autoencoder
from ..images import Source, split
from ..images.corruptions import Corruption
from ..images.views import Mirrored, Subset
from ..measures.baselines import Pca
from ..networks import EstimateRung
from ..parts import build, named, part
from ..randomness import Draws, permutation

if TYPE_CHECKING:
    from .phases import Phase

__all__ = ["ConditionalMeanBeginning", "RidgeBeginning", "WienerBeginning"]

MOST = 4096  # pictures that a map is fitted to
HELD = 256  # of the held-out fifth that share and strength are chosen on
FEWEST = 10  # pictures, below which the guess alone is the beginning
CHOOSING = Draws(0, 0, stream=-2)  # what the held-out pictures are spoiled by


@dataclass(frozen=True)
class _Affine:
    """x ↦ told + outwards · inwards · (x − mean), and of that the part that the guess's share replaces.

    Attributes:
        mean: (P,).
        inwards: (k, P).
        outwards, told: (P, k) and (P,), each without any guess, and what a whole guess takes away.
        spread: (k, k), the covariance of what inwards gives.
    """

    mean: Tensor
    inwards: Tensor
    outwards: tuple[Tensor, Tensor]
    told: tuple[Tensor, Tensor]
    spread: Tensor

    def of(self, share: float) -> tuple[Tensor, Tensor]:
        """outwards and told beside a share of the guess."""
        outwards, told = (a - share * b for a, b in (self.outwards, self.told))
        return outwards, told

    def __call__(self, x: Tensor, share: float) -> Tensor:
        """What it makes of pictures (B, C, H, W)."""
        outwards, told = self.of(share)
        flat = (x.flatten(1) - self.mean) @ self.inwards.t() @ outwards.t() + told
        return flat.reshape(x.shape)


Family = Callable[[float], _Affine]  # of a strength


class _Restorer:
    """Begins as a guess and an affine restorer, on an ``estimate`` ladder, of what one corruption spoils."""

    undoes: ClassVar[str]
    strengths: ClassVar[Sequence[float]]
    mirror: bool
    share: float | None
    strength: float | None

    def check(self, model: Autoencoder, phase: Phase) -> None:
        """It wants an ``estimate`` ladder with a map, and a phase with its corruption.

        Raises:
            ValueError: another ladder or corruption, or a rank of 0.
        """
        name, rung = named(self), model.ladder.rung(0)
        if len(model.ladder) != 1 or not isinstance(rung, EstimateRung) or not rung.rank:
            raise ValueError(
                f"the beginning {name!r} needs the ladder 'estimate' with a rank of 1 or more; we got "
                f"{named(model.ladder)!r}"
            )
        got = None if phase.corruption is None else named(phase.corruption)
        if got != self.undoes:
            raise ValueError(
                f"the beginning {name!r} undoes the corruption {self.undoes!r}; the phase has {got!r}"
            )

    def __call__(self, model: Autoencoder, source: Source, phase: Phase, seed: int) -> str:
        """Set the affine map and the guess's share."""
        rung = model.ladder.rung(0)
        assert isinstance(rung, EstimateRung)
        corruption: Corruption = build("corruption", phase.corruption)
        chosen, said = (self.share, self.strength), ""
        if None in chosen:
            chosen, said = self._chosen(rung, source, corruption, seed)
        of = f"{len(source):,} pictures" + (" and their mirror images" if self.mirror else "")
        if chosen[1] is None:
            nothing = torch.zeros(rung.inwards.in_features)
            none = torch.zeros(0, len(nothing))
            rung.begin(nothing, none, none.t(), nothing, 1.0)
            what = f"{named(rung.guess)} alone"
        else:
            share, strength = float(chosen[0] or 0.0), chosen[1]
            family = self.family(self._pictures(source, seed), corruption, rung, seed)
            affine = family(strength)
            outwards, told = affine.of(share)
            low = _reduced_rank(affine.inwards, outwards, affine.spread, rung.rank)
            rung.begin(affine.mean, *low, told, share)
            what = f"{named(self)} of {of}"
            if share:
                what = f"{what} and {share:.2f} times {named(rung.guess)}"
        rung.requires_grad_(True)  # what stays as it begins is the phase's to say
        return f"begins as {what}{said}"

    def _pictures(self, source: Source, seed: int) -> Source:
        """At most so many of them, with their mirror images where these are pictures too."""
        most = MOST // 2 if self.mirror else MOST
        if len(source) > most:
            source = Subset(source, permutation(seed, "beginning", len(source))[:most].numpy())
        return Mirrored(source) if self.mirror else source

    def _chosen(
        self, rung: EstimateRung, source: Source, corruption: Corruption, seed: int
    ) -> tuple[tuple[float | None, float | None], str]:
        """Share and strength (None: the guess alone) of least error on a fifth, and that in words."""
        alone: tuple[tuple[float | None, float | None], str] = (1.0, None), ""
        if len(source) < FEWEST:
            return alone
        parts = split(source, validation=0.2, seed=seed)
        if parts.validation is None or not len(parts.validation) or not len(parts.train):
            return alone
        rows = torch.arange(min(HELD, len(parts.validation)))
        x = parts.validation.batch(rows).float().cpu()
        family = self.family(self._pictures(parts.train, seed), corruption, rung, seed)
        given = corruption(x, CHOOSING)
        with torch.no_grad():
            guess = rung.guess(given)
            best = error = float((guess - x).square().mean())
            chosen: tuple[float | None, float | None] = (1.0, None)
            strengths = self.strengths if self.strength is None else (self.strength,)
            for strength in strengths:
                affine = family(strength)
                ends = [rung.mixed(given, guess, affine(given, end), end) for end in (0.0, 1.0)]
                apart = ends[1] - ends[0]
                along = float(((x - ends[0]) * apart).sum() / apart.square().sum().clamp_min(1e-12))
                share = min(max(along, 0.0), 1.0) if self.share is None else self.share
                got = float((ends[0] + share * apart - x).square().mean())
                if got < best:
                    best, chosen = got, (share, strength)
        ours, theirs = (-10 * torch.tensor(e).clamp_min(1e-10).log10() for e in (best, error))
        return chosen, (
            f", chosen on {len(rows):,} of them: {ours:.2f} dB, {named(rung.guess)} alone {theirs:.2f}"
        )

    def family(
        self, images: Source, corruption: Corruption, rung: EstimateRung, seed: int
    ) -> Family:
        """The affine maps of pictures, which go with a share of the guess."""
        raise NotImplementedError


@part("begin", "wiener")
@dataclass(frozen=True)
class WienerBeginning(_Restorer):
    """The Wiener filter in the space of principal components, against Gaussian noise.

    Args:
        share: of the ladder's guess, the rest is the filter's; None: chosen.
        strength: how many times the noise's variance is reckoned with; None: chosen.
        mirror: whether mirrored pictures are pictures too.
    """

    share: float | None = None
    strength: float | None = None
    mirror: bool = True
    undoes: ClassVar[str] = "gaussian-noise"
    strengths: ClassVar[Sequence[float]] = (1.0, 2.0, 4.0)

    def family(
        self, images: Source, corruption: Corruption, rung: EstimateRung, seed: int
    ) -> Family:
        """x ↦ (1 − share) · (m + Vᵀ Λ/(Λ + strength σ²) V (x − m))."""
        pca = Pca.fit(images, min(rung.rank, Pca.most(images)), seed=seed)
        variance = float(corruption.sigma) ** 2  # type: ignore[attr-defined]  # checked

        def affine(strength: float) -> _Affine:
            kept = pca.variances / (pca.variances + strength * variance).clamp_min(1e-12)
            outwards = (kept[:, None] * pca.components).t()
            spread = torch.diag(pca.variances + variance)
            return _Affine(pca.mean, pca.components, (outwards,) * 2, (pca.mean,) * 2, spread)

        return affine


@part("begin", "conditional-mean")
@dataclass(frozen=True)
class ConditionalMeanBeginning(_Restorer):
    """The conditional mean of normal pictures given what is around a rectangular hole.

    Args:
        share: of the ladder's guess, the rest is the mean's; None: chosen.
        strength: added to every variance of the pictures, in squared units of [0, 1] pixels; None:
            chosen.
        mirror: whether mirrored pictures are pictures too.
    """

    share: float | None = None
    strength: float | None = None
    mirror: bool = True
    undoes: ClassVar[str] = "rectangle"
    strengths: ClassVar[Sequence[float]] = (5e-3, 1e-2, 2e-2, 4e-2, 8e-2)

    def family(
        self, images: Source, corruption: Corruption, rung: EstimateRung, seed: int
    ) -> Family:
        """As ``measures.conditional_mean``, with one mask for all, at the rank that it needs."""
        pca = Pca.fit(images, min(DIRECTIONS, Pca.most(images)), seed=seed)
        scale = (pca.variances - pca.rest).clamp_min(0).sqrt()[:, None] * pca.components
        ones = torch.ones(1, *images.shape)
        known = (corruption(ones, Draws()) == corruption(0 * ones, Draws())).logical_not().flatten()
        seen, hidden = scale * known, (scale * ~known).t()
        square = seen @ seen.t()

        def affine(strength: float) -> _Affine:
            whole = square + (pca.rest + strength) * torch.eye(len(scale))
            inwards, spread = torch.linalg.solve(whole, torch.cat([seen, square], 1)).split(
                [seen.shape[1], len(scale)], 1
            )
            return _Affine(pca.mean, inwards, (hidden,) * 2, (pca.mean,) * 2, spread)

        return affine


DIRECTIONS = 512  # of normal pictures: details around a hole tell a little, too


def _reduced_rank(
    inwards: Tensor, outwards: Tensor, spread: Tensor, rank: int
) -> tuple[Tensor, Tensor]:
    """The map outwards (P, k) · inwards (k, P) at a lower rank, with the least change of what it tells.

    Args:
        spread: (k, k), the covariance of what inwards gives.
    """
    if len(inwards) <= rank:
        return inwards, outwards
    values, vectors = torch.linalg.eigh((spread + spread.t()).double() / 2)
    root = vectors * values.clamp_min(0).sqrt()
    gram = (outwards.t() @ outwards).double()
    found, turned = torch.linalg.eigh(root.t() @ gram @ root)
    made = root @ turned[:, -rank:] / found[-rank:].clamp_min(1e-12).sqrt()
    return (made.t() @ gram).float() @ inwards, outwards @ made.float()


@part("begin", "ridge")
@dataclass(frozen=True)
class RidgeBeginning(_Restorer):
    """Ridge regression from what is given, in the space of its components, to what the guess lacks.

    Args:
        share: of the ladder's guess; None: chosen.
        strength: of the regression, in squared units of [0, 1] pixels; None: chosen.
        mirror: whether mirrored pictures are pictures too.
    """

    share: float | None = None
    strength: float | None = None
    mirror: bool = True
    undoes: ClassVar[str] = "downscale"
    strengths: ClassVar[Sequence[float]] = (1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0)

    def family(
        self, images: Source, corruption: Corruption, rung: EstimateRung, seed: int
    ) -> Family:
        """z ↦ (Λ + strength)⁻¹ E[z (x − share · guess)ᵀ], z = V (given − its mean)."""
        x = torch.cat(list(_batches(images)))
        given = corruption(x, Draws())
        with torch.no_grad():
            guess = rung.guess(given).flatten(1)
        pca = Pca.fit(given, min(rung.rank, Pca.most(given)), seed=seed)
        found = pca.encode(given)
        mean, guessed = x.flatten(1).mean(0), guess.mean(0)
        both = [found.t() @ one / len(found) for one in (x.flatten(1) - mean, guess - guessed)]

        def affine(strength: float) -> _Affine:
            shrunk = (pca.variances + strength)[:, None]
            ends = ((both[0] / shrunk).t(), (both[1] / shrunk).t())
            spread = torch.diag(pca.variances)
            return _Affine(pca.mean, pca.components, ends, (mean, guessed), spread)

        return affine


def _batches(images: Any) -> Iterator[Tensor]:
    for rows in torch.split(torch.arange(len(images)), 256):
        yield images.batch(rows).float().cpu()
