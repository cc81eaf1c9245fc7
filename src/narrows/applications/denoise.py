"""Denoise: noisy pictures of any size through a model, large ones in overlapping tiles.

x̃ ──(tiles)──► model ──(window)──► x̂          beside it: filters, and the best linear one (Wiener)

A model that was trained with the corruption takes the noise out; one that was not still answers
only with pictures that its narrow place can hold, which noise is none of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..images.tiles import in_tiles
from ..measures import Pca, filters, wiener
from .restored import Change, Restored, run_baselines

__all__ = ["denoise", "denoising_baselines"]


@torch.no_grad()
def denoise(
    through: Change,
    noisy: Tensor,
    size: tuple[int, int],
    *,
    clean: Tensor | None = None,
    baselines: Mapping[str, Change] | None = None,
    overlap: float = 0.25,
    batch_size: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Restored, list[str]]:
    """Restore pictures of one size, and what baselines make of them.

    Args:
        through: (B, C, h, w) → (B, C, h, w), such as a model.
        noisy: (N, C, H, W).
        size: (h, w), the only size that ``through`` takes.
        clean: (N, C, H, W), where it is known.
        baselines: by name, such as ``denoising_baselines``.
        overlap, batch_size, progress: see ``in_tiles``.

    Returns:
        The pictures, and a note for each baseline that is not on this machine.
    """
    output = in_tiles(
        through, noisy, size, overlap=overlap, batch_size=batch_size, progress=progress
    )
    others, notes = run_baselines(noisy, baselines or {})
    return Restored(noisy, output.clamp(0, 1), others, clean), notes


def denoising_baselines(
    sigma: float, pca: Pca | None = None, overlap: float = 0.25
) -> dict[str, Change]:
    """Filters for noise of that standard deviation, and the Wiener filter of fitted pictures.

    ``sigma`` 0 leaves the filters that need one out. A PCA of small pictures takes large ones in tiles.
    """
    found: dict[str, Change] = {
        "median 3×3": lambda x: filters.median(x, 3),
        "median 5×5": lambda x: filters.median(x, 5),
    }
    if sigma > 0:
        found["non-local means"] = lambda x: filters.non_local_means(x, sigma)
        found["total variation"] = lambda x: filters.total_variation(x, sigma)
        found["cosine threshold"] = lambda x: filters.cosine_threshold(x, sigma)
    if pca is not None:
        size = (pca.shape[1], pca.shape[2])
        found["PCA-Wiener"] = lambda x: in_tiles(
            lambda tiles: wiener(pca, tiles, sigma), x, size, overlap=overlap
        )
    return found
