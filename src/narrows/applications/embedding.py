"""Embedding: codes as points of the plane.

codes (N, D) ──PCA───► points (N, 2)     a straight view, the same every time
             └─t-SNE─► points (N, 2)     neighbours beside neighbours; distances afar mean little

Either embedding places codes that it was not made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import Unavailable
from ..images import Source, as_source
from ..randomness import permutation

__all__ = ["FITTED", "METHODS", "PERPLEXITY", "Embedding", "code_rows", "embed_2d", "thumbnails"]

Array = np.ndarray[Any, Any]
Progress = Callable[[int, int], None]

METHODS = ("pca", "tsne")
FEWEST = 5  # pictures of a map
PERPLEXITY = 30.0
FITTED = 10_000  # codes that t-SNE moves about; the others are placed among them
ITERATIONS = 750  # 250 exaggerated and 500 more: openTSNE's own
TOGETHER = 20_000  # codes that are placed, or summed up, at a time
WIDE = 1024  # numbers of a code beyond which not all principal components are made
ROOM = 40_000_000  # pixels of all thumbnails together
LARGEST, SMALLEST = 64, 16  # sides of a thumbnail


@dataclass(frozen=True)
class Embedding:
    """Codes as points of the plane.

    Attributes:
        method: ``pca`` or ``tsne``.
        points: (N, 2) float32.
        transform: codes (M, *code) → their points (M, 2) on the same map.
        fitted_on: how many of the codes made the map; the others were placed on it.
        note: what a reader of the map has to know.
    """

    method: str
    points: Array
    transform: Callable[[Any], Array]
    fitted_on: int
    note: str


def code_rows(codes: Any) -> Array:
    """Codes (N, *code) of any kind, an array or a tensor → (N, D) float32.

    Raises:
        ValueError: no code, or one that is not finite.
    """
    rows = np.asarray(codes.detach().cpu() if isinstance(codes, torch.Tensor) else codes)
    if rows.ndim < 2 or 0 in rows.shape:
        raise ValueError(f"codes (N, D) were wanted; we got {rows.shape}")
    rows = np.ascontiguousarray(rows.reshape(len(rows), -1), np.float32)
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(bad):
        raise ValueError(
            f"{len(bad):,} of {len(rows):,} codes are NaN or infinite, the first at {bad[0]}: "
            "the model that made them is damaged or did not learn"
        )
    return rows


def embed_2d(
    codes: Any,
    method: str = "tsne",
    *,
    weights: Any = None,
    perplexity: float = PERPLEXITY,
    fit_size: int = FITTED,
    seed: int = 0,
    progress: Progress | None = None,
) -> Embedding:
    """A map of codes.

    Args:
        codes: (N, *code).
        method: ``pca``, or ``tsne`` (van der Maaten & Hinton 2008, as in openTSNE, begun at PCA).
        weights: (D,), of PCA, what each number of a code counts: of codes whose numbers all have the same
            variance by training or by whitening, the principal axes are noise, and what each changes in the
            picture (:func:`unit_weights`) says which of them matter. None: all the same.
        perplexity: of t-SNE, about how many neighbours count; at most (N − 1) / 3.
        fit_size: t-SNE is made of so many codes, drawn by the seed; the others are placed.
        progress: called with (done, total).

    Raises:
        ValueError: no such method, fewer than five codes, all codes the same, or not finite.
        Unavailable: openTSNE is not installed.
    """
    rows = code_rows(codes)
    if method not in METHODS:
        raise ValueError(f"a map is one of {', '.join(METHODS)}; we got {method!r}")
    if not perplexity > 1 or fit_size < FEWEST:
        raise ValueError(
            f"perplexity is above 1 and fit_size at least {FEWEST}; we got {perplexity} and "
            f"{fit_size}"
        )
    if len(rows) < FEWEST:
        raise ValueError(f"a map needs at least {FEWEST} pictures; we got {len(rows)}")
    if (rows == rows[0]).all():
        raise ValueError(f"all {len(rows):,} codes are the same: there is nothing to map")
    if method == "pca":
        return _pca(rows, weights, seed)
    return _tsne(rows, perplexity, fit_size, seed, progress)


def _pca(rows: Array, weights: Any, seed: int) -> Embedding:
    size = rows.shape[1]
    counts = np.ones(size) if weights is None else np.asarray(weights, np.float64).reshape(-1)
    if counts.shape != (size,) or not np.isfinite(counts).all() or not counts.any():
        raise ValueError(f"weights are {size} finite numbers, not all 0; we got {counts.shape}")
    mean = rows.mean(0, dtype=np.float64)
    axes, share = _principal(rows, mean, counts, seed)
    note = f"{share.sum():.0%} of the variance ({share[0]:.0%} and {share[1]:.0%})"
    if weights is not None:
        note += ", each number of a code weighed by what it changes in the picture"

    def transform(more: Any) -> Array:
        given = _as_many(code_rows(more), size)
        return np.asarray((given - mean.astype(np.float32)) @ axes.astype(np.float32), np.float32)

    return Embedding("pca", transform(rows), transform, len(rows), note)


def _principal(rows: Array, mean: Array, counts: Array, seed: int) -> tuple[Array, Array]:
    """Of weighed rows (N, D), what leads to their two principal components, (D, 2), and their shares."""
    size = rows.shape[1]
    if size > WIDE:
        from sklearn.decomposition import PCA

        fitted = PCA(2, random_state=seed).fit((rows - mean) * counts)
        return (fitted.components_ * counts).T, np.asarray(fitted.explained_variance_ratio_)
    spread = np.zeros((size, size))
    for part in np.split(rows, range(TOGETHER, len(rows), TOGETHER)):
        centred = (part - mean) * counts
        spread += centred.T @ centred
    if size == 1:  # one number: a line
        return counts[:, None] * [[1.0, 0.0]], np.array([1.0, 0.0])
    values, vectors = np.linalg.eigh(spread)
    first = vectors[:, [-1, -2]]
    largest = first[np.abs(first).argmax(0), [0, 1]]
    first = first * np.where(largest < 0, -1.0, 1.0)  # always the same of both signs
    return counts[:, None] * first, values[[-1, -2]].clip(0) / spread.trace()


def _tsne(
    rows: Array, perplexity: float, fit_size: int, seed: int, progress: Progress | None
) -> Embedding:
    try:
        from openTSNE import TSNE
    except ImportError as error:
        raise Unavailable(
            "t-SNE needs openTSNE, which is not installed: pip install 'narrows[maps]'"
        ) from error
    n = len(rows)
    chosen = permutation(seed, "t-sne", n)[:fit_size].sort().values.numpy()
    used = min(perplexity, (len(chosen) - 1) / 3)
    every = 25
    done = 0

    def moved(*_: Any) -> None:
        nonlocal done
        done = min(done + every, ITERATIONS)
        if progress is not None:
            progress(done, ITERATIONS)

    made = TSNE(
        perplexity=used,
        initialization="pca",
        n_jobs=torch.get_num_threads(),
        random_state=seed,
        callbacks=[moved],
        callbacks_every_iters=every,
    ).fit(rows[chosen])

    def transform(more: Any) -> Array:
        given = _as_many(code_rows(more), rows.shape[1])
        near = min(5.0, (len(chosen) - 1) / 3)
        return np.concatenate(
            [
                np.asarray(made.transform(part, perplexity=near), np.float32)
                for part in np.split(given, range(TOGETHER, len(given), TOGETHER))
            ]
        )

    points = np.empty((n, 2), np.float32)
    points[chosen] = made
    left = np.setdiff1d(np.arange(n), chosen)
    if len(left):
        points[left] = transform(rows[left])
    note = f"perplexity {used:.3g}"
    if len(left):
        note += f", made of {len(chosen):,} codes; the other {len(left):,} were placed"
    return Embedding("tsne", points, transform, len(chosen), note)


def _as_many(rows: Array, width: int) -> Array:
    if rows.shape[1] != width:
        raise ValueError(f"this map is of codes of {width} numbers; we got {rows.shape[1]}")
    return rows


def thumbnails(images: Source | Any, side: int | None = None) -> Array:
    """Small pictures, uint8 (N, C, h, w): the longer side at most ``side``, never enlarged.

    By default 64 pixels, and fewer of more than 10,000 pictures, so that a page can hold them all.
    """
    source = as_source(images)
    n, (_, height, width) = len(source), source.shape
    if side is None:
        side = int(np.clip((ROOM / n) ** 0.5, SMALLEST, LARGEST))
    shrink = min(1.0, side / max(height, width))
    size = max(1, round(height * shrink)), max(1, round(width * shrink))
    found = []
    for rows in torch.split(torch.arange(n), 512):
        x = source.batch(rows).cpu()
        if size != (height, width):
            x = torch.nn.functional.interpolate(x, size, mode="bilinear", antialias=True)
        found.append((x.clamp(0, 1) * 255).round().byte())
    return torch.cat(found).numpy()
