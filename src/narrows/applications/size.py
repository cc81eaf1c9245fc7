"""Which code size pictures ask for: how much PCA gets of each size, and how many numbers they really have.

training part ──► PCA ─────────────► held-out part: error of 1, 2, 4 … components ─┐
all pictures ──► nearest neighbours ──► intrinsic dimension, by two estimators ────┴─► a code size
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from ..figures import lines
from ..images import split
from ..images.inputs import Pictures
from ..measures import Pca
from ..measures.intrinsic_dimension import (
    maximum_likelihood_dimension,
    nearest_distances,
    two_nn,
)
from ..progress import Progress, stage
from ..randomness import permutation
from ..results import Result
from ..tables import Table
from .opening import opened_as

__all__ = ["CodeSize", "size", "sufficient_code_size"]

Array = np.ndarray[Any, Any]

MOST, ENOUGH, JUDGED = 256, 0.95, 1000  # components, the share of what they explain, and pictures
LEAST = 20  # pictures
POINTS = 5000  # of the estimates of the dimension
NEIGHBOURS = 10
EXACT = 1e-9  # a squared error that rounding makes
SCALES = (4, 2, 1)  # of every so many pictures


@dataclass(frozen=True, repr=False)
class CodeSize(Result):
    """What was proposed, and what it rests on.

    Attributes:
        size: the code size proposed.
        why: one sentence.
        sizes: K code sizes, ascending.
        mse: error per pixel value of PCA with as many components, of held-out pictures, (K,).
        explained: share of the held-out pictures' variance, (K,).
        counts: of how many pictures the dimension was estimated, (S,), ascending.
        dimensions: by the estimator's name, the intrinsic dimension at each count, (S,).
        fitted, held_out: pictures that PCA was fitted to, and that its error is of.
    """

    name: ClassVar[str] = "size"
    size: int
    why: str
    sizes: Sequence[int]
    mse: Array
    explained: Array
    counts: Sequence[int]
    dimensions: dict[str, Sequence[float]]
    fitted: int
    held_out: int
    notes: Sequence[str] = ()
    skipped: Sequence[tuple[str, str]] = ()

    @property
    def psnr(self) -> Array:
        """Of the mean error, in dB, (K,)."""
        found: Array = -10 * np.log10(np.maximum(self.mse, 1e-12))
        return found

    def document(self) -> dict[str, Any]:
        """The proposal, the curve and the estimates."""
        return {
            "size": self.size,
            "why": self.why,
            "curve": [
                {"size": int(n), "mse": float(e), "psnr": float(p), "explained": float(s)}
                for n, e, p, s in zip(self.sizes, self.mse, self.psnr, self.explained, strict=True)
            ],
            "intrinsic_dimension": {
                name: [
                    {"pictures": int(n), "dimension": float(d)}
                    for n, d in zip(self.counts, values, strict=True)
                ]
                for name, values in self.dimensions.items()
            },
            "fitted": self.fitted,
            "held_out": self.held_out,
        }

    def table(self) -> Table:
        """PCA's error for code sizes that are powers of two, and the proposed one."""
        shown = [
            i for i, n in enumerate(self.sizes)
            if n & (n - 1) == 0 or n == self.size or i == len(self.sizes) - 1
        ]  # fmt: skip
        return Table(
            {
                "numbers": [int(self.sizes[i]) for i in shown],
                "PSNR of PCA, dB": [_decibels(self.mse[i]) for i in shown],
                "variance explained": [f"{self.explained[i]:.1%}" for i in shown],
                "": ["◄ proposed" if self.sizes[i] == self.size else "" for i in shown],
            }
        )

    def __str__(self) -> str:
        estimates = [
            f"intrinsic dimension by {name}: "
            + ", ".join(f"{d:.1f} of {n:,}" for n, d in zip(self.counts, values, strict=True))
            + " pictures"
            for name, values in self.dimensions.items()
        ]
        judged = f"PCA of {self.fitted:,} pictures, judged on {self.held_out:,} held-out ones"
        return "\n".join(
            [str(self.table()), judged, *estimates, f"code size {self.size}: {self.why}"]
        )

    def figures(self) -> dict[str, Any]:
        """The curve of the error against the code size, and the dimension against the pictures."""
        inexact = np.asarray(self.mse) > EXACT
        of_pca = (np.asarray(self.sizes)[inexact], self.psnr[inexact])
        return {
            "size": lines({"PSNR of PCA on held-out pictures, dB": {"PCA": of_pca}}, "numbers of the code"),
            "dimension": lines(
                {"intrinsic dimension": {n: (self.counts, v) for n, v in self.dimensions.items()}},
                "pictures",
            ),
        }  # fmt: skip


def size(
    pictures: Pictures,
    *,
    size: Any = None,
    mode: str | None = None,
    fit: str = "crop",
    validation: float = 0.1,
    seed: int = 0,
    progress: Progress = None,
) -> CodeSize:
    """Propose a code size for pictures, from PCA's error and from their intrinsic dimension.

    The proposal is what PCA needs for 95 % of the variance that 256 components explain of held-out
    pictures (as ``train`` with the code size ``auto``), and never less than twice the intrinsic
    dimension and one, in which a surface of that dimension lies without crossing itself (Whitney 1936;
    for sets that are no smooth surface, Sauer et al. 1991). A network may do with fewer numbers than
    PCA, down to the intrinsic dimension.

    Args:
        pictures: anything that :func:`narrows.images.inputs.pictures` reads, at least 20.
        size, mode, fit: how files become pictures of one shape, as of ``train``.
        validation: the share that PCA's error is measured on, divided by content.
        seed: of the division, of PCA and of the pictures drawn.
        progress: while files are read; see :mod:`narrows.progress`.

    Returns:
        The proposal with its reasons; see :class:`CodeSize`.

    Raises:
        ValueError: fewer than 20 pictures, or pictures that are all alike.
        NoImages: nothing can be read.

    Examples:
        >>> import narrows as nw
        >>> images = nw.images.named("digits")
        >>> nw.size(images[:300]).size
        28
    """
    with stage(progress, "reading pictures") as step:
        images = opened_as(pictures, size, mode, fit, progress=step)
    if len(images) < LEAST:
        raise ValueError(
            f"a code size is told from at least {LEAST} pictures; we got {len(images)}"
        )
    parts = split(images, validation=validation, seed=seed)
    judged = parts.train if parts.validation is None else parts.validation
    by_pca, left, explained = _curve(parts.train, judged, seed)
    counts, dimensions = _dimensions(images, seed)
    least = 2 * round(min(values[-1] for values in dimensions.values())) + 1
    most = len(left) - 1
    proposed = max(by_pca, min(least, most))
    share = f"{ENOUGH:.0%} of what {most:,} components explain"
    if by_pca >= least:
        why = f"so many components of PCA give {share}"
    else:
        why = (
            f"twice the intrinsic dimension and one; {by_pca} components of PCA give {share}"
            if proposed == least else f"as many as {len(parts.train):,} pictures bear"
        )  # fmt: skip
    sizes = sorted({1 << i for i in range(9) if 1 << i <= most} | {proposed, most})
    return CodeSize(
        proposed, why, sizes, left[sizes], explained[sizes], counts, dimensions,
        len(parts.train), len(judged), getattr(images, "notes", ()), getattr(images, "skipped", ()),
    )  # fmt: skip


def sufficient_code_size(train: Any, validation: Any = None, seed: int = 0) -> tuple[int, str]:
    """The fewest components of PCA that explain 95 % of what 256 do, of validation pictures.

    Args:
        train: a source that PCA is fitted on.
        validation: a source that the curve is of, at most 1,000 of it; None: that of the training.

    Returns:
        The number, and a line that says it and why.

    Raises:
        ValueError: the pictures are all alike.
    """
    judged = train if validation is None else validation
    found, _, explained = _curve(train, judged, seed)
    return found, (
        f"code size {found}: so many components of PCA explain {explained[found]:.0%} of the variance of "
        f"{min(JUDGED, len(judged)):,} {'training' if validation is None else 'validation'} pictures, "
        f"{len(explained) - 1:,} explain {explained[-1]:.0%}"
    )


def _decibels(mse: float) -> str:
    return "exact" if mse < EXACT else f"{-10 * math.log10(mse):.2f}"


def _curve(train: Any, judged: Any, seed: int) -> tuple[int, Array, Array]:
    """The fewest components that are enough; error per value, and share explained, of 0, 1, 2 … of them."""
    x = judged.batch(torch.arange(min(JUDGED, len(judged)))).cpu()
    pca = Pca.fit(train, min(MOST, Pca.most(train)), seed=seed)
    total = float((x.flatten(1) - pca.mean).square().sum())
    # a component takes from the squared error the square of its coefficient
    taken = np.append(0.0, pca.encode(x).square().sum(0).double().cumsum(0).numpy())
    if not taken[-1] > 0:
        raise ValueError("code_size auto needs pictures that differ: give a number instead")
    enough = int((taken < ENOUGH * taken[-1]).sum())
    return enough, np.maximum(total - taken, 0) / x.numel(), np.minimum(taken / total, 1)


def _dimensions(images: Any, seed: int) -> tuple[list[int], dict[str, Sequence[float]]]:
    """The intrinsic dimension by either estimator, of a quarter, a half and all of some pictures."""
    order = permutation(seed, "dimension", len(images))[:POINTS]
    x = torch.cat([images.batch(rows).cpu().flatten(1) for rows in torch.split(order, 256)]).numpy()
    counts: list[int] = []
    found: dict[str, list[float]] = {"two nearest neighbours": [], "maximum likelihood": []}
    for part in SCALES:
        some = x[: len(x) // part]
        try:
            near = nearest_distances(some, NEIGHBOURS)
        except ValueError:  # too few that differ
            continue
        counts.append(len(some))
        found["two nearest neighbours"].append(two_nn(near))
        found["maximum likelihood"].append(maximum_likelihood_dimension(near))
    if not counts:
        raise ValueError(f"an intrinsic dimension needs more than {NEIGHBOURS} different pictures")
    return counts, dict(found)
