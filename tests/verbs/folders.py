"""Pictures of three kinds, made: photographs of scenes, one kind of part, and faces.

Each picture is drawn from a few numbers that vary as such pictures do; nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray

KINDS = ("photographs", "parts", "faces")


def made(kind: str, n: int, side: int, seed: int = 0) -> tuple[Array, Array]:
    """uint8 (n, C, side, side) of a kind, and a label for each (n,)."""
    draw = np.random.default_rng([seed, KINDS.index(kind)])
    pictures, labels = zip(*(DRAWN[kind](draw, side) for _ in range(n)), strict=True)
    return np.stack([_bytes(one) for one in pictures]), np.array(labels)


def flawed(n: int, side: int, seed: int = 1) -> Array:
    """Parts with a scratch or a hole that good ones do not have, uint8 (n, 1, side, side)."""
    draw = np.random.default_rng([seed, 7])
    y, x = _grid(side)
    out = []
    for i in range(n):
        part, _ = _part(draw, side)
        at, turn = draw.uniform(-0.45, 0.45, 2), draw.uniform(0, np.pi)
        u = (x - at[0]) * np.cos(turn) + (y - at[1]) * np.sin(turn)
        v = (y - at[1]) * np.cos(turn) - (x - at[0]) * np.sin(turn)
        scratch = np.exp(-((v / 0.05) ** 2) - (u / 0.45) ** 2)
        hole = np.exp(-((u / 0.12) ** 2) - (v / 0.12) ** 2)
        out.append(_bytes(part - 0.45 * (scratch if i % 2 else hole)))
    return np.stack(out)


def _bytes(picture: Array) -> Array:
    return (np.clip(picture, 0, 1) * 255).round().astype(np.uint8)


def _grid(side: int) -> tuple[Array, Array]:
    return np.meshgrid(*[np.linspace(-1, 1, side)] * 2, indexing="ij")


def _noise(draw: np.random.Generator, side: int, power: float) -> Array:
    """Noise whose spectrum falls as a photograph's, of unit variance."""
    f = np.fft.fftfreq(side)
    radius = np.maximum(np.hypot(f[:, None], f[None]), 1 / side)
    spectrum = np.fft.fft2(draw.normal(size=(side, side))) / radius**power
    field = np.fft.ifft2(spectrum).real
    return (field - field.mean()) / field.std()


def _disc(y: Array, x: Array, at: tuple[float, float], size: tuple[float, float]) -> Array:
    """1 inside an ellipse, with a soft border."""
    far = np.hypot((y - at[0]) / size[0], (x - at[1]) / size[1])
    return 1 / (1 + np.exp((far - 1) * 12))


def _mixed(picture: Array, share: Array, colour: Array) -> Array:
    return picture * (1 - share) + np.asarray(colour)[:, None, None] * share


def _scene(draw: np.random.Generator, side: int) -> tuple[Array, str]:
    """A sky, a ground and things that stand on it: beach, forest or street."""
    y, x = _grid(side)
    kind = ("beach", "forest", "street")[draw.integers(3)]
    sky, ground = {
        "beach": ((0.55, 0.75, 0.95), (0.85, 0.78, 0.6)),
        "forest": ((0.7, 0.8, 0.85), (0.25, 0.4, 0.2)),
        "street": ((0.75, 0.75, 0.78), (0.4, 0.4, 0.42)),
    }[kind]
    horizon = draw.uniform(-0.3, 0.4)
    below = 1 / (1 + np.exp(-(y - horizon) * 25))
    light = 1 + 0.15 * (y * draw.normal() + x * draw.normal())
    picture = _mixed(np.asarray(sky)[:, None, None] * light, below, np.asarray(ground))
    for _ in range(draw.integers(2, 7)):
        at, high = draw.uniform(-0.9, 0.9), draw.uniform(0.25, 0.7)
        wide = draw.uniform(0.06, 0.25)
        colour = np.asarray(ground) * draw.uniform(0.3, 1.1) + draw.normal(0, 0.06, 3)
        if kind == "street":
            box = (np.abs(x - at) < wide) & (y > horizon - high) & (y < horizon + 0.1)
            picture = _mixed(picture, box.astype(float), colour)
        else:
            picture = _mixed(
                picture, _disc(y, x, (horizon - high / 3, at), (high / 2, wide)), colour
            )
    picture = picture * (1 + 0.07 * _noise(draw, side, 1.2))
    return picture * draw.uniform(0.75, 1.15) + draw.normal(0, 0.008, (3, side, side)), kind


def _part(draw: np.random.Generator, side: int) -> tuple[Array, str]:
    """A ring with a few holes on a brushed ground, as a camera over a belt sees it."""
    y, x = _grid(side)
    holes = int(draw.integers(3, 6))
    dy, dx, turn = *draw.normal(0, 0.03, 2), draw.uniform(0, 2 * np.pi)
    picture = 0.3 + 0.03 * _noise(draw, side, 0.3).mean(0)[None] + np.zeros((side, side))
    ring = _disc(y, x, (dy, dx), (0.75, 0.75)) - _disc(y, x, (dy, dx), (0.28, 0.28))
    picture = picture * (1 - ring) + ring * (0.7 + 0.1 * (x * np.cos(turn) + y * np.sin(turn)))
    for k in range(holes):
        angle = turn + 2 * np.pi * k / holes
        at = (dy + 0.52 * np.sin(angle), dx + 0.52 * np.cos(angle))
        picture = picture * (1 - 0.6 * _disc(y, x, at, (0.1, 0.1)))
    picture = picture * draw.uniform(0.9, 1.1) + draw.normal(0, 0.012, (side, side))
    return picture[None], f"{holes} holes"


def _face(draw: np.random.Generator, side: int) -> tuple[Array, str]:
    """A head with hair, eyes and a mouth before a plain ground."""
    y, x = _grid(side)
    tone = draw.uniform(0.35, 0.95)
    skin = np.array([tone, 0.78 * tone, 0.62 * tone])
    kind, hair = (("dark", (0.1, 0.08, 0.07)), ("fair", (0.75, 0.6, 0.3)))[draw.integers(2)]
    dy, dx, wide = draw.normal(0, 0.06), draw.normal(0, 0.06), draw.uniform(0.5, 0.62)
    smile, turn = draw.uniform(-0.08, 0.1), draw.normal(0, 0.08)
    picture = np.asarray(draw.uniform(0.2, 0.9, 3))[:, None, None] * (
        1 + 0.05 * _noise(draw, side, 1)
    )
    picture = _mixed(picture, _disc(y, x, (dy - 0.18, dx), (0.8, wide + 0.14)), np.asarray(hair))
    picture = _mixed(picture, _disc(y, x, (dy + 0.1, dx), (0.7, wide)), skin)
    for hand in (-1, 1):
        eye = (dy - 0.05, dx + turn + 0.24 * hand)
        picture = _mixed(picture, _disc(y, x, eye, (0.06, 0.11)), np.full(3, 0.92))
        picture = _mixed(picture, _disc(y, x, eye, (0.055, 0.055)), np.full(3, 0.1))
        brow = _disc(y, x, (eye[0] - 0.16, eye[1]), (0.035, 0.14))
        picture = _mixed(picture, brow, np.asarray(hair) * 0.8)
    picture = _mixed(picture, _disc(y, x, (dy + 0.2, dx + turn * 1.3), (0.14, 0.05)), skin * 0.8)
    bent = y - (dy + 0.46 - smile * ((x - dx - turn) / 0.25) ** 2)
    mouth = _disc(bent, x, (0, dx + turn), (0.05, 0.24))
    picture = _mixed(picture, mouth, np.array([0.7, 0.25, 0.25]) * (0.5 + tone / 2))
    light = 1 + 0.15 * draw.normal() * (x - dx)
    return picture * light + draw.normal(0, 0.01, (3, side, side)), kind


DRAWN: dict[str, Callable[[np.random.Generator, int], tuple[Array, str]]] = {
    "photographs": _scene,
    "parts": _part,
    "faces": _face,
}
