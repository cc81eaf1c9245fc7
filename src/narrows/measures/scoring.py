"""Scores of pictures by a model and by distances among its codes, fitted once and used often.

normal pictures ──scorer──► distances from their codes      pictures ──scorer──► scores
"""

from __future__ import annotations

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
from .code_distances import DISTANCES, CodeDistance, LocalExcess

__all__ = [
    "FITTED",
    "KNOWN",
    "USUAL",
    "Scorer",
    "codes_of",
    "distance",
    "needs_normals",
    "scorer",
    "scores_of",
]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

# by names
FITTED = (*DISTANCES, "local-excess")
KNOWN = (*SCORES, *FITTED)
# what every model has, without draws: two that look at pictures, one that looks at codes
USUAL = ("reconstruction", "features", "lof")
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
                seed=self.seed,
                progress=progress,
            )
            scores = {name: value.numpy() for name, value in raw_scores.items()}
        if self.distances or self.excess is not None:
            codes = codes_of(self.model, images, None if raw else progress)
            scores |= {name: one.score(codes) for name, one in self.distances.items()}
            if self.excess is not None:
                scores["local-excess"] = self.excess.score(codes, scores["reconstruction"])
        wanted = [key for name in self.names for key in scores if key.split("/")[0] == name]
        return {key: scores[key] for key in wanted}


def scores_of(model: Any) -> tuple[str, ...]:
    """The scores that a model can give; of an encoder that does not decode, distances of codes."""
    if not isinstance(model, Autoencoder):
        return tuple(DISTANCES)
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
            and 20.
        samples, seed: see ``anomaly_scores``; the seed also draws the normal pictures.
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
    excess = None
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
        codes = codes_of(model, some, progress)
        fitted = {
            name: distance(name, model, codes, neighbours) for name in chosen if name in DISTANCES
        }
        if "local-excess" in chosen:
            errors = anomaly_scores(model, some, ("reconstruction",))["reconstruction"]
            excess = LocalExcess(*(() if neighbours is None else (neighbours,))).fit(codes, errors)
    if "likelihood-ratio" in chosen and background is None:
        background = input_complexity()
    return Scorer(model, chosen, fitted, background, samples, seed, excess)


def distance(name: str, model: Any, codes: Array, neighbours: int | None = None) -> CodeDistance:
    """The distance of that name, fitted to the codes (N, D) of normal pictures by the model.

    The origin of ``cosine-knn`` is the code of a black picture.
    """
    settings: dict[str, Any] = {}
    if neighbours is not None and name != "mahalanobis":
        settings["k"] = neighbours
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
