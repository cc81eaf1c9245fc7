"""How a model's reconstructions compare with those of PCA, as many numbers a picture, in one sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..bottlenecks.quantised import Quantised
from ..measures import Pca, psnr

__all__ = ["comparable", "conclusion", "pca_psnr"]

ERRORS = 2.0  # standard errors of the mean difference that count as one


def comparable(model: Any, most: int) -> bool:
    """Whether PCA with as many numbers is a fair rival.

    It is none of entries of a code book, which are a few bits each, nor where there are not as many
    components, nor of what was trained to undo something or on changed pictures.
    """
    phases = getattr(getattr(model, "recipe", None), "phases", ())
    changed = [phases[-1].corruption, phases[-1].augmentation] if phases else []
    return (
        not isinstance(model.bottleneck, Quantised)
        and all(each is None for each in changed)
        and math.prod(model.code_shape) <= most
    )


def pca_psnr(model: Any, fitted: Any, x: Tensor, seed: int = 0) -> Tensor | None:
    """The PSNR (N,) of pictures x through PCA with as many numbers; None where it is no fair rival."""
    if tuple(fitted.shape) != tuple(model.shape) or not comparable(model, Pca.most(fitted)):
        return None
    pca = Pca.fit(fitted, math.prod(model.code_shape), seed=seed)
    return psnr(x, pca.reconstruct(x).clamp(0, 1))


def conclusion(ours: Any, pca: Any, judged: str) -> str:
    """One sentence about the PSNR (N,) of a model and of PCA on the same pictures.

    A difference counts from two standard errors of its mean on.

    Args:
        judged: what the pictures are, such as ``validation``.
    """
    apart = np.asarray(torch.as_tensor(ours).double() - torch.as_tensor(pca).double())
    mean = float(apart.mean())
    error = float(apart.std(ddof=1)) / math.sqrt(len(apart)) if len(apart) > 1 else math.inf
    of = f"on {len(apart):,} {judged} picture{'s' if len(apart) > 1 else ''}"
    if abs(mean) <= ERRORS * error or round(abs(mean), 2) == 0:
        return f"PCA with as many numbers is as good ({of}: {mean:+.2f} dB is within the error)"
    if mean > 0:
        return f"{mean:.2f} dB better than PCA with as many numbers ({of})"
    return (
        f"PCA with as many numbers is {-mean:.2f} dB better ({of}): train longer (--minutes), or "
        "take the recipe pca-vae, which begins as PCA"
    )
