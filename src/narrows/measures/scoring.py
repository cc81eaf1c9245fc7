"""Scores of pictures by a model and by distances among its codes, fitted once and used often.

normal pictures ──scorer──► distances from their codes      pictures ──scorer──► scores
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..autoencoder import Autoencoder
from ..images import as_source
from ..images.views import Subset
from ..near import meant
from .anomaly_scores import (
    SCORES,
    Background,
    anomaly_scores,
    in_blocks,
    input_complexity,
    supported,
)
from .baselines import Pca
from .code_distances import DISTANCES, CodeDistance, LocalExcess
from .pathway import Nap

__all__ = [
    "FITTED",
    "KNOWN",
    "RESIDUAL",
    "USUAL",
    "Scorer",
    "codes_of",
    "distance",
    "needs_normals",
    "residual_of",
    "residuals",
    "scorer",
    "scores_of",
]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

# by names
RESIDUAL = "pca-residual"
OF_CODES = (*DISTANCES, "local-excess")
FITTED = (*OF_CODES, "nap", RESIDUAL)
KNOWN = (*SCORES, *FITTED)
# what every autoencoder has, without draws. Of the sets of scores whose mean rank finds no family of
# `narrows reproduce narrows --only "usual scores"` (a class left out, one class, painted flaws; no test
# picture) worse than the residual of PCA alone by more than 0.02 of AUROC, it is the best on average
USUAL = ("cosine-knn", "local-excess", RESIDUAL)
NEIGHBOURS = {"knn": 5, "cosine-knn": 5, "lof": 20}
REGRETS = 8  # a likelihood-regret takes one draw where other scores take so many
PIXELS = 1 << 22  # of pictures that a residual is taken of at a time
# normal codes that neighbours are looked for among: all pairs of more take minutes
MOST = 60_000


@dataclass(frozen=True)
class Scorer:
    """Pictures → raw scores by name, higher for more anomalous ones.

    Attributes:
        model: an autoencoder, or another ``Encoder``.
        names: of the scores.
        distances: those of the codes, fitted.
        excess: of the reconstruction error, fitted, where it is asked for.
        pca: whose residual is asked for, fitted.
        nap: what the levels see of reconstructions, fitted, where it is asked for.
        background: what ``likelihood-ratio`` compares with.
        samples, seed: of the scores that draw codes.
    """

    model: Any
    names: tuple[str, ...]
    distances: Mapping[str, CodeDistance]
    background: Background | None = None
    samples: int = 16
    seed: int = 0
    excess: LocalExcess | None = None
    pca: Pca | None = None
    nap: Nap | None = None

    def __call__(self, images: Any, progress: Progress | None = None) -> dict[str, Array]:
        """A source or an array of pictures → (N,) float64 each, in the order of ``names``.

        ``features`` and ``kl`` bring their pieces, such as ``features/1``.

        Raises:
            ValueError: pictures of another shape, or codes that are not finite.
        """
        raw = [name for name in self.names if name in SCORES]
        if self.excess is not None and "reconstruction" not in raw:
            raw.append("reconstruction")
        scores: dict[str, Array] = {}
        if raw:
            raw_scores = anomaly_scores(
                self.model,
                images,
                raw,
                background=self.background,
                samples=self.samples,
                regret_samples=max(1, self.samples // REGRETS),
                seed=self.seed,
                progress=progress,
            )
            scores = {name: value.numpy() for name, value in raw_scores.items()}
        if self.distances or self.excess is not None:
            codes = codes_of(self.model, images, None if raw else progress)
            scores |= {name: one.score(codes) for name, one in self.distances.items()}
            if self.excess is not None:
                scores["local-excess"] = self.excess.score(codes, scores["reconstruction"])
        if self.nap is not None:
            scores["nap"] = self.nap.score(images)
        if self.pca is not None:
            scores[RESIDUAL] = residuals(self.pca, images)
        wanted = [key for name in self.names for key in scores if key.split("/")[0] == name]
        return {key: scores[key] for key in wanted}


def scores_of(model: Any) -> tuple[str, ...]:
    """The scores that a model can give; of an encoder that does not decode, distances of codes."""
    if not isinstance(model, Autoencoder):
        return (*DISTANCES, RESIDUAL)
    return (*supported(model), *FITTED)


def needs_normals(names: Sequence[str]) -> bool:
    """Whether one of the scores is fitted to normal pictures."""
    return any(name in FITTED for name in names)


def scorer(
    model: Any,
    names: Sequence[str] = USUAL,
    normal: Any = None,
    *,
    background: Background | None = None,
    neighbours: int | None = None,
    samples: int = 16,
    seed: int = 0,
    progress: Progress | None = None,
) -> Scorer:
    """Fit what the scores need to normal pictures.

    Args:
        model: an autoencoder, or another ``Encoder`` for distances of codes; it stays where it is.
        names: of ``KNOWN``.
        normal: a source or an array of normal pictures, for distances; best those that the model was
            trained on. Of more than 60,000 so many are drawn.
        background: for ``likelihood-ratio``; None is a general compressor.
        neighbours: k of ``knn``, ``cosine-knn``, ``local-excess`` and ``lof``; None takes 5, 5, 10
            and 20, or fewer where there are not more normal pictures.
        samples: codes drawn for each score in nats but ``kl``; for ``likelihood-regret`` an eighth of
            them, as it decodes each 31 times.
        seed: see ``anomaly_scores``; the seed also draws the normal pictures.
        progress: called with (done, total) normal pictures.

    Raises:
        ValueError: an unknown score, one that this model has not, or too few normal pictures.
    """
    chosen = tuple(dict.fromkeys(names))
    available = scores_of(model)
    odd = [name for name in chosen if name not in available]
    if odd or not chosen:
        why = ": it needs a model with a prior" if odd and odd[0] in SCORES else ""
        raise ValueError(
            f"the scores of this model are {', '.join(available)}; we got "
            f"{', '.join(odd) or 'none'}{why or (meant(odd[0], available) if odd else '')}"
        )
    fitted: dict[str, CodeDistance] = {}
    excess = pca = nap = None
    if needs_normals(chosen):
        if normal is None:
            raise ValueError(
                f"the scores {', '.join(chosen)} are fitted to normal pictures; give some"
            )
        source = as_source(normal)
        rows = np.arange(len(source))
        if len(rows) > MOST:
            rows = np.sort(np.random.default_rng(seed).choice(rows, MOST, replace=False))
        some = Subset(source, rows) if len(rows) < len(source) else source
        pca = residual_of(some, math.prod(model.code_shape), seed) if RESIDUAL in chosen else None
        codes = codes_of(model, some, progress) if set(chosen) & set(OF_CODES) else np.zeros(0)
        fitted = {
            name: distance(name, model, codes, neighbours) for name in chosen if name in DISTANCES
        }
        if "local-excess" in chosen:
            errors = anomaly_scores(model, some, ("reconstruction",))["reconstruction"]
            excess = LocalExcess(_fewer(10, codes) if neighbours is None else neighbours)
            excess.fit(codes, errors)
        if "nap" in chosen:
            nap = Nap().fit(model, some, seed=seed)
    if "likelihood-ratio" in chosen and background is None:
        background = input_complexity()
    return Scorer(model, chosen, fitted, background, samples, seed, excess, pca, nap)


def residual_of(normal: Any, size: int, seed: int = 0) -> Pca:
    """The PCA whose residual is a score: as many components as a code has numbers, and at most half as
    many as there are normal pictures, so that it does not know them by heart."""
    most = Pca.most(normal)
    return Pca.fit(normal, max(1, min(size, len(normal) // 2, most)), seed=seed)


def residuals(pca: Pca, images: Any) -> Array:
    """The squared error per value of pictures' projections, (N,) float64."""
    source = as_source(images)
    size = max(1, PIXELS // math.prod(source.shape))
    mean, components = pca.mean.double(), pca.components.double()
    found = [np.zeros(0)]
    for rows in torch.split(torch.arange(len(source)), size):
        centred = source.batch(rows).cpu().double().flatten(1) - mean
        left = centred - (centred @ components.T) @ components
        found.append(left.square().mean(1).numpy())
    return np.concatenate(found)


def _fewer(k: int, codes: Array) -> int:
    """So many neighbours, or all other codes where there are not as many."""
    return max(1, min(k, len(codes) - 1))


def distance(name: str, model: Any, codes: Array, neighbours: int | None = None) -> CodeDistance:
    """The distance of that name, fitted to the codes (N, D) of normal pictures by the model.

    The origin of ``cosine-knn`` is the code of a black picture.
    """
    settings: dict[str, Any] = {}
    if name != "mahalanobis":
        settings["k"] = _fewer(NEIGHBOURS[name], codes) if neighbours is None else neighbours
    if name == "cosine-knn":
        settings["origin"] = codes_of(model, torch.zeros(1, *model.shape))[0]
    fitted: CodeDistance = DISTANCES[name](**settings)
    return fitted.fit(codes)


def codes_of(model: Any, images: Any, progress: Progress | None = None) -> Array:
    """The codes of pictures, (N, D) float32, each independent of the others of its batch.

    Args:
        model: an autoencoder, or another ``Encoder``.
    """
    if not isinstance(model, Autoencoder):
        codes = model.encode(as_source(images))
        rows = np.asarray(getattr(codes, "z", codes), np.float32)
        return rows.reshape(len(rows), -1)
    blocks = in_blocks(model, images, lambda x: {"z": model.posterior(x).z}, progress=progress)
    return blocks["z"].flatten(1).numpy()
