"""Models that begin as PCA of the pictures and their mirror images, and go on from there.

Two are for one verb each, ``codec`` for ``compress`` and ``outlier-codes`` for ``outliers``; their numbers
are those that ``narrows reproduce narrows`` chose for "faces as files" and "digits left out".
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Generic"

LINEAR = "ladder.rungs.0.linear"
FINER = "ladder.rungs.0.up_finer"
FITTED = ("down_fine", "down_coarse", "down_dense", "down_last", "up_first", "up_coarse", "up_between",
          "up_linear", "up_fine", "up_last")  # fmt: skip
SMALL = 32  # pixels of a side
COMPONENTS = 800  # of the codec
# pixels of pictures that people photograph or draw vary about this much around a good blurry
# reconstruction; it sets how many nats a pixel is worth against the KL (Kovenko's best is 0.01)
PICTURE_VARIANCE = 0.01


def usual_views(shape: Sequence[int], mirror: bool) -> Part:
    """Each picture as it might have been taken: mirrored, moved, nearer, turned, in other light.

    Small pictures move by whole pixels only, as what lies between their pixels is a blur.
    """
    moved = Part("warp", {"turn": 5.0, "zoom": 0.08, "shift": 0.04})
    if min(shape[1:]) < SMALL:
        moved = Part("shift", {"reach": 0.04})
    light = Part("light", {"reach": 0.08})
    return Part("chain", {"parts": (*([Part("flip")] if mirror else []), moved, light)})


def _code_size(shape: Sequence[int], wanted: int | None) -> int:
    """So many units that a code is small beside the picture."""
    return min(64, max(2, math.prod(shape) // 8)) if wanted is None else wanted


def _phase(shape: Sequence[int], mirror: bool, **numbers: Any) -> Phase:
    return Phase(
        begin=Part("mirrored-pca" if mirror else "pca"),
        steps=4000,
        batch_size="auto",
        optimizer="muon",
        learning_rate=4e-3,
        weight_decay=0.1,
        views=usual_views(shape, mirror),
        ema_decay=0.995,
        patience=8,
        **numbers,
    )


@listed_under(GROUP)
def pca_vae(shape: Sequence[int], code_size: int | None = None, *, mirror: bool = True) -> Recipe:
    """A variational autoencoder that begins as PCA: it reconstructs better, and can be drawn from.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code; None: 64, or an eighth of the pixel values where that is less.
        mirror: whether a mirrored picture is a picture too; not so for letters.
    """
    size = _code_size(shape, code_size)
    return Recipe(
        "pca-vae",
        Part("linear-residual", {"shape": tuple(shape), "width": size}),
        Part("gaussian", {"size": size}),
        Part("gaussian", {"variance": PICTURE_VARIANCE, "output": "identity"}),
        (_phase(shape, mirror, frozen=(LINEAR, "bottleneck.head.weight", "bottleneck.tail")),),
    )


@listed_under(GROUP)
def pca_autoencoder(
    shape: Sequence[int], code_size: int | None = None, *, mirror: bool = True
) -> Recipe:
    """An autoencoder that begins as PCA and is never kept worse: convolutions learn what PCA lacks.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code; None: 64, or an eighth of the pixel values where that is less.
        mirror: whether a mirrored picture is a picture too; not so for letters.
    """
    size = _code_size(shape, code_size)
    return Recipe(
        "pca-autoencoder",
        Part("linear-residual", {"shape": tuple(shape), "width": size}),
        Part("point"),
        Part("mse", {"output": "identity"}),
        (_phase(shape, mirror, frozen=(LINEAR,)),),
    )


@listed_under(GROUP)
def codec(
    shape: Sequence[int],
    code_size: int | None = None,
    *,
    variance: float = 0.004,
    channels: int = 64,
    blocks: int = 1,
    mirror: bool = True,
) -> Recipe:
    """For ``compress``: PCA of views with many components, which is kept, and convolutions around it.

    Trained by distortion and rate at once, as the ELBO is both: ``variance`` says what a nat buys.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code, of which most take no bits; None: 800, or a value of the picture
            each where there are fewer.
        variance: of the likelihood; smaller, and more bytes buy a better picture.
        channels, blocks: of the convolutions.
        mirror: whether a mirrored picture is a picture too; not so for letters.
    """
    size = min(COMPONENTS, math.prod(shape)) if code_size is None else code_size
    phase = Phase(
        # the quantiser shrinks codes too, so half of the noise does
        begin=Part("viewed-pca", {"shrink": 0.5, "limit": 10_000}),
        frozen=(LINEAR, "ladder.rungs.0.bias_up", "bottleneck.head", "bottleneck.tail"),
        steps=7000,
        batch_size=16,
        learning_rate=2e-3,
        grad_clip_norm=200.0,
        views=usual_views(shape, mirror),
    )
    ladder = {"shape": tuple(shape), "width": size, "channels": channels, "blocks": blocks}
    return Recipe(
        "codec",
        Part("projection", ladder),
        Part("gaussian", {"size": size}),
        Part("gaussian", {"variance": variance, "output": "identity"}),
        (phase,),
    )


@listed_under(GROUP)
def outlier_codes(shape: Sequence[int], code_size: int = 32, *, reach: float = 0.05) -> Recipe:
    """For ``outliers``: codes of normal pictures among which what is not normal lies far away.

    They begin as PCA and are trained for 120 steps only: longer, and they learn what outliers have in
    common with normal pictures. The input is bent, so that a code says what is shown rather than how.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        reach: how far the input is bent, as a share of its sides; 0: not at all.
    """
    size = min(code_size, math.prod(shape))
    ladder = {"shape": tuple(shape), "width": size, "channels": 32, "blocks": 0}
    phase = Phase(
        begin=Part("pca"),
        steps=120,
        learning_rate=5e-4,
        corruption=Part("bend", {"reach": reach}) if reach else None,
    )
    return Recipe("outlier-codes", Part("projection", ladder), Part("point"), Part("mse"), (phase,))


@listed_under(GROUP)
def pca_vae_gan(
    shape: Sequence[int], code_size: int | None = None, *, mirror: bool = True
) -> Recipe:
    """Draws with edges: ``pca-vae``, and then finer convolutions that play against a discriminator.

    In the second phase all that is fitted stays, codes too, and what is added to the decoder's picture
    is trained as the decoder of a VAE-GAN is (Larsen et al. 2016, algorithm 1); the discriminator is
    of patches and has the penalty R₁ (Mescheder et al. 2018). Reconstructions lose in squared error
    what they gain in edges.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code; None: 64, or an eighth of the pixel values where that is less.
        mirror: whether a mirrored picture is a picture too; not so for letters.
    """
    made = pca_vae(shape, code_size, mirror=mirror)
    (fitting,) = made.phases
    game = Phase(
        frozen=(LINEAR, *(f"ladder.rungs.0.{name}" for name in FITTED), "bottleneck"),
        steps=900,
        batch_size=16,
        learning_rate=1e-3,
        learning_rate_schedule="constant",
        momentum=0.0,
        penalties=(Part("adversarial-draws", {"weight": 1000.0}),),
        views=usual_views(shape, mirror),
        ema_decay=0.99,
        keep="last",
    )
    return dataclasses.replace(
        made,
        name="pca-vae-gan",
        ladder=made.ladder.with_(finer=(24, 12)),
        phases=(dataclasses.replace(fitting, frozen=(*fitting.frozen, FINER)), game),
    )
