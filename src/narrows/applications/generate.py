"""Generate: pictures sampled from a prior over codes.

prior ──sample──► z (n, *code) ──decode──► pictures (n, C, H, W)
mean + quantiles of two units ──decode──► the manifold
mean ± k deviations of one unit ──decode──► a traversal
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .decoding import Decode

__all__ = ["Generated", "Manifold", "Traversals", "generate", "manifold", "traverse"]


@dataclass(frozen=True)
class Generated:
    """Draws and what they look like.

    Attributes:
        codes: (n, *code).
        pictures: (n, C, H, W) in [0, 1].
    """

    codes: Tensor
    pictures: Tensor


@dataclass(frozen=True)
class Manifold:
    """A square of pictures over two units (Theivaprakasham 2021, fig. 4.1).

    Attributes:
        pictures: (side · side, C, H, W), row after row; the first unit grows to the right, the
            second one upwards.
        first, second: (side,), the values of the units.
    """

    pictures: Tensor
    first: Tensor
    second: Tensor


@dataclass(frozen=True)
class Traversals:
    """One unit at a time from low to high, the others at their mean (Theivaprakasham, fig. 4.2).

    Attributes:
        pictures: (U, T, C, H, W).
        units: (U,), positions in the flattened code.
        deviations: (T,), how many standard deviations from the mean.
        effects: (U,), root mean squared change of a pixel between −1 and +1 deviations.
    """

    pictures: Tensor
    units: Tensor
    deviations: Tensor
    effects: Tensor


def generate(
    decode: Decode, sample: Callable[[int, int], Tensor], n: int, *, seed: int = 0, **options: Any
) -> Generated:
    """Draw n codes by ``sample(n, seed)`` and decode them; ``decode`` gets ``options``.

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"at least 1 picture is drawn; we got n={n}")
    codes = sample(n, seed)
    return Generated(codes, decode(codes, **options))


def manifold(
    decode: Decode, mean: Tensor, deviation: Tensor, side: int = 15, *, share: float = 0.95
) -> Manifold:
    """The pictures of a two-dimensional code, at places that a normal prior reaches equally often.

    Args:
        mean, deviation: of the two units, of the code's shape.
        side: pictures in a row and in a column.
        share: of each unit's probability between the first and the last.

    Raises:
        ValueError: a code of another size, a side below 2, or a share outside (0, 1).
    """
    if mean.numel() != 2:
        raise ValueError(
            f"the manifold is of codes of two numbers; this model's have {mean.numel():,}: look at "
            "traversals, or train with code_size=2"
        )
    if side < 2 or not 0 < share < 1:
        raise ValueError(
            f"a manifold has a side of at least 2 and a share between 0 and 1; "
            f"we got {side} and {share}"
        )
    probabilities = torch.linspace(0.5 - share / 2, 0.5 + share / 2, side, dtype=torch.float64)
    quantiles = torch.special.ndtri(probabilities).float()
    first, second = (
        m + d * quantiles for m, d in zip(mean.flatten(), deviation.flatten(), strict=True)
    )
    up, right = torch.meshgrid(second.flip(0), first, indexing="ij")
    codes = torch.stack([right, up], -1).reshape(-1, *mean.shape)
    return Manifold(decode(codes), first, second)


def traverse(
    decode: Decode,
    mean: Tensor,
    deviation: Tensor,
    units: Sequence[int] | None = None,
    *,
    steps: int = 7,
    reach: float = 3.0,
    most: int = 10,
) -> Traversals:
    """Move single units over their mean ± ``reach`` standard deviations.

    Args:
        mean, deviation: of each unit, of the code's shape.
        units: positions in the flattened code; None takes those that change the picture most.
        steps: pictures of each unit.
        reach: in standard deviations.
        most: how many units, where none are named.

    Raises:
        ValueError: a unit that the code has not, fewer than 2 steps, or a reach that is not above 0.
    """
    size = mean.numel()
    if steps < 2 or not (reach > 0 and math.isfinite(reach)):
        raise ValueError(
            f"a traversal has at least 2 steps and a reach above 0; we got {steps} and {reach}"
        )
    anomalies = [unit for unit in units or () if not 0 <= unit < size]
    if anomalies:
        raise ValueError(f"this code has units 0 to {size - 1}; we got {anomalies[0]}")
    if units is None:
        effects = _effects(decode, mean, deviation, torch.arange(size))
        chosen = effects.sort(descending=True, stable=True).indices[:most]
        effects = effects[chosen]
    else:
        chosen = torch.tensor(list(units), dtype=torch.int64)
        effects = _effects(decode, mean, deviation, chosen)
    at = (torch.arange(steps) - (steps - 1) / 2) * (2 * reach / (steps - 1))
    pictures = decode(_moved(mean, deviation, chosen, at).flatten(0, 1))
    return Traversals(
        pictures.reshape(len(chosen), steps, *pictures.shape[1:]), chosen, at, effects
    )


def _moved(mean: Tensor, deviation: Tensor, units: Tensor, at: Tensor) -> Tensor:
    """The mean code with one unit moved by ``at`` (T,) deviations: (U, T, *code)."""
    codes = mean.flatten().repeat(len(units), len(at), 1)
    steps = deviation.flatten()[units][:, None] * at
    codes.scatter_add_(2, units[:, None, None].expand(-1, len(at), 1), steps[:, :, None])
    return codes.reshape(len(units), len(at), *mean.shape)


def _effects(decode: Decode, mean: Tensor, deviation: Tensor, units: Tensor) -> Tensor:
    """Root mean squared change of a pixel between −1 and +1 deviations of each unit, (U,)."""
    found = []
    for some in torch.split(units, 256):
        pictures = decode(_moved(mean, deviation, some, torch.tensor([-1.0, 1.0])).flatten(0, 1))
        low, high = pictures.reshape(len(some), 2, *pictures.shape[1:]).unbind(1)
        found.append((high - low).square().flatten(1).mean(1).sqrt())
    return torch.cat(found)
