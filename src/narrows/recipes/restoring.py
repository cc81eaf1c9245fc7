"""Models that undo one corruption: they begin as the best way that needs no network, and mend what it lacks.

A picture of one kind, taken as a whole, is told by all of its pixels, and an affine map learns that from
the pictures. What a patch of any picture shows is told by what is near: there the beginning is a filter,
and no weight belongs to a place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Generic"

MAP = ("ladder.rungs.0.inwards", "ladder.rungs.0.outwards")
RANK = 256  # of the affine map
VARIANCE = 1e-3  # of pixels, that a code of old photographs need not tell
NETWORK = {"channels": 32, "blocks": 6, "norm": "none"}


def _restorer(
    name: str,
    shape: Sequence[int],
    corruption: Part,
    guess: Part,
    begin: Part,
    mirror: bool,
    patches: bool,
    **numbers: Any,
) -> Recipe:
    """A guess, an affine map where pictures are whole, and a network that begins at nothing."""
    rank = 0 if patches else min(RANK, shape[0] * shape[1] * shape[2])
    phase = Phase(
        begin=Part("as-built") if patches else begin.with_(mirror=mirror),
        frozen=() if patches else MAP,
        steps=2000,
        batch_size=16,
        optimizer="muon",
        learning_rate=4e-3,
        weight_decay=0.01,
        grad_clip_norm=300.0,
        views=Part("flip") if mirror else None,
        corruption=corruption,
        ema_decay=0.99,
        patience=8,
    )
    network = {"shape": tuple(shape), "rank": rank, "guess": guess, **NETWORK, **numbers}
    likelihood = Part("mse", {"output": "identity"})
    return Recipe(name, Part("estimate", network), Part("point"), likelihood, (phase,))


@listed_under(GROUP)
def denoiser(
    shape: Sequence[int], sigma: float = 0.1, *, mirror: bool = True, patches: bool = False
) -> Recipe:
    """Takes Gaussian noise out of pictures; begins as a cosine threshold and a Wiener filter.

    Args:
        shape: (C, H, W) of the pictures.
        sigma: standard deviation of the noise, of pixels in [0, 1].
        mirror: whether a mirrored picture is a picture too; not so for letters.
        patches: the pictures are pieces of larger ones, and so will be what it is used on.
    """
    noise = Part("gaussian-noise", {"sigma": sigma})
    guess = Part("cosine-threshold", {"sigma": sigma})
    return _restorer("denoiser", shape, noise, guess, Part("wiener"), mirror, patches)


@listed_under(GROUP)
def upscaler(
    shape: Sequence[int], factor: float = 4.0, *, mirror: bool = True, patches: bool = False
) -> Recipe:
    """Makes pictures ``factor`` times larger; begins as back-projection and ridge regression.

    Args:
        shape: (C, H, W) of the large pictures.
        factor: of either side.
        mirror: whether a mirrored picture is a picture too; not so for letters.
        patches: the pictures are pieces of larger ones, and so will be what it is used on.
    """
    smaller = Part("downscale", {"factor": factor})
    guess = Part("back-projected", {"factor": factor})
    return _restorer("upscaler", shape, smaller, guess, Part("ridge"), mirror, patches)


@listed_under(GROUP)
def inpainter(shape: Sequence[int], *, mirror: bool = True, patches: bool = False) -> Recipe:
    """Fills a hole; begins as a membrane and the conditional mean of normal pictures.

    The hole is in the middle, and of patches anywhere.

    Args:
        shape: (C, H, W) of the pictures.
        mirror: whether a mirrored picture is a picture too; not so for letters.
        patches: the pictures are pieces of larger ones, and so will be what it is used on.
    """
    hole = Part("patch", {"size": 0.3}) if patches else Part("rectangle")
    begin = Part("conditional-mean")
    return _restorer("inpainter", shape, hole, Part("membrane"), begin, mirror, patches)


@listed_under(GROUP)
def old_photos(
    shape: Sequence[int],
    *,
    channels: int = 48,
    blocks: int = 4,
    mixtures: str = "all",
    mirror: bool = True,
    patches: bool = False,
) -> Recipe:
    """Restores old photographs: two code spaces and a map between them (Wan et al. 2020).

    A space of clean pictures and one of old ones, whose made and real ones an adversary matches where
    the pictures are labelled ``clean`` and ``old``; then the map, which begins as the best linear one.

    Args:
        shape: (C, H, W) of the pictures.
        channels, blocks: of the map.
        mixtures: of kinds of ageing, ``all`` or a part of them; see the corruption ``old-photo``.
        mirror: whether a mirrored picture is a picture too; not so for letters.
        patches: the pictures are pieces of larger ones; nothing here knows a place in a picture.
    """
    if shape[0] not in (1, 3):
        raise ValueError(f"photographs have 1 or 3 channels; we got {shape[0]}")
    ageing = Part("old-photo", {"mixtures": mixtures})
    common: dict[str, Any] = {
        "batch_size": min(16, max(4, 16 * 64**2 // (shape[1] * shape[2]))),
        "views": Part("flip") if mirror else None,
        "ema_decay": 0.99,
    }
    space = {**common, "optimizer": "adam", "learning_rate": 1e-3, "grad_clip_norm": 1e4}
    phases = (
        Phase(
            begin=Part("piece-components"), scheme=Part("domain", {"which": "clean"}), steps=80, **space
        ),
        Phase(
            begin=Part("copied-space"), scheme=Part("domain", {"which": "old"}), steps=120,
            corruption=ageing, penalties=(Part("adversarial-domains", {"weight": 1000.0}),), **space,
        ),
        Phase(
            begin=Part("ridge-codes"), scheme=Part("translation", {"damage": ageing}), steps=2000,
            corruption=ageing, optimizer="muon", learning_rate=4e-3, weight_decay=0.01,
            grad_clip_norm=1e5, frozen=("ladder.rungs.0.translation.tones",), **common,
        ),
    )  # fmt: skip
    deep = 16 * shape[0]
    return Recipe(
        "old-photos",
        Part("translation", {"shape": tuple(shape), "channels": channels, "blocks": blocks}),
        Part("gaussian", {"size": deep, "layout": "map"}),
        Part("gaussian", {"variance": VARIANCE, "output": "identity"}),
        phases,
    )
