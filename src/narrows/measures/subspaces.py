"""Two sets of directions compared: the spaces that they span, and the code's response to steps along them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["principal_angles", "sensitivity"]


def principal_angles(one: Tensor, other: Tensor) -> Tensor:
    """The angles between the row spaces of (k, P) and (m, P) in degrees, ascending, (min(k, m),).

    The arc cosines of the singular values of Q₁ Q₂ᵀ, Q of orthonormal rows (Björck & Golub 1973);
    all are 0 where one space lies in the other.

    Raises:
        ValueError: rows of two lengths, or more rows than they have numbers.
    """
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1]:
        raise ValueError(
            "two sets of rows of one length were wanted; "
            f"we got {tuple(one.shape)} and {tuple(other.shape)}"
        )
    if max(len(one), len(other)) > one.shape[1]:
        raise ValueError(
            f"{max(len(one), len(other))} rows of {one.shape[1]} numbers are more than they can span"
        )
    bases = [torch.linalg.qr(rows.detach().cpu().double().T).Q for rows in (one, other)]
    cosines = torch.linalg.svdvals(bases[0].T @ bases[1]).clamp(-1, 1)
    return torch.rad2deg(cosines.arccos())


@torch.no_grad()
def sensitivity(
    encode: Callable[[Tensor], Tensor], x: Tensor, directions: Tensor, *, step: float = 1e-2
) -> Tensor:
    """‖∂h/∂x · d‖ for each picture and its unit direction d, (N,), by central differences.

    Along the manifold of pictures it is what the code encodes of them; across it, what it should not
    notice (Canziani, fig. 18).

    Args:
        encode: (N, C, H, W) → h (N, *code).
        x: (N, C, H, W).
        directions: of any length but 0, (N, C, H, W).
        step: ε of (h(x + ε d) − h(x − ε d)) / 2ε.
    """
    length = directions.flatten(1).norm(dim=1).clamp_min(1e-12)
    unit = directions / length.reshape(-1, *[1] * (x.ndim - 1))
    change = encode(x + step * unit) - encode(x - step * unit)
    answer: Tensor = change.flatten(1).norm(dim=1) / (2 * step)
    return answer
