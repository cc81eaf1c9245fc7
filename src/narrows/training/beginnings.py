"""What a model's weights are before its first step: the best linear map of the training pictures.

    training pictures ──PCA, ridge, Wiener──► an affine map ──► the linear part of the model's ladder

A beginning is a part of a phase, so a recipe that names it makes the same start again. Which weights
stay as they begin is the phase's ``frozen``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..autoencoder import Autoencoder
from ..bottlenecks import Gaussian, Point
from ..images import Source
from ..images.views import Mirrored, Viewed
from ..measures.baselines import LIMIT, VALUES, VIEWS, Pca
from ..networks import LinearResidualRung, ProjectionRung
from ..parts import build, named, part

if TYPE_CHECKING:
    from .phases import Phase

__all__ = [
    "AsBuilt",
    "Beginning",
    "MirroredPcaBeginning",
    "PcaBeginning",
    "ViewedPcaBeginning",
    "pca_rows",
]

# a direction whose variance is below this share of the largest is one that the pictures do not have
NOTHING = 1e-9


@runtime_checkable
class Beginning(Protocol):
    """Sets the weights of a model from the pictures that it is going to be trained on."""

    def check(self, model: Autoencoder, phase: Phase) -> None:
        """Raise a ValueError if it does not fit the model or the phase."""
        ...

    def __call__(self, model: Autoencoder, source: Source, phase: Phase, seed: int) -> str:
        """Set the weights; gives a sentence about it."""
        ...


def pca_rows(source: Source, width: int, seed: int = 0, limit: int = LIMIT) -> Pca:
    """PCA with at most ``width`` components: as many as the pictures have directions they differ in."""
    most = Pca.most(source, limit=limit)
    pca = Pca.fit(source, min(width, most), limit=limit, seed=seed)
    floor = NOTHING * float(pca.variances[0]) if len(pca) else 0.0
    real = int((pca.variances > max(floor, 1e-12)).sum())
    return replace(pca, components=pca.components[:real], variances=pca.variances[:real])


@dataclass(frozen=True)
class _PcaOf:
    """Begins as PCA, on a ladder that holds a linear map."""

    shrink: float = 0.0
    limit: int = LIMIT

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"PCA is fitted on 1 picture or more; we got a limit of {self.limit}")

    def of(self, source: Source, phase: Phase, seed: int) -> tuple[Source, str]:
        """What PCA is fitted on, and that in words."""
        return source, f"{len(source):,} pictures"

    def check(self, model: Autoencoder, phase: Phase) -> None:
        """It wants a ladder of one rung with a linear map, and a code as wide.

        Raises:
            ValueError: another ladder or bottleneck.
        """
        name = named(self)
        rung = model.ladder.rung(0)
        if len(model.ladder) != 1 or not isinstance(rung, (LinearResidualRung, ProjectionRung)):
            raise ValueError(
                f"the beginning {name!r} needs a ladder with one linear map, 'linear-residual' or "
                f"'projection'; we got {named(model.ladder)!r}"
            )
        bottleneck, (width,) = model.bottleneck, rung.below
        fits = isinstance(bottleneck, Gaussian) or (
            isinstance(bottleneck, Point) and bottleneck.head is None
        )
        if not fits or bottleneck.code_shape != (width,):
            raise ValueError(
                f"the beginning {name!r} needs the bottleneck 'point' without a size, or 'gaussian' "
                f"with the ladder's size of {width}; we got {named(bottleneck)!r} with a code "
                f"of shape {bottleneck.code_shape}"
            )

    def __call__(self, model: Autoencoder, source: Source, phase: Phase, seed: int) -> str:
        """Set the linear map, and a posterior as wide as the likelihood's variance makes it."""
        rung = model.ladder.rung(0)
        (width,) = rung.below
        fitted, what = self.of(source, phase, seed)
        pca = pca_rows(fitted, width, seed, self.limit)
        deviations = pca.variances.sqrt()
        within = torch.ones(len(pca))  # deviation of a code of the ladder
        if isinstance(rung, LinearResidualRung):
            rung.linear.begin(pca.mean, pca.components, deviations)
        elif isinstance(rung, ProjectionRung):
            components = torch.zeros(width, len(pca.mean))
            components[: len(pca)] = pca.components
            rung.begin(pca.mean, components)
            within = deviations
        if isinstance(model.bottleneck, Gaussian):
            noise = float(getattr(model.likelihood, "variance", pca.rest))
            _as_posterior(model.bottleneck, within, pca.variances, noise, self.shrink)
        text = f"begins as PCA of {what}, {len(pca):,} components"
        if len(pca) < width:
            text += f"; they differ in no more, so {width - len(pca):,} of {width:,} numbers begin at nothing"
        return text


def _as_posterior(
    bottleneck: Gaussian, within: Tensor, variances: Tensor, noise: float, shrink: float
) -> None:
    """Codes of unit variance whose posterior is that of probabilistic PCA (Tipping & Bishop 1999).

    A component of variance λ has the posterior deviation σ / √(λ + σ²); its mean is the code itself,
    or times λ / (λ + shrink · σ²).
    """
    k, width = len(within), bottleneck.code_shape[0]
    head, tail = (
        next(m for m in module.modules() if isinstance(m, nn.Linear))
        for module in (bottleneck.head, bottleneck.tail)
    )
    to_unit, back = torch.ones(width), torch.ones(width)
    to_unit[:k] = variances / (variances + shrink * noise) / within
    back[:k] = within
    log_variance = torch.zeros(width)  # of a number that says nothing: the prior's
    log_variance[:k] = (noise / (variances + noise)).log()
    with torch.no_grad():
        head.weight.zero_()
        head.weight[:width] = torch.diag(to_unit)
        head.bias.zero_()
        head.bias[width:] = log_variance
        tail.weight.copy_(torch.diag(back))
        tail.bias.zero_()


@part("begin", "as-built")
@dataclass(frozen=True)
class AsBuilt:
    """The weights as the recipe builds them, which already answer something: that may stay the best."""

    def check(self, model: Autoencoder, phase: Phase) -> None:
        """It fits every model."""

    def __call__(self, model: Autoencoder, source: Source, phase: Phase, seed: int) -> str:
        """Leave the weights."""
        return "begins as it is built"


@part("begin", "pca")
@dataclass(frozen=True)
class PcaBeginning(_PcaOf):
    """PCA of the training pictures.

    Args:
        shrink: share of the noise by which a Gaussian code's mean is shrunk; 0 is PCA itself.
        limit: most pictures of more than 1,024 values that it is fitted on.
    """


@part("begin", "mirrored-pca")
@dataclass(frozen=True)
class MirroredPcaBeginning(_PcaOf):
    """PCA of the training pictures and their mirror images, left for right.

    Args:
        shrink, limit: as of ``pca``.
    """

    def of(self, source: Source, phase: Phase, seed: int) -> tuple[Source, str]:
        """What PCA is fitted on, and that in words."""
        return Mirrored(source), f"{len(source):,} pictures and their mirror images"


@part("begin", "viewed-pca")
@dataclass(frozen=True)
class ViewedPcaBeginning(_PcaOf):
    """PCA of views of the training pictures, as the phase makes them; without views, of the pictures.

    Args:
        shrink: as of ``pca``.
        limit: how many views, as far as memory allows; of few pictures four each.
    """

    def of(self, source: Source, phase: Phase, seed: int) -> tuple[Source, str]:
        """What PCA is fitted on, and that in words."""
        if phase.views is None:
            return source, f"{len(source):,} pictures"
        views = build("corruption", phase.views)
        count = min(self.limit, VIEWS * len(source), max(1, VALUES // math.prod(source.shape)))
        return Viewed(source, views, count, seed), f"{count:,} views of {len(source):,} pictures"
