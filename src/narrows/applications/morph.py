"""Morph: from one picture to another through the codes between theirs.

code_1 ──┐
         ├─ (1 − α) code_1 + α code_2 ──decode──► a frame      (Kovenko & Bogach 2020, eq. 3)
code_2 ──┘
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..measures import sharpness
from .decoding import Decode

__all__ = ["BLENDS", "Decodings", "Morph", "decodings", "linear", "morph", "spherical"]

Blend = Callable[[Tensor, Tensor, Tensor], Tensor]


def linear(first: Tensor, second: Tensor, alpha: Tensor) -> Tensor:
    """(1 − α) first + α second, of shape (F, …) for α (F,); at 0 and 1 the ends to the last bit."""
    a = alpha.reshape(-1, *[1] * first.ndim)
    out: Tensor = (1 - a) * first + a * second
    return out


def spherical(first: Tensor, second: Tensor, alpha: Tensor) -> Tensor:
    """Along the great circle, (F, …) for α (F,): sin((1 − α)θ) / sin θ · first + sin(αθ) / sin θ · second.

    θ is the angle between the two (Shoemake 1985). The length of draws of a normal prior is nearly
    always √D, and this way keeps it. Where both point the same way or opposite ways, and there is
    no circle or no single one, it is the straight line.
    """
    a = alpha.double().reshape(-1, *[1] * first.ndim)
    one, two = first.double().flatten(), second.double().flatten()
    cosine = (one @ two) / (one.norm() * two.norm()).clamp_min(1e-30)
    angle = cosine.clamp(-1, 1).arccos()
    sine = angle.sin()
    if sine < 1e-6 or float(one.norm() * two.norm()) == 0:
        return linear(first, second, alpha)
    weights = [(share * angle).sin() / sine for share in (1 - a, a)]
    out: Tensor = weights[0].to(first.dtype) * first + weights[1].to(first.dtype) * second
    return out


BLENDS: dict[str, Blend] = {"linear": linear, "spherical": spherical}


@dataclass(frozen=True)
class Morph:
    """Frames from the first picture to the last.

    Attributes:
        frames: (F, C, H, W) in [0, 1].
        fade: the same mixtures of the pictures' own pixels, (F, C, H, W), to stand beside.
        alphas: (F,), from 0 at the first picture to 1 at the last.
        uneven, fade_uneven: the largest change from frame to frame over the mean one; 1 is even.
        sharpness, fade_sharpness: the energy of edges half-way between two pictures, relative to
            that of the two pictures that it is between, averaged; a fade of two drawings that share
            no line has half of it.
    """

    frames: Tensor
    fade: Tensor
    alphas: Tensor
    uneven: float
    fade_uneven: float
    sharpness: float
    fade_sharpness: float


def morph(
    decode: Decode,
    codes: Tensor,
    pictures: Tensor,
    *,
    frames: int = 60,
    alphas: Sequence[float] | None = None,
    blend: str = "linear",
    **options: Any,
) -> Morph:
    """Go from code to code, in equal stretches, and decode what lies between.

    Args:
        decode: codes to pictures; gets ``options``.
        codes: (M, *code), M at least 2; of a hierarchy its base.
        pictures: the pictures themselves, (M, C, H, W) in [0, 1]: what is faded.
        frames: how many, at equal distances, both ends among them.
        alphas: these places on the way instead, each in [0, 1].
        blend: ``linear`` or ``spherical``; the fade is always linear.

    Raises:
        ValueError: fewer than 2 codes or frames, an unknown blend, or an alpha outside [0, 1].
    """
    if len(codes) < 2 or len(codes) != len(pictures):
        raise ValueError(
            "a morph goes between at least 2 pictures with a code each; we got "
            f"{len(codes)} codes and {len(pictures)} pictures"
        )
    if blend not in BLENDS:
        raise ValueError(f"blend must be {' or '.join(BLENDS)}; we got {blend!r}")
    if alphas is None and frames < 2:
        raise ValueError(f"a morph has at least 2 frames; we got {frames}")
    at = torch.linspace(0, 1, frames, dtype=torch.float64) if alphas is None else _checked(alphas)
    shown = decode(_along(codes, at, BLENDS[blend]), **options)
    fade = _along(pictures, at, linear)
    middles = torch.tensor([(i + 0.5) / (len(codes) - 1) for i in range(len(codes) - 1)]).double()
    between = decode(_along(codes, middles, BLENDS[blend]))
    return Morph(
        shown,
        fade,
        at,
        _uneven(shown),
        _uneven(fade),
        _relative_sharpness(between, decode(codes)),
        _relative_sharpness(_along(pictures, middles, linear), pictures),
    )


def _checked(alphas: Sequence[float]) -> Tensor:
    at = torch.tensor(list(alphas), dtype=torch.float64)
    outside = [alpha for alpha in alphas if not 0 <= alpha <= 1]
    if outside or not len(at):
        got = f"{outside[0]:g}" if outside else "none"
        raise ValueError(
            f"alpha is a share of the way from the first picture (0) to the last (1); we got {got}"
        )
    return at


def _along(ends: Tensor, at: Tensor, blend: Blend) -> Tensor:
    """Places (F,) in [0, 1] on the way through ``ends`` (M, …) → (F, …)."""
    place = at * (len(ends) - 1)
    stretch = place.floor().long().clamp_max(len(ends) - 2)
    out = ends.new_empty(len(at), *ends.shape[1:])
    for i in range(len(ends) - 1):
        mine = stretch == i
        out[mine] = blend(ends[i], ends[i + 1], (place[mine] - i).to(ends.dtype))
    return out


def _uneven(frames: Tensor) -> float:
    if len(frames) < 2:
        return 1.0
    steps = (frames[1:] - frames[:-1]).flatten(1).norm(dim=1)
    return float(steps.max() / steps.mean()) if float(steps.mean()) > 0 else 1.0


def _relative_sharpness(between: Tensor, ends: Tensor) -> float:
    """Edges of pictures (M − 1, …) half-way, beside those of the two that each is between."""
    if min(ends.shape[2:]) < 3:
        return float("nan")
    # energies relative to a chequered picture; their ratio is relative to the ends
    down, across = (torch.arange(size) for size in ends.shape[2:])
    yardstick = ((down[:, None] + across) % 2).float().expand_as(between)
    middle = sharpness(yardstick, between)
    around = (sharpness(yardstick, ends[:-1]) + sharpness(yardstick, ends[1:])) / 2
    return float((middle / around.clamp_min(1e-8)).mean())


@dataclass(frozen=True)
class Decodings:
    """Several pictures that one picture's posterior stands for (Lingrand 2021).

    Attributes:
        means: decodings of the mean codes, (N, C, H, W).
        samples: of S draws of each posterior, (S, N, C, H, W).
        deviation: standard deviation of a pixel over the draws, root mean squared, (N,).
    """

    means: Tensor
    samples: Tensor
    deviation: Tensor


def decodings(
    encode: Callable[..., Any], decode: Decode, images: Any, samples: int, *, seed: int = 0
) -> Decodings:
    """Draw ``samples`` codes of each picture's posterior and decode them.

    Args:
        encode: pictures and a number of samples to a ``Code``, such as ``model.encode``.

    Raises:
        ValueError: samples below 2, or codes that are points.
    """
    if samples < 2:
        raise ValueError(f"several decodings are at least 2; we got samples={samples}")
    code = encode(images, samples, seed=seed)
    if code.log_variance is None:
        raise ValueError(
            "several decodings need codes with a distribution, and this model's are points: "
            "train a variational recipe, such as conv-vae"
        )
    flat: Tensor = decode(code.z.flatten(0, 1))
    drawn = flat.reshape(*code.z.shape[:2], *flat.shape[1:])
    spread = drawn.var(0, correction=1).flatten(1).mean(1).sqrt()
    return Decodings(decode(code.mean), drawn, spread)
