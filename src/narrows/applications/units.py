"""Units: what each number of a code changes in the picture.

codes (N, D) ──deviations──► a unit moved to either side ──decode──► root mean squared change, (D,)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..bottlenecks import Quantised
from .decoding import Decode, decoder

__all__ = [
    "by_first_numbers", "effects_of", "model_weights", "moved_units", "unit_effects", "unit_weights",
]  # fmt: skip

WEIGHED = 1024  # numbers of a code up to which each is weighed by what it changes
KNOWN = 1000  # codes whose deviations are taken


def unit_effects(decode: Decode, codes: Tensor, start: Tensor | None = None) -> Tensor:
    """What each number of a code changes: root mean squared change of a pixel, (D,).

    Args:
        decode: codes (B, *code) → pictures (B, C, H, W).
        codes: (N, *code), whose deviations are gone along, one to either side.
        start: the code (*code) at which it is seen; None: the one nearest to their mean.
    """
    deviation = codes.std(0, correction=0)
    start = central(codes) if start is None else start
    return effects_of(decode, start, deviation, torch.arange(start.numel()))


def unit_weights(decode: Decode, codes: Tensor, start: Tensor | None = None) -> Tensor:
    """What each number of a code changes relative to its own deviation, (D,) float64.

    Codes times these lie about as far apart as what the numbers draw. Codes of unit variance, as whitened
    ones and those of a strong prior are, have no axes of their own. All 1 of more than 1,024 numbers.

    Args:
        decode, codes, start: as of :func:`unit_effects`.
    """
    deviation = codes.flatten(1).double().std(0, correction=0)
    weights = torch.ones_like(deviation)
    if len(weights) > WEIGHED:
        return weights
    effects = unit_effects(decode, codes, start).double()
    return torch.where(deviation > 0, effects / deviation.clamp_min(1e-12), weights)


def model_weights(model: Any, codes: Any) -> tuple[float, ...] | None:
    """:func:`unit_weights` of a model, of some of its codes (N, D) in a row.

    None where the model decodes no codes, where they are entries of a code book, or there are fewer than two.
    """
    if len(codes) < 2 or not hasattr(model, "decode") or isinstance(model.bottleneck, Quantised):
        return None
    some = torch.as_tensor(codes)[:: max(1, len(codes) // KNOWN)][:KNOWN].float()
    if some.flatten(1).shape[1] > WEIGHED:
        return None
    found = unit_weights(decoder(model), some.reshape(-1, *model.code_shape))
    return tuple(found.tolist()) if found.isfinite().all() and found.any() else None


def by_first_numbers(
    decode: Decode, code: Tensor, mean: Tensor, order: Tensor, counts: Sequence[int]
) -> Tensor:
    """What is decoded of a code of which only some numbers are known, (len(counts), C, H, W).

    Args:
        decode: codes (B, *code) → pictures (B, C, H, W).
        code, mean: (*code); the numbers that are not known are those of the mean.
        order: the D numbers of a code, the first one first.
        counts: how many of them are known, each in 0 … D.

    Raises:
        ValueError: the order is none of all numbers, or a count is beyond it.
    """
    size = code.numel()
    if sorted(order.tolist()) != list(range(size)):
        raise ValueError(f"an order names each of the {size} numbers once")
    if not counts or min(counts) < 0 or max(counts) > size:
        raise ValueError(f"of {size} numbers 0 to {size} are known; we got {list(counts)[:5]}")
    codes = mean.flatten().repeat(len(counts), 1)
    for row, count in enumerate(counts):
        known = order[:count]
        codes[row, known] = code.flatten()[known]
    return decode(codes.reshape(len(counts), *code.shape))


def central(codes: Tensor) -> Tensor:
    """Of codes (N, *code) the one nearest to their mean."""
    return codes[int((codes - codes.mean(0)).flatten(1).norm(dim=1).argmin())]


def moved_units(mean: Tensor, deviation: Tensor, units: Tensor, at: Tensor) -> Tensor:
    """The mean code with one unit moved by ``at`` (T,) deviations: (U, T, *code)."""
    codes = mean.flatten().repeat(len(units), len(at), 1)
    steps = deviation.flatten()[units][:, None] * at
    codes.scatter_add_(2, units[:, None, None].expand(-1, len(at), 1), steps[:, :, None])
    return codes.reshape(len(units), len(at), *mean.shape)


def effects_of(decode: Decode, mean: Tensor, deviation: Tensor, units: Tensor) -> Tensor:
    """Root mean squared change of a pixel between −1 and +1 deviations of each unit, (U,)."""
    found = []
    for some in torch.split(units, 256):
        pictures = decode(
            moved_units(mean, deviation, some, torch.tensor([-1.0, 1.0])).flatten(0, 1)
        )
        low, high = pictures.reshape(len(some), 2, *pictures.shape[1:]).unbind(1)
        found.append((high - low).square().flatten(1).mean(1).sqrt())
    return torch.cat(found)
