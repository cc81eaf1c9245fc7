"""Corruptions and augmentations: for denoising, inpainting, upscaling, and binary pictures.

    x (B, C, H, W) in [0, 1]  ──corruption(x, draws)──►  the same shape, on the same device

A corruption is data: it keeps no state, and the same draws change the same batch in the same way. As
a phase's ``corruption`` it changes the input only; as its ``augmentation`` input and target alike,
which is what ``flip``, ``shift``, ``warp`` and ``light`` are for; ``bend`` serves as either.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch.nn.functional import affine_grid, conv2d, grid_sample, interpolate, pad

from ..parts import Part, build, part
from ..randomness import Draws
from .resizing import enlarged, reduced

__all__ = [
    "Bend",
    "Binarise",
    "Blur",
    "Chain",
    "Corruption",
    "Downscale",
    "DropoutMask",
    "Flip",
    "GaussianNoise",
    "HiddenChannels",
    "Jpeg",
    "Light",
    "Patch",
    "Rectangle",
    "SaltAndPepper",
    "Shift",
    "Warp",
]


class Corruption(Protocol):
    """Pure in (x, draws)."""

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        """(B, C, H, W) in [0, 1] to the same shape."""


@part("corruption", "gaussian-noise")
@dataclass(frozen=True)
class GaussianNoise:
    """Adds independent normal noise of standard deviation ``sigma``; ``clip`` keeps [0, 1]."""

    sigma: float
    clip: bool = False

    def __post_init__(self) -> None:
        _at_least("sigma", self.sigma, 0)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        noise = draws.normal("corruption/gaussian noise", x.shape, x.device).to(x.dtype)
        noisy = x + self.sigma * noise
        return noisy.clamp(0, 1) if self.clip else noisy


@part("corruption", "dropout-mask")
@dataclass(frozen=True)
class DropoutMask:
    """Sets values to 0 with probability ``p``, without making the others larger (Kovenko, section 3.2).

    ``per_pixel`` drops all channels of a pixel together. ``value`` is what they are set to instead:
    0.5 where a paper works in (−1, 1), whose 0 is gray (Canziani).
    """

    p: float
    per_pixel: bool = False
    value: float = 0.0

    def __post_init__(self) -> None:
        _share("p", self.p)
        _share("value", self.value)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        shape = (x.shape[0], 1, *x.shape[2:]) if self.per_pixel else tuple(x.shape)
        u = draws.uniform("corruption/dropout mask", shape, x.device)
        return x.masked_fill(u < self.p, self.value)


@part("corruption", "salt-and-pepper")
@dataclass(frozen=True)
class SaltAndPepper:
    """Sets values to 0 or to 1, each with probability ``p`` / 2."""

    p: float

    def __post_init__(self) -> None:
        _share("p", self.p)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        u = draws.uniform("corruption/salt and pepper", x.shape, x.device)
        return x.masked_fill(u < self.p / 2, 0.0).masked_fill(u >= 1 - self.p / 2, 1.0)


@part("corruption", "patch")
@dataclass(frozen=True)
class Patch:
    """A square hole at a random place in each picture, filled with ``value``.

    Its side is ``size`` times the shorter side of the picture, at least one pixel.
    """

    size: float
    value: float = 0.5

    def __post_init__(self) -> None:
        _share("size", self.size)
        _share("value", self.value)
        if self.size == 0:
            raise ValueError("size must be above 0 and at most 1, got 0")

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        b, _, h, w = x.shape
        side = max(1, round(self.size * min(h, w)))
        top = draws.integers("corruption/patch/top", h - side + 1, (b, 1, 1, 1), x.device)
        left = draws.integers("corruption/patch/left", w - side + 1, (b, 1, 1, 1), x.device)
        row = torch.arange(h, device=x.device)[:, None] - top
        col = torch.arange(w, device=x.device)[None, :] - left
        hole = (row >= 0) & (row < side) & (col >= 0) & (col < side)
        return x.masked_fill(hole, self.value)


@part("corruption", "rectangle")
@dataclass(frozen=True)
class Rectangle:
    """A hole at one place, the same in every picture, filled with ``value``; by default the middle.

    ``x`` and ``y`` are where it begins, from the left and from the top, ``width`` and ``height`` how
    far it reaches: shares of the picture's sides, rounded to pixels, at least one.
    """

    x: float = 0.25
    y: float = 0.25
    width: float = 0.5
    height: float = 0.5
    value: float = 0.5

    def __post_init__(self) -> None:
        for name in ("x", "y", "width", "height", "value"):
            _share(name, getattr(self, name))
        if not self.width or not self.height or max(self.x + self.width, self.y + self.height) > 1:
            raise ValueError(
                "a rectangle lies inside the picture and holds some of it: width and height are "
                f"above 0, x + width and y + height at most 1; got {self.x}, {self.y}, "
                f"{self.width}, {self.height}"
            )

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        out = x.clone()
        sides = ((self.y, self.height, x.shape[2]), (self.x, self.width, x.shape[3]))
        rows, columns = (_stretch(begin, share, side) for begin, share, side in sides)
        out[:, :, rows, columns] = self.value
        return out


def _stretch(begin: float, share: float, side: int) -> slice:
    """The pixels of an axis of ``side`` that a share of it covers."""
    first = min(round(begin * side), side - 1)
    return slice(first, max(first + 1, round((begin + share) * side)))


@part("corruption", "hidden-channels")
@dataclass(frozen=True)
class HiddenChannels:
    """Sets the last ``count`` channels to 0: a mask that is to be found from the picture before it."""

    count: int

    def __post_init__(self) -> None:
        _at_least("count", self.count, 1)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        out = x.clone()
        out[:, -self.count :] = 0
        return out


@part("corruption", "downscale")
@dataclass(frozen=True)
class Downscale:
    """Makes the picture ``factor`` times smaller and as large again, both bicubic: what upscaling undoes."""

    factor: float

    def __post_init__(self) -> None:
        _at_least("factor", self.factor, 1)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        h, w = x.shape[2:]
        small = (max(1, round(h / self.factor)), max(1, round(w / self.factor)))
        if small == (h, w):
            return x.clone()
        return enlarged(reduced(x, small), (h, w)).clamp(0, 1)


@part("corruption", "blur")
@dataclass(frozen=True)
class Blur:
    """Gaussian blur of standard deviation ``sigma`` pixels, cut at 3 sigma; edges are repeated."""

    sigma: float

    def __post_init__(self) -> None:
        _at_least("sigma", self.sigma, 0)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        radius = math.ceil(3 * self.sigma)
        if radius == 0:
            return x.clone()
        steps = torch.arange(-radius, radius + 1, dtype=torch.float32, device=x.device)
        kernel = torch.exp(-0.5 * (steps / self.sigma) ** 2)
        kernel = (kernel / kernel.sum()).to(x.dtype)
        b, c, h, w = x.shape
        flat = x.reshape(b * c, 1, h, w)
        flat = conv2d(pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
        flat = conv2d(pad(flat, (0, 0, radius, radius), mode="replicate"), kernel.view(1, 1, -1, 1))
        return flat.reshape(b, c, h, w)


@part("corruption", "jpeg")
@dataclass(frozen=True)
class Jpeg:
    """Stores each picture as JPEG of that ``quality``, 1 to 95, and reads it again.

    By Pillow, in memory, one picture after the other on the processor; colours are subsampled 4:2:0
    as cameras do.
    """

    quality: int

    def __post_init__(self) -> None:
        if int(self.quality) != self.quality or not 1 <= self.quality <= 95:
            raise ValueError(f"quality must be a whole number from 1 to 95, got {self.quality!r}")

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        if x.shape[1] not in (1, 3):
            raise ValueError(f"JPEG takes pictures of 1 or 3 channels, got {x.shape[1]}")
        pixels = (x.detach().clamp(0, 1) * 255).round().to("cpu", torch.uint8)
        read = [_through_jpeg(each, int(self.quality)) for each in pixels.permute(0, 2, 3, 1)]
        decoded = torch.from_numpy(np.stack(read)).permute(0, 3, 1, 2)
        return (decoded.to(x.dtype) / 255).contiguous().to(x.device)


def _through_jpeg(
    pixels: torch.Tensor, quality: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """uint8 (H, W, 1 or 3) → the same shape."""
    from PIL import Image

    stored = io.BytesIO()
    flat = pixels.numpy()[:, :, 0] if pixels.shape[2] == 1 else pixels.numpy()
    Image.fromarray(np.ascontiguousarray(flat)).save(stored, "JPEG", quality=quality)
    with Image.open(stored) as opened:
        return np.asarray(opened, np.uint8).reshape(tuple(pixels.shape))


@part("corruption", "binarise")
@dataclass(frozen=True)
class Binarise:
    """Draws each value as 1 with the probability that it holds, else 0: dynamic binarisation."""

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        u = draws.uniform("corruption/binarise", x.shape, x.device)
        return (u < x).to(x.dtype)


@part("corruption", "flip")
@dataclass(frozen=True)
class Flip:
    """Mirrors each picture, left for right, with probability ``p``."""

    p: float = 0.5

    def __post_init__(self) -> None:
        _share("p", self.p)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        u = draws.uniform("corruption/flip", (len(x), 1, 1, 1), x.device)
        return torch.where(u < self.p, x.flip(3), x)


@part("corruption", "shift")
@dataclass(frozen=True)
class Shift:
    """Moves each picture by whole pixels, up to ``reach`` of its sides; continued by reflection."""

    reach: float = 0.0625

    def __post_init__(self) -> None:
        _share("reach", self.reach)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        b, c, h, w = x.shape
        down, across = (
            _moved(draws, name, side, self.reach, b, x.device)
            for name, side in (("down", h), ("across", w))
        )
        rows = torch.arange(b, device=x.device)[:, None, None, None]
        channels = torch.arange(c, device=x.device)[:, None, None]
        return x[rows, channels, down[:, None, :, None], across[:, None, None, :]]


def _moved(
    draws: Draws, name: str, side: int, reach: float, count: int, device: torch.device
) -> torch.Tensor:
    """Which pixel of an axis comes to each place, (count, side): … 2 1 0 1 2 … at the border."""
    most = min(round(reach * side), side - 1)
    by = draws.integers(f"corruption/shift/{name}", 2 * most + 1, (count, 1), device) - most
    at = (torch.arange(side, device=device) + by).abs()
    return torch.where(at >= side, 2 * (side - 1) - at, at)


@part("corruption", "warp")
@dataclass(frozen=True)
class Warp:
    """Turns, enlarges, moves and bends each picture by amounts of its own; continued by reflection.

    Amounts are uniform in [-a, a]: ``turn`` in degrees, ``zoom`` the logarithm of the size, ``shift`` a
    share of the sides. ``bend`` is the standard deviation, as a share of the sides, of displacements
    that are drawn on 4 × 4 places and smooth between them (elastic distortions, Simard et al. 2003).
    Pixels are interpolated linearly.
    """

    turn: float = 10.0
    zoom: float = 0.1
    shift: float = 0.05
    bend: float = 0.0

    def __post_init__(self) -> None:
        for name in ("turn", "zoom", "shift", "bend"):
            _at_least(name, getattr(self, name), 0)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        if not (self.turn or self.zoom or self.shift or self.bend):
            return x
        b, _, h, w = x.shape
        u = 2 * draws.uniform("corruption/warp", (b, 4), x.device) - 1
        angle, smaller = u[:, 0] * math.radians(self.turn), (-u[:, 1] * self.zoom).exp()
        cosine, sine, stretch = smaller * angle.cos(), smaller * angle.sin(), h / w
        move = 2 * self.shift * u[:, 2:]
        across = torch.stack([cosine, -sine * stretch, move[:, 0]], 1)
        down = torch.stack([sine / stretch, cosine, move[:, 1]], 1)
        grid = affine_grid(torch.stack([across, down], 1), [b, 1, h, w], align_corners=False)
        if self.bend:
            grid = grid + 2 * self.bend * _sheet(x, draws, "corruption/warp/bend", 4, False)
        grid = grid.to(x.dtype)
        return grid_sample(x, grid, padding_mode="reflection", align_corners=False)


@part("corruption", "light")
@dataclass(frozen=True)
class Light:
    """Makes each picture brighter or darker by a factor of its own, and cuts it to [0, 1].

    The factor's logarithm is uniform in ±``reach``; black stays black.
    """

    reach: float = 0.08

    def __post_init__(self) -> None:
        _at_least("reach", self.reach, 0)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        if not self.reach:
            return x
        u = 2 * draws.uniform("corruption/light", (len(x), 1, 1, 1), x.device) - 1
        return (x * (u * self.reach).exp()).clamp(0, 1).to(x.dtype)


@part("corruption", "bend")
@dataclass(frozen=True)
class Bend:
    """Bends each picture smoothly, as on a rubber sheet; continued by reflection.

    Each of ``knots`` × ``knots`` points moves by normal steps of standard deviation ``reach`` of the
    sides, and what lies between them moves along (bicubic). Two knots shift, turn, scale and shear
    it. As a corruption it teaches a code what a picture shows rather than how it is bent; a code so
    trained has neighbours that differ by a bend (Simard et al. 2003 vary digits so for a classifier).
    """

    reach: float = 0.05
    knots: int = 4

    def __post_init__(self) -> None:
        _share("reach", self.reach)
        _at_least("knots", self.knots, 2)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        across, down = (torch.linspace(-1, 1, side, device=x.device) for side in x.shape[:1:-1])
        still = torch.stack(torch.meshgrid(across, down, indexing="xy"), 2)
        steps = _sheet(x, draws, "corruption/warp", self.knots, True) * (2 * self.reach)
        where = still + steps
        seen = grid_sample(x.float(), where, padding_mode="reflection", align_corners=True)
        return seen.clamp(0, 1).to(x.dtype)


def _sheet(x: torch.Tensor, draws: Draws, purpose: str, knots: int, corners: bool) -> torch.Tensor:
    """Normal steps of ``knots`` × ``knots`` points, smooth between them: (B, H, W, 2)."""
    coarse = draws.normal(purpose, (len(x), 2, knots, knots), x.device)
    fine = interpolate(coarse, x.shape[2:], mode="bicubic", align_corners=corners)
    return fine.permute(0, 2, 3, 1)


@part("corruption", "chain")
@dataclass(frozen=True)
class Chain:
    """One corruption after another. Each place has its own randomness, so that two equal parts differ."""

    parts: tuple[Corruption, ...]

    def __init__(self, parts: Sequence[Corruption | Part]) -> None:
        parts = tuple(build("corruption", written) for written in parts)
        if not parts or not all(callable(one) for one in parts):
            raise ValueError(f"a chain needs one corruption or more, got {parts!r}")
        object.__setattr__(self, "parts", parts)

    def __call__(self, x: torch.Tensor, draws: Draws) -> torch.Tensor:
        for place, corruption in enumerate(self.parts):
            x = corruption(x, _at(draws, place))
        return x


def _at(draws: Draws, place: int) -> Draws:
    """The draws of one place in a chain: another seed, a function of the first."""
    text = f"{draws.seed}/chain/{place}".encode()
    return replace(draws, seed=int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big"))


def _share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], got {value!r}")


def _at_least(name: str, value: float, least: float) -> None:
    if not (math.isfinite(value) and value >= least):
        raise ValueError(f"{name} must be a finite number from {least}, got {value!r}")
