"""The difference of two pictures once one is registered with the other: moved, stretched, brightened.

    x, y (P, C, S, S) ──► y ≈ gain · x(scale · u + shift) + bias, within [0, 1] ──► what is left of y

A crop, another size and another brightness leave little; another picture leaves much, however alike
it is. Rows and columns move apart from each other, so that a move is two small matrices,
(P, S, S) · x · (P, S, S)ᵀ, and no picture is sampled point by point.

Where each picture comes in many pairs, :class:`Looks` keeps what it brings to all of them, and looks of
half the size say which pairs are worth it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["Looks", "registered_distance"]

ROUNDS = 4
FARTHEST = 0.12  # of the picture's sides: what a crop may take away
GAIN = (0.6, 1.6)
BIAS = 0.15
NOISE = 2 / 255  # a difference of this size says nothing, in a picture without contrast either
AT_ONCE = 512  # pairs: few calls, and they stay in a cache


@dataclass(frozen=True)
class Looks:
    """Pictures of one size, with what each brings to every pair that it is in.

    Attributes:
        pictures: (N, C, S, S), uint8 or in [0, 1]; C is 1 where all are gray.
        solve: (N, 4, 6), which make the shifts and scales of a difference's products with what they, a
            gain and a bias change.
    """

    pictures: Tensor
    solve: Tensor

    @classmethod
    def of(cls, pictures: Tensor) -> Looks:
        """Of pictures (N, C, S, S), uint8 or in [0, 1]."""
        parts = torch.split(pictures, AT_ONCE)
        if all(bool((some == some[:, :1]).all()) for some in parts):
            pictures = pictures[:, :1]  # gray: one channel says it all
        return cls(pictures, _solving(pictures))

    def turned(self, pictures: Tensor, axes: Tensor) -> Looks:
        """The same, mirrored or turned by quarters.

        Args:
            pictures: (N, C, S, S), turned.
            axes: from which direction of the picture down and across came, (N, 2, 2), a column of each:
                a direction that turns the other way has −1.
        """
        turn = torch.zeros(len(axes), 6, 6)  # of what a look changes by; a gain and a bias stay
        turn[:, :2, :2], turn[:, 2:4, 2:4] = axes.mT, axes.mT.abs()
        turn[:, 4, 4] = turn[:, 5, 5] = 1
        return Looks(pictures, turn[:, :4, :4] @ self.solve @ turn.mT)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, rows: Tensor) -> Looks:
        """Some of them."""
        return Looks(self.pictures[rows], self.solve[rows])

    def halved(self) -> Looks:
        """The same in gray, blurred, and of half the size: near pairs differ by hardly more."""
        return Looks.of(
            torch.cat([_halved(_values(x)) for x in torch.split(self.pictures, AT_ONCE)])
        )

    def distance(self, other: Looks, rounds: int = ROUNDS) -> Tensor:
        """:func:`registered_distance` of as many pairs: (N,)."""
        x, y = _values(self.pictures), _values(other.pictures)
        return torch.minimum(_onto(x, y, other.solve, rounds), _onto(y, x, self.solve, rounds))


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
    both = Looks.of(torch.cat([x, y]))
    rows = torch.arange(len(both))
    distances = [x.new_zeros(0)]
    for some in torch.split(rows[: len(x)], AT_ONCE):
        distances.append(both[some].distance(both[some + len(x)]))
    return torch.cat(distances)


def _values(pictures: Tensor) -> Tensor:
    """In [0, 1]."""
    return pictures if pictures.is_floating_point() else pictures.float().div_(255)


def _gray(x: Tensor) -> Tensor:
    """Pictures (P, C, S, S) in one channel: (P, S, S)."""
    return x[:, 0] if x.shape[1] == 1 else x.mean(1)


def _registered(x: Tensor, y: Tensor, solve: Tensor, rounds: int) -> Tensor:
    """The two scales and two shifts (P, 4) that bring x (P, S, S) nearest to y."""
    at = _axis(x)
    down, across = _slopes(y)
    scale, shift = x.new_ones(len(x), 2), x.new_zeros(len(x), 2)
    best = x.new_full((len(x),), torch.inf)
    chosen = torch.cat([scale, shift], 1)
    for number in range(rounds + 1):
        moved, rows, columns = _moved(x[:, None], at, scale, shift)
        seen = rows[:, :, None] * columns[:, None]
        count = (rows.sum(1) * columns.sum(1)).clamp_min(1)
        gain, bias = _brightened(moved[:, 0].mul_(seen), y, seen, count)
        rest = (moved[:, 0] * gain).add_(bias).clamp_(0, 1).sub_(y).mul_(seen)
        left = _dot(rest, rest) / count
        better = left < best
        best = torch.where(better, left, best)
        chosen = torch.where(better[:, None], torch.cat([scale, shift], 1), chosen)
        if number == rounds:
            break
        by_row, by_column = torch.linalg.vecdot(down, rest), (across * rest).sum(1)
        products = (
            by_row.sum(1), by_column.sum(1), by_row @ at, by_column @ at, _dot(y, rest),
            rest.sum((1, 2)),
        )  # fmt: skip
        step = (solve @ torch.stack(products, 1)[:, :, None])[:, :, 0]
        grown = 1 + step[:, 2:4].clamp(-FARTHEST, FARTHEST)
        shift = (shift - scale * step[:, :2] / grown).clamp(-2 * FARTHEST, 2 * FARTHEST)
        scale = (scale / grown).clamp(1 - FARTHEST, 1 / (1 - FARTHEST))
    return chosen


def _onto(x: Tensor, y: Tensor, solve: Tensor, rounds: int) -> Tensor:
    """What x (P, C, S, S), brought onto y, leaves of it: (P,)."""
    other, at = _gray(y), _axis(x)
    chosen = _registered(_gray(x), other, solve, rounds)
    moved, rows, columns = _moved(x, at, chosen[:, :2], chosen[:, 2:])
    seen = rows[:, :, None] * columns[:, None]
    shown = moved[:, 0] if x.shape[1] == 1 else moved.mean(1)
    gain, bias = _brightened(shown * seen, other, seen, seen.sum((1, 2)).clamp_min(1))
    fit = gain * shown + bias
    cut = ((fit > 1) & (other > 1 - BIAS)) | ((fit < 0) & (other < BIAS))  # says less than it is
    uncut = seen * ~cut
    lefts = []
    for by, and_by in (
        (gain, bias),
        _brightened(shown * uncut, other, uncut, uncut.sum((1, 2)).clamp_min(1)),
    ):
        rest = (by[:, None] * moved).add_(and_by[:, None]).clamp_(0, 1).sub_(y)
        lefts.append(_share(rest, y, seen[:, None]))
    return torch.minimum(*lefts)


def _solving(pictures: Tensor) -> Tensor:
    """As :attr:`Looks.solve` says: (N, 4, 6)."""
    solve = [torch.zeros(0, 4, 6)]
    for some in torch.split(pictures, AT_ONCE):
        gray = _values(some).mean(1)
        at = _axis(gray)
        down, across = _slopes(gray)
        columns = (down, across, at[:, None] * down, at * across, gray, torch.ones_like(gray))
        design = torch.stack([column.flatten(1) for column in columns], 1)  # (P, 6, S²)
        normal = design @ design.mT
        size = normal.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
        even = torch.eye(6, dtype=gray.dtype, device=gray.device) * (1e-4 * size + 1e-6)
        solve.append(torch.linalg.inv(normal + even)[:, :4])
    return torch.cat(solve)


def _halved(x: Tensor) -> Tensor:
    """Pictures (P, C, S, S) in gray and of half the size (P, 1, S/2, S/2): each place the mean of four by
    four, weighted by 1, 3, 3, 1 along either axis. The mean of two by two would leave what linear
    interpolation cannot move."""
    x = pad(x.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    for dim in (2, 3):
        count = (x.shape[dim] - 2) // 2
        one, two, three, four = (
            x.narrow(dim, start, x.shape[dim] - 3)[(slice(None),) * dim + (slice(None, None, 2),)]
            for start in range(4)
        )
        x = ((one + four) + 3 * (two + three)).div_(8).narrow(dim, 0, count)
    return x


def _axis(x: Tensor) -> Tensor:
    """Where the places of a side (S,) are, from -1 to 1."""
    return torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype, device=x.device)


def _slopes(y: Tensor) -> tuple[Tensor, Tensor]:
    """How y (P, S, S) changes down and across, each (P, S, S): by the places on either side."""
    last = y.shape[-1] - 1
    beside = torch.arange(last + 1, device=y.device)
    before, after = (beside - 1).clamp_min(0), (beside + 1).clamp_max(last)
    size = (after - before) * (2 / last)
    across = (y[:, :, after] - y[:, :, before]).div_(size)
    down = (y[:, after] - y[:, before]).div_(size[:, None])
    return down, across


def _moved(x: Tensor, at: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x (P, C, S, S) at scale · u + shift, and which rows and columns (P, S) lie inside of x."""
    down, seen_down = _interpolation(at, scale[:, :1], shift[:, :1])
    across, seen_across = _interpolation(at, scale[:, 1:], shift[:, 1:])
    if x.shape[1] == 1:
        moved = (down @ x[:, 0] @ across.mT)[:, None]
    else:
        moved = down[:, None] @ x @ across[:, None].mT
    return moved, seen_down, seen_across


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


def _brightened(x: Tensor, y: Tensor, seen: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """The gain and bias (P, 1, 1) that bring x (P, S, S), 0 where it is not seen, onto y by least squares."""
    x_mean, y_mean = x.sum((1, 2)) / count, _dot(y, seen) / count
    spread = (_dot(x, x) - count * x_mean.square()).clamp_min(0) + count * NOISE**2
    together = _dot(x, y) - count * x_mean * y_mean + count * NOISE**2
    gain = (together / spread).clamp(*GAIN)
    bias = (y_mean - gain * x_mean).clamp(-BIAS, BIAS)
    return gain[:, None, None], bias[:, None, None]


def _share(rest: Tensor, y: Tensor, seen: Tensor) -> Tensor:
    """The root of the squares that are left, as a share of those of y about its mean: (P,)."""
    count = seen.sum((1, 2, 3)) * y.shape[1]
    mean = (y * seen).sum((1, 2, 3), keepdim=True) / count.clamp_min(1)[:, None, None, None]
    spread = ((y - mean) * seen).square().sum((1, 2, 3)) + count * NOISE**2
    return ((rest * seen).square().sum((1, 2, 3)) / spread.clamp_min(1e-12)).sqrt()
