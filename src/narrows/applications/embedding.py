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
TOGETHER = 20_000  # codes that are placed at a time
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
    perplexity: float = PERPLEXITY,
    fit_size: int = FITTED,
    seed: int = 0,
    progress: Progress | None = None,
) -> Embedding:
    """A map of codes.

    Args:
        codes: (N, *code).
        method: ``pca``, or ``tsne`` (van der Maaten & Hinton 2008, as in openTSNE, begun at PCA).
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
        return _pca(rows, seed)
    return _tsne(rows, perplexity, fit_size, seed, progress)


def _pca(rows: Array, seed: int) -> Embedding:
    from sklearn.decomposition import PCA

    wide = rows if rows.shape[1] > 1 else np.pad(rows, ((0, 0), (0, 1)))
    fitted = PCA(2, random_state=seed).fit(wide)
    share = fitted.explained_variance_ratio_
    note = f"{share.sum():.0%} of the variance ({share[0]:.0%} and {share[1]:.0%})"

    def transform(more: Any) -> Array:
        given = _as_many(code_rows(more), rows.shape[1])
        given = given if rows.shape[1] > 1 else np.pad(given, ((0, 0), (0, 1)))
        return np.asarray(fitted.transform(given), np.float32)

    return Embedding("pca", transform(rows), transform, len(rows), note)


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
