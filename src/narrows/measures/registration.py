"""The difference of two pictures once one is registered with the other: moved, stretched, brightened.

    x, y (P, C, S, S) ──► y ≈ gain · x(scale · u + shift) + bias, within [0, 1] ──► what is left of y

A crop, another size and another brightness leave little; another picture leaves much, however alike
it is. Rows and columns move apart from each other, so that a move is two small matrices,
(P, S, S) · x · (P, S, S)ᵀ, and no picture is sampled point by point.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["registered_distance"]

ROUNDS = 4
FARTHEST = 0.12  # of the picture's sides: what a crop may take away
GAIN = (0.6, 1.6)
BIAS = 0.15
NOISE = 2 / 255  # a difference of this size says nothing, in a picture without contrast either
_AT_ONCE = 512  # pairs: few calls, and they stay in a cache


def registered_distance(x: Tensor, y: Tensor) -> Tensor:
    """The difference of pictures that small crops, moves and changes of brightness leave.

    x is brought onto y by least squares, in gray (Lucas & Kanade 1981, in the inverse form of Baker
    & Matthews 2004, for a scale and a shift along either axis, with gain and bias), and y onto x; the
    lesser difference in all channels counts, as a share of the contrast: about 0 for a copy, up to 1
    for pictures that have nothing in common.

    Args:
        x, y: (P, C, S, S) in [0, 1]; a little blurred, they meet from further away.

    Returns:
        (P,), symmetric in x and y.
    """
    if bool((x == x[:, :1]).all() and (y == y[:, :1]).all()):
        x, y = x[:, :1], y[:, :1]  # gray: one channel says it all
    distances = [
        torch.minimum(_onto(a, b), _onto(b, a))
        for a, b in zip(torch.split(x, _AT_ONCE), torch.split(y, _AT_ONCE), strict=True)
    ]
    return torch.cat(distances) if distances else x.new_zeros(0)


def _onto(x: Tensor, y: Tensor) -> Tensor:
    """What x (P, C, S, S), brought onto y, leaves of it: (P,)."""
    gray, other = x.mean(1), y.mean(1)  # (P, S, S)
    at = torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype, device=x.device)
    down, across, solve = _toward(other, at)
    scale, shift = x.new_ones(len(x), 2), x.new_zeros(len(x), 2)
    best = x.new_full((len(x),), torch.inf)
    chosen = torch.cat([scale, shift], 1)
    for _ in range(ROUNDS + 1):
        moved, seen = _moved(gray[:, None], at, scale, shift)
        gain, bias = _brightened(moved[:, 0], other, seen)
        rest = (gain * moved[:, 0]).add_(bias).clamp_(0, 1).sub_(other).mul_(seen)
        left = _dot(rest, rest) / seen.sum((1, 2)).clamp_min(1)
        better = left < best
        best = torch.where(better, left, best)
        chosen = torch.where(better[:, None], torch.cat([scale, shift], 1), chosen)
        rows, columns = (down * rest).sum(2), (across * rest).sum(1)
        products = (
            rows.sum(1), columns.sum(1), rows @ at, columns @ at, _dot(other, rest), rest.sum((1, 2)),
        )  # fmt: skip
        step = (solve @ torch.stack(products, 1)[:, :, None])[:, :, 0]
        grown = 1 + step[:, 2:4].clamp(-FARTHEST, FARTHEST)
        shift = (shift - scale * step[:, :2] / grown).clamp(-2 * FARTHEST, 2 * FARTHEST)
        scale = (scale / grown).clamp(1 - FARTHEST, 1 / (1 - FARTHEST))
    moved, seen = _moved(x, at, chosen[:, :2], chosen[:, 2:])
    shown = moved.mean(1)
    gain, bias = _brightened(shown, other, seen)
    fit = gain * shown + bias
    cut = ((fit > 1) & (other > 1 - BIAS)) | ((fit < 0) & (other < BIAS))  # says less than it is
    lefts = []
    for by, and_by in ((gain, bias), _brightened(shown, other, seen * ~cut)):
        rest = (by[:, None] * moved + and_by[:, None]).clamp(0, 1) - y
        lefts.append(_share(rest, y, seen[:, None]))
    return torch.minimum(*lefts)


def _toward(y: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """By which shifts and scales, down and across, a difference from y is explained.

    Returns:
        What a shift down and one across change, (P, S, S) each; and the matrices (P, 4, 6) that make the
        four of a difference's products with what they, a gain and a bias change.
    """
    spacing = float(at[1] - at[0])
    down, across = torch.gradient(y, spacing=spacing, dim=(1, 2))
    columns = (down, across, at[:, None] * down, at * across, y, torch.ones_like(y))
    design = torch.stack([column.flatten(1) for column in columns], 1)  # (P, 6, S²)
    normal = design @ design.mT
    size = normal.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    even = torch.eye(6, dtype=y.dtype, device=y.device) * (1e-4 * size + 1e-6)
    return down, across, torch.linalg.inv(normal + even)[:, :4]


def _moved(x: Tensor, at: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """x (P, C, S, S) at scale · u + shift, and which of it (P, S, S) lies inside of x."""
    down, seen_down = _interpolation(at, scale[:, :1], shift[:, :1])
    across, seen_across = _interpolation(at, scale[:, 1:], shift[:, 1:])
    if x.shape[1] == 1:
        moved = (down @ x[:, 0] @ across.mT)[:, None]
    else:
        moved = down[:, None] @ x @ across[:, None].mT
    return moved, seen_down[:, :, None] * seen_across[:, None]


def _interpolation(at: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Of one axis the matrices (P, S, S), and which places (P, S) are inside."""
    last = len(at) - 1
    place = (scale * at + shift + 1) * (last / 2)
    inside = (place > -0.5) & (place < last + 0.5)
    place = place.clamp(0, last)
    before = place.floor().clamp_max(last - 1)
    beyond = (place - before)[:, :, None]
    index = before.long()[:, :, None]
    matrices = place.new_zeros(*place.shape, last + 1)
    matrices.scatter_(2, index, 1 - beyond).scatter_(2, index + 1, beyond)
    return matrices, inside.to(at)


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """The products' sums (P,) of x and y (P, S, S)."""
    products: Tensor = torch.linalg.vecdot(x.flatten(1), y.flatten(1))
    return products


def _brightened(x: Tensor, y: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The gain and bias (P, 1, 1) that bring x (P, S, S) onto y by least squares."""
    count = seen.sum((1, 2), keepdim=True).clamp_min(1)
    x_mean = _dot(x, seen)[:, None, None] / count
    y_mean = _dot(y, seen)[:, None, None] / count
    from_mean = (x - x_mean).mul_(seen)
    spread = _dot(from_mean, from_mean)[:, None, None] + count * NOISE**2
    together = _dot(from_mean, y - y_mean)[:, None, None] + count * NOISE**2
    gain = (together / spread).clamp(*GAIN)
    return gain, (y_mean - gain * x_mean).clamp(-BIAS, BIAS)


def _share(rest: Tensor, y: Tensor, seen: Tensor) -> Tensor:
    """The root of the squares that are left, as a share of those of y about its mean: (P,)."""
    count = seen.sum((1, 2, 3)) * y.shape[1]
    mean = (y * seen).sum((1, 2, 3), keepdim=True) / count.clamp_min(1)[:, None, None, None]
    spread = ((y - mean) * seen).square().sum((1, 2, 3)) + count * NOISE**2
    return ((rest * seen).square().sum((1, 2, 3)) / spread.clamp_min(1e-12)).sqrt()
