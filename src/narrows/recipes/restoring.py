"""Models that undo one corruption, and begin as the best linear way to undo it, or for patches as a filter.

A picture of one kind, taken as a whole, is told by all of its pixels, and the best linear way learns
that from the pictures. What a patch of any picture shows is told by what is near: there the beginning
needs no training, and no weight belongs to a place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Generic"

MAP = ("ladder.rungs.0.inwards", "ladder.rungs.0.outwards")
RANK = 800  # of a map that has no rank of its own, as in benchmarks/restoration


def _restorer(
    name: str, shape: Sequence[int], rank: int, begin: Part, corruption: Part, mirror: bool
) -> Recipe:
    """Network and training are those of benchmarks/restoration; the linear map is kept as it is."""
    phase = Phase(
        begin=Part(begin.name, {**begin.arguments, "mirror": mirror}),
        frozen=MAP,
        epochs=60,
        batch_size=16,
        optimizer="adamw",
        weight_decay=0.05,
        grad_clip_norm=300.0,
        views=Part("flip") if mirror else None,
        corruption=corruption,
        ema_decay=0.99,
    )
    ladder = Part("estimate", {"shape": tuple(shape), "rank": rank})
    return Recipe(name, ladder, Part("point"), Part("mse", {"output": "identity"}), (phase,))


def _local(name: str, shape: Sequence[int], corruption: Part, mirror: bool, **guess: Any) -> Recipe:
    """What mends patches of any pictures, and is never kept worse than the guess that it begins as."""
    phase = Phase(
        begin=Part("as-built"),
        steps=1200,
        batch_size=16,
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=0.01,
        grad_clip_norm=300.0,
        views=Part("flip") if mirror else None,
        corruption=corruption,
        ema_decay=0.99,
    )
    ladder = Part("local", {"shape": tuple(shape), **guess})
    return Recipe(name, ladder, Part("point"), Part("mse", {"output": "identity"}), (phase,))


def _rank(shape: Sequence[int]) -> int:
    return min(RANK, shape[0] * shape[1] * shape[2])


@listed_under(GROUP)
def denoiser(
    shape: Sequence[int], sigma: float = 0.1, *, mirror: bool = True, patches: bool = False
) -> Recipe:
    """Takes Gaussian noise out of pictures; begins as the Wiener filter of their components.

    Args:
        shape: (C, H, W) of the pictures.
        sigma: standard deviation of the noise, of pixels in [0, 1].
        mirror: whether a mirrored picture is a picture too; not so for letters.
        patches: the pictures are pieces of larger ones, and so will be what it is used on.
    """
    noise = Part("gaussian-noise", {"sigma": sigma})
    if patches:
        return _local("denoiser", shape, noise, mirror, guess="cosine-threshold", sigma=sigma)
    return _restorer("denoiser", shape, _rank(shape), Part("wiener"), noise, mirror)


@listed_under(GROUP)
def upscaler(
    shape: Sequence[int], factor: float = 4.0, *, mirror: bool = True, patches: bool = False
) -> Recipe:
    """Makes pictures ``factor`` times larger; begins as ridge regression on the small picture.

    Args:
        shape: (C, H, W) of the large pictures.
        factor: of either side.
        mirror: whether a mirrored picture is a picture too; not so for letters.
        patches: the pictures are pieces of larger ones, and so will be what it is used on.
    """
    smaller = Part("downscale", {"factor": factor})
    if patches:
        return _local("upscaler", shape, smaller, mirror)
    rank = shape[0] * max(1, round(shape[1] / factor)) * max(1, round(shape[2] / factor))
    return _restorer("upscaler", shape, rank, Part("ridge"), smaller, mirror)


@listed_under(GROUP)
def inpainter(shape: Sequence[int], *, mirror: bool = True, patches: bool = False) -> Recipe:
    """Fills a hole in the middle; begins as the conditional mean of normal pictures around it.

    Args:
        shape: (C, H, W) of the pictures.
        mirror: whether a mirrored picture is a picture too; not so for letters.
        patches: the pictures are pieces of larger ones, and so will be what it is used on.
    """
    if patches:
        return _local("inpainter", shape, Part("patch", {"size": 0.3}), mirror, guess="membrane")
    hole = Part("rectangle")
    return _restorer("inpainter", shape, _rank(shape), Part("conditional-mean"), hole, mirror)
