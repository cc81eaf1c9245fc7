"""What becomes of photographs with time, as corruptions whose masks are known: alone and in mixtures.

    x (B, C, H, W) in [0, 1] ──damage──► the aged picture, and where it was destroyed (B, 1, H, W)

    all of a picture   blur, film grain, fading, sepia, JPEG        a mask of nothing
    places of it       fold, scratch, dust                          a mask of what they hide

They take 1 or 3 channels and any size. Widths are in pixels, as a scan has them; a scratch is as long as
a share of the shorter side, so a larger picture has more and longer ones and as much harm in each part.
The parts are those of Wan et al. 2020, §3.4, whose scratches are textures that were collected: here
they are drawn, and so are folds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from ..parts import part
from ..randomness import Draws
from .corruptions import _share, _through_jpeg

__all__ = [
    "KINDS",
    "Damaging",
    "Dust",
    "Fading",
    "FilmGrain",
    "Fold",
    "OldPhoto",
    "Scratch",
    "Sepia",
]

LUMA = (0.299, 0.587, 0.114)
SIDE = 64  # of the square that numbers of scratches and specks are given for
SEEN = 0.25  # of a pixel that is covered, from which it counts as destroyed
WIDEST = 6  # pixels from the middle of a speck to the edge of its window


@runtime_checkable
class Damaging(Protocol):
    """A corruption that knows what it destroyed."""

    def damage(self, x: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Pictures (B, C, H, W), aged; and booleans (B, 1, H, W), true where nothing of them is left."""
        ...

    def hidden(self, x: Tensor, draws: Draws) -> Tensor:
        """The mask of ``damage`` alone, (B, 1, H, W)."""
        ...


class _Ageing:
    """A corruption by numbers u in [0, 1) of each picture, so that a mixture may choose its pictures."""

    name: str
    numbers = 0  # of a picture
    hides = False  # whether there is ever a mask

    def damage(self, x: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Pictures (B, C, H, W), aged; and booleans (B, 1, H, W), true where nothing of them is left."""
        every = torch.ones(len(x), dtype=torch.bool, device=x.device)
        return self.some(x, every, draws)

    def hidden(self, x: Tensor, draws: Draws) -> Tensor:
        """The mask of ``damage`` alone, which needs no more of the pictures than their size."""
        return self.damage(x, draws)[1]

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        return self.damage(x, draws)[0]

    def some(self, x: Tensor, chosen: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """The same where ``chosen`` (B,); the others stay as they are."""
        if x.shape[1] not in (1, 3):
            raise ValueError(f"photographs have 1 or 3 channels, got {x.shape[1]}")
        purpose = f"corruption/{self.name}"
        u = draws.uniform(purpose, (len(x), self.count(x)), x.device).to(x.dtype)
        noise = self.noise(x, draws)
        rows = chosen.nonzero()[:, 0]
        out, mask = x.clone(), torch.zeros_like(x[:, :1], dtype=torch.bool)
        if len(rows):
            with torch.autocast(x.device.type, enabled=False):
                aged, hidden = self.aged(x[rows], u[rows], None if noise is None else noise[rows])
            out[rows] = aged.clamp(0, 1)
            if hidden is not None:
                mask[rows] = hidden
        return out, mask

    def count(self, x: Tensor) -> int:
        """Numbers that a picture takes."""
        return self.numbers

    def noise(self, x: Tensor, draws: Draws) -> Tensor | None:
        """Normal numbers of the pictures' shape with a channel more, for what takes them."""
        return None

    def aged(self, x: Tensor, u: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Pictures (B, C, H, W) by numbers (B, count): aged, and what of them is hidden."""
        raise NotImplementedError


def _between(u: Tensor, low: float, high: float) -> Tensor:
    """u (B,) in [0, 1) → numbers (B, 1, 1, 1) from ``low`` to ``high``."""
    return (low + (high - low) * u)[:, None, None, None]


def _gray(x: Tensor) -> Tensor:
    """(B, C, H, W) → (B, 1, H, W)."""
    if x.shape[1] == 1:
        return x
    return (x * x.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def _places(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns (H, W) of pictures' pixels."""
    down, across = (torch.arange(n, device=x.device, dtype=x.dtype) for n in x.shape[2:])
    rows, columns = torch.meshgrid(down, across, indexing="ij")
    return rows, columns


@part("corruption", "scratch")
@dataclass(frozen=True)
class Scratch(_Ageing):
    """Bright and dark lines, bent and broken, of ``width`` pixels at most.

    Args:
        most: lines on 64 × 64 pixels; a picture has from one to so many, a larger one more.
        width: of the widest.
    """

    most: int = 3
    width: float = 3.0
    name = "scratch"
    hides = True
    each = 12  # numbers of a line

    def __post_init__(self) -> None:
        if self.most < 1 or not self.width > 0:
            raise ValueError(f"most is at least 1 and width above 0, got {self.most}, {self.width}")

    def count(self, x: Tensor) -> int:
        """Of every line, and how many of them there are."""
        return 1 + self.each * self._lines(x)

    def _lines(self, x: Tensor) -> int:
        return max(1, round(self.most * math.sqrt(x.shape[2] * x.shape[3]) / SIDE))

    def aged(self, x: Tensor, u: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Line after line."""
        h, w = x.shape[2:]
        short = min(h, w)
        rows, columns = _places(x)
        many, least = self._lines(x), math.ceil(self._lines(x) / 3)
        there = least + (u[:, 0] * (many - least + 1)).floor()
        out, hidden = x, torch.zeros_like(x[:, 0])
        for number in range(many):
            v = u[:, 1 + self.each * number :][:, : self.each, None, None]
            angle = math.pi * v[:, 2]
            down, across = rows - v[:, 0] * h, columns - v[:, 1] * w
            along = down * angle.sin() + across * angle.cos()
            beside = down * angle.cos() - across * angle.sin()
            half = (0.15 + 0.45 * v[:, 3]) * short
            share = along / half
            bent = (v[:, 4] - 0.5) * 0.3 * half * share.square()
            wobble = 1.2 * torch.sin(along / (3 + 9 * v[:, 5]) + 6.3 * v[:, 6])
            far = (beside - bent - wobble).abs()
            wide = 0.5 * (0.8 + (self.width - 0.8) * v[:, 7].square())
            cover = (wide + 0.5 - far).clamp(0, 1) * (share.abs() < 1)
            whole = torch.sin(along / (2 + 10 * v[:, 8]) + 6.3 * v[:, 9]) > 1.6 * v[:, 10] - 1.9
            cover = cover * whole * (there[:, None, None] > number)
            strong = (0.7 + 0.3 * v[:, 9])[:, None]
            value = torch.where(v[:, 11] < 0.75, 0.8 + 0.2 * v[:, 5], 0.2 * v[:, 5])[:, None]
            out = out + (cover[:, None] * strong) * (value - out)
            hidden = torch.maximum(hidden, cover)
        return out, hidden[:, None] > SEEN


@part("corruption", "dust")
@dataclass(frozen=True)
class Dust(_Ageing):
    """Bright and dark specks: from a third of ``most`` to all of it on 64 × 64 pixels.

    Args:
        most: specks on 64 × 64 pixels.
        radius: of the largest, in pixels.
    """

    most: int = 8
    radius: float = 3.0
    name = "dust"
    hides = True
    each = 7

    def __post_init__(self) -> None:
        if self.most < 1 or not 0 < self.radius < WIDEST:
            raise ValueError(
                f"most is at least 1 and radius between 0 and {WIDEST}, got {self.most}, "
                f"{self.radius}"
            )

    def count(self, x: Tensor) -> int:
        """Of every speck, and how many of them there are."""
        return 1 + self.each * self._specks(x)

    def _specks(self, x: Tensor) -> int:
        return max(1, round(self.most * x.shape[2] * x.shape[3] / SIDE**2))

    def aged(self, x: Tensor, u: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Each speck in a small window; where two lie over each other the one that covers more."""
        b, _, h, w = x.shape
        many = self._specks(x)
        v = u[:, 1:].reshape(b, many, self.each)[..., None, None]
        there = torch.arange(many, device=x.device) < many * (1 + 2 * u[:, :1]) / 3  # (B, N)
        near = torch.arange(-WIDEST, WIDEST + 1, device=x.device)
        rows = (v[:, :, 0] * h).floor() + near[:, None]  # (B, N, k, 1)
        columns = (v[:, :, 1] * w).floor() + near
        angle = math.pi * v[:, :, 2]
        one, other = near[:, None] * angle.sin(), near * angle.cos()
        along, beside = one + other, near[:, None] * angle.cos() - near * angle.sin()
        radius = 0.6 + (self.radius - 0.6) * v[:, :, 3].square()
        flat = 1 + 1.5 * v[:, :, 4]
        far = (along.square() / flat + beside.square() * flat).sqrt()
        inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w) & there[..., None, None]
        cover = (radius + 0.5 - far).clamp(0, 1) * inside
        place = (rows.clamp(0, h - 1) * w + columns.clamp(0, w - 1)).long().flatten(1)
        out, hidden = x, torch.zeros_like(x[:, :1])
        for bright in (False, True):
            these = cover * ((v[:, :, 5] < 0.7) == bright)
            value = 0.85 + 0.15 * v[:, :, 6] if bright else 0.15 * v[:, :, 6]
            covers, lit = (
                torch.zeros(b, h * w, device=x.device, dtype=x.dtype).scatter_reduce(
                    1, place, part.expand_as(cover).flatten(1), "amax"
                )
                for part in (these, these * value)
            )
            covers, lit = (one.reshape(b, 1, h, w) for one in (covers, lit))
            out = out * (1 - covers) + lit
            hidden = torch.maximum(hidden, covers)
        return out, hidden > SEEN


@part("corruption", "fold")
@dataclass(frozen=True)
class Fold(_Ageing):
    """A crease from border to border, its colour broken off in places, with a shade beside it.

    Args:
        width: of the broken line, in pixels at most.
    """

    width: float = 4.0
    name = "fold"
    hides = True
    numbers = 11

    def __post_init__(self) -> None:
        if not self.width > 0:
            raise ValueError(f"width is above 0, got {self.width}")

    def aged(self, x: Tensor, u: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Most are nearly level or upright."""
        h, w = x.shape[2:]
        rows, columns = _places(x)
        v = u[..., None, None]
        upright = (v[:, 0] < 0.5).to(x.dtype)
        angle = 0.5 * math.pi * upright + 0.6 * (v[:, 1] - 0.5)
        down, across = rows - (0.15 + 0.7 * v[:, 2]) * h, columns - (0.15 + 0.7 * v[:, 3]) * w
        along = down * angle.sin() + across * angle.cos()
        far = down * angle.cos() - across * angle.sin()
        far = far - 1.0 * torch.sin(along / (5 + 10 * v[:, 4]) + 6.3 * v[:, 5])
        rough = torch.sin(along / 1.7 + 6.3 * v[:, 6]) + torch.sin(along / 4.3 + 6.3 * v[:, 7])
        wide = 0.5 * (1 + (self.width - 1) * v[:, 8]) * (1 + 0.35 * rough)
        cover = (wide + 0.5 - far.abs()).clamp(0, 1)[:, None]
        reach, dark = 4 + 12 * v[:, 9], 0.05 + 0.2 * v[:, 10]
        shade = 1 - (dark * torch.exp(-far.abs() / reach) * (far > 0))[:, None]
        paper = (0.82 + 0.18 * v[:, 7])[:, None]
        return x * shade * (1 - cover) + paper * cover, cover > SEEN


@part("corruption", "fading")
@dataclass(frozen=True)
class Fading(_Ageing):
    """Blacks become gray, whites dull, colours weak and off balance.

    Args:
        strength: 1 raises black up to 0.3 and leaves as little as 0.3 of the colours.
    """

    strength: float = 1.0
    name = "fading"
    numbers = 8

    def __post_init__(self) -> None:
        _share("strength", self.strength)

    def aged(self, x: Tensor, u: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """By a curve and a share of gray."""
        s = self.strength
        low, high = _between(u[:, 0], 0.04 * s, 0.3 * s), 1 - _between(u[:, 1], 0.03 * s, 0.25 * s)
        bend = torch.exp(s * _between(u[:, 2], -0.25, 0.25))
        pale = s * _between(u[:, 3], 0.0, 0.7)
        gray = _gray(x)
        dull = x + pale * (gray - x)
        curve = low + (high - low) * dull.clamp(1e-4, 1) ** bend
        if x.shape[1] == 3:
            curve = curve + 0.1 * s * (u[:, 4:7, None, None] - 0.5)
        return curve, None


@part("corruption", "sepia")
@dataclass(frozen=True)
class Sepia(_Ageing):
    """Brown in place of colours, all of them or most; of a gray picture nothing.

    Args:
        least: the smallest share of the colours that is lost.
    """

    least: float = 0.4
    name = "sepia"
    numbers = 4

    def __post_init__(self) -> None:
        _share("least", self.least)

    def aged(self, x: Tensor, u: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Towards the picture's gray times a colour of its own."""
        if x.shape[1] == 1:
            return x, None
        tint = x.new_tensor([1.05, 0.92, 0.7])[:, None, None]
        tint = tint + 0.08 * (u[:, 1:4, None, None] - 0.5)
        brown = _gray(x) * tint
        return x + _between(u[:, 0], self.least, 1.0) * (brown - x), None


@part("corruption", "film-grain")
@dataclass(frozen=True)
class FilmGrain(_Ageing):
    """Noise of clumped grains, most of it common to all channels, largest in the middle tones.

    Args:
        least, most: its standard deviation in the middle tones.
    """

    least: float = 0.03
    most: float = 0.12
    name = "film-grain"
    numbers = 2

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most:
            raise ValueError(f"least and most are 0 ≤ least ≤ most, got {self.least}, {self.most}")

    def noise(self, x: Tensor, draws: Draws) -> Tensor:
        """One more channel than the pictures have."""
        b, c, h, w = x.shape
        return draws.normal(f"corruption/{self.name}", (b, c + 1, h, w), x.device).to(x.dtype)

    def aged(self, x: Tensor, u: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """White noise and its blurred self, mixed and of the deviation that was drawn."""
        assert noise is not None
        kernel = x.new_tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 6.0
        b, c, h, w = noise.shape  # the kernel's squares sum to one
        flat = pad(noise.reshape(b * c, 1, h, w), (1, 1, 1, 1), mode="replicate")
        clumped = conv2d(flat, kernel[None, None]).reshape(noise.shape)
        share = _between(u[:, 1], 0.0, 0.8)
        grain = (share * clumped + (1 - share) * noise) / (
            share.square() + (1 - share).square() + share * (1 - share) * (4 / 3)
        ).sqrt()
        grain = 0.9 * grain[:, :1] + math.sqrt(1 - 0.81) * grain[:, 1:]
        tone = _gray(x)
        size = 0.4 + 2.4 * tone * (1 - tone)
        return x + _between(u[:, 0], self.least, self.most) * size * grain, None


@dataclass(frozen=True)
class _SoftBlur(_Ageing):
    """Gaussian blur of a standard deviation of the picture's own."""

    least: float = 0.5
    most: float = 1.5
    name = "blur"
    numbers = 1

    def aged(self, x: Tensor, u: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """By two kernels for each picture."""
        b, c, h, w = x.shape
        sigma = _between(u[:, 0], self.least, self.most)[:, :, 0]
        radius = math.ceil(3 * self.most)
        steps = torch.arange(-radius, radius + 1, device=x.device, dtype=x.dtype)
        kernel = torch.exp(-0.5 * (steps / sigma).square())
        kernel = (kernel / kernel.sum(-1, keepdim=True)).repeat_interleave(c, 0)  # (B·C, 1, k)
        flat = x.reshape(1, b * c, h, w)
        flat = conv2d(
            pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel[:, :, None], groups=b * c
        )
        flat = conv2d(
            pad(flat, (0, 0, radius, radius), mode="replicate"), kernel[..., None], groups=b * c
        )
        return flat.reshape(x.shape), None


@dataclass(frozen=True)
class _Scanned(_Ageing):
    """JPEG of a quality of the picture's own."""

    least: int = 25
    most: int = 85
    name = "jpeg"
    numbers = 1

    def aged(self, x: Tensor, u: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """By Pillow, one picture after the other."""
        pixels = (x.detach().clamp(0, 1) * 255).round().to("cpu", torch.uint8).permute(0, 2, 3, 1)
        qualities = (self.least + (self.most - self.least) * u[:, 0]).round().int().tolist()
        read = [
            torch.from_numpy(_through_jpeg(one, quality).copy())
            for one, quality in zip(pixels, qualities, strict=True)
        ]
        decoded = torch.stack(read).permute(0, 3, 1, 2).to(x.device, x.dtype)
        return (decoded / 255).contiguous(), None


# in the order in which they happen: the camera, the print, what is done to it, the scan
KINDS: dict[str, _Ageing] = {
    one.name: one
    for one in (
        _SoftBlur(), FilmGrain(), Fading(), Sepia(), Fold(), Scratch(), Dust(), _Scanned(),
    )
}  # fmt: skip
MIXTURES = ("all", "four-fifths", "fifth")


@part("corruption", "old-photo")
@dataclass(frozen=True)
class OldPhoto:
    """A mixture of kinds for each picture, drawn of all mixtures alike.

    Args:
        kinds: of ``KINDS``.
        least, most: kinds in a mixture.
        mixtures: ``all``, or a part of them: a ``fifth``, such as to judge a model on mixtures that it
            never saw, and the ``four-fifths`` that are left. A mixture is a set of kinds.

    Raises:
        ValueError: an unknown kind or part, or no mixture.
    """

    kinds: tuple[str, ...] = tuple(KINDS)
    least: int = 1
    most: int = 5
    mixtures: str = "all"

    def __init__(
        self,
        kinds: Sequence[str] = tuple(KINDS),
        least: int = 1,
        most: int = 5,
        mixtures: str = "all",
    ) -> None:
        for name, value in (("kinds", tuple(kinds)), ("least", least), ("most", most)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "mixtures", mixtures)
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"kinds are of {', '.join(KINDS)}, got {unknown[0]!r}")
        if mixtures not in MIXTURES:
            raise ValueError(f"mixtures is {', '.join(MIXTURES)}, got {mixtures!r}")
        if least < 0 or not self.sets():
            raise ValueError(
                f"there is no mixture of {least} to {most} of {len(self.kinds)} kinds"
                + ("" if mixtures == "all" else f" in the {mixtures}")
            )

    def sets(self) -> list[tuple[str, ...]]:
        """The mixtures that are drawn from."""
        ordered = [kind for kind in KINDS if kind in self.kinds]
        found = [
            some
            for count in range(self.least, min(self.most, len(ordered)) + 1)
            for some in combinations(ordered, count)
        ]
        if self.mixtures == "all":
            return found
        return [
            some
            for place, some in enumerate(found)
            if (place % 5 == 2) == (self.mixtures == "fifth")
        ]

    def chosen(self, pictures: int, draws: Draws) -> Tensor:
        """Which kinds each picture gets, (B, number of ``KINDS``) booleans."""
        sets = self.sets()
        table = torch.tensor([[kind in some for kind in KINDS] for some in sets])
        return table[draws.integers("corruption/old photo", len(sets), (pictures,))]

    def damage(self, x: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Pictures (B, C, H, W), aged; and booleans (B, 1, H, W), true where nothing of them is left."""
        chosen = self.chosen(len(x), draws).to(x.device)
        out, mask = x.clone(), torch.zeros_like(x[:, :1], dtype=torch.bool)
        for number, kind in enumerate(KINDS.values()):
            if kind.name in self.kinds:
                out, hidden = kind.some(out, chosen[:, number], draws)
                mask |= hidden
        return out, mask

    def hidden(self, x: Tensor, draws: Draws) -> Tensor:
        """The mask of ``damage`` alone, without the kinds that hide nothing."""
        chosen = self.chosen(len(x), draws).to(x.device)
        mask = torch.zeros_like(x[:, :1], dtype=torch.bool)
        for number, kind in enumerate(KINDS.values()):
            if kind.name in self.kinds and kind.hides:
                mask |= kind.some(x, chosen[:, number], draws)[1]
        return mask

    def __call__(self, x: Tensor, draws: Draws) -> Tensor:
        return self.damage(x, draws)[0]
