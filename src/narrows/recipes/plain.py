"""Generic models: plain and variational, dense and convolutional."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..parts import Part
from ..training import Phase, Recipe, listed_under
from .pca import PICTURE_VARIANCE

GROUP = "Generic"


def fitting(shape: Sequence[int], widths: Sequence[int]) -> tuple[int, ...]:
    """The first of ``widths``, one per halving, that leave maps of (C, H, W) at least 2 pixels wide.

    A paper's ladder for 128×128 is cut short in this way for smaller pictures; one rung is always left.
    """
    halvings = max(1, math.ceil(math.log2(max(2, min(shape[1:])))) - 1)
    return tuple(widths)[:halvings]


def rung_by_rung(count: int, **numbers: Any) -> tuple[Phase, ...]:
    """A phase for each of the first ``count`` rungs, which trains that rung alone on its own input."""
    return tuple(Phase(scheme=Part("rung", {"rung": i}), **numbers) for i in range(count))


def conv_part(shape: Sequence[int], widths: Sequence[int] | None) -> Part:
    if widths is None:  # halve until about 4 pixels are left, 2 of very small pictures
        side = max(4, min(shape[1:]))
        first = 32 if side >= 16 else 64
        halvings = max(2, min(5, round(math.log2(side / 4))))
        widths = [min(256, first << i) for i in range(halvings)]
    arguments = {"shape": tuple(shape), "widths": tuple(widths), "up": "nearest"}
    return Part("conv", {**arguments, "activation": "silu", "norm": "batch"})


@listed_under(GROUP)
def conv_autoencoder(
    shape: Sequence[int], code_size: int = 64, *, widths: Sequence[int] | None = None
) -> Recipe:
    """A plain convolutional autoencoder with a flat code, for pictures of any size.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
    """
    return Recipe(
        "conv-autoencoder",
        conv_part(shape, widths),
        Part("point", {"size": code_size}),
        Part("mse"),
        (Phase(epochs=20, batch_size=64, learning_rate=2e-3),),
    )


@listed_under(GROUP)
def conv_vae(
    shape: Sequence[int], code_size: int = 64, *, widths: Sequence[int] | None = None
) -> Recipe:
    """A convolutional variational autoencoder: it reconstructs, and it can be sampled from.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
    """
    return Recipe(
        "conv-vae",
        conv_part(shape, widths),
        Part("gaussian", {"size": code_size}),
        Part("gaussian", {"variance": PICTURE_VARIANCE}),
        (Phase(epochs=20, batch_size=64, learning_rate=2e-3),),
    )


@listed_under(GROUP)
def style_vae(
    shape: Sequence[int] = (3, 64, 64), code_size: int = 64, *, widths: Sequence[int] | None = None
) -> Recipe:
    """A variational autoencoder whose code steers every level of its decoder, by adaptive normalisation.

    The decoder is that of Karras et al. 2019 (figure 1b), which style-based VAEs take for
    super-resolution (Kovenko & Bogach 2020, §5); see the ladder ``style``. Ours: sizes, the likelihood of
    ``conv-vae``, and its training at half the rate.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each map from the picture inwards; by default as many as halve it to about
            4 pixels.
    """
    plain = conv_vae(shape, code_size, widths=widths)
    channels = fitting(shape, plain.ladder.arguments["widths"])
    ladder = {"shape": tuple(shape), "width": 256, "widths": channels}
    return plain.with_(
        name="style-vae",
        ladder=Part("style", ladder),
        learning_rate=1e-3,
        source="Karras et al. 2019, figure 1b",
    )


@listed_under(GROUP)
def mlp_autoencoder(
    shape: Sequence[int], code_size: int = 32, *, widths: Sequence[int] = (512, 256)
) -> Recipe:
    """A plain dense autoencoder.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers.
    """
    return Recipe(
        "mlp-autoencoder",
        Part("dense", {"shape": tuple(shape), "widths": tuple(widths)}),
        Part("point", {"size": code_size}),
        Part("mse"),
        (Phase(epochs=20, batch_size=128, learning_rate=2e-3),),
    )


@listed_under(GROUP)
def ordered_autoencoder(
    shape: Sequence[int], code_size: int = 32, *, widths: Sequence[int] = (512, 256)
) -> Recipe:
    """A dense autoencoder of which the first k numbers are a code too, for each k: one model of any length.

    Nested dropout, Rippel, Gelbart & Adams 2014. ``narrows reconstruct --numbers 8`` takes eight. Ours:
    the network, which is that of ``mlp-autoencoder``, and twice its training, with four lengths of each
    picture in a step.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, numbers of the longest code.
        widths: units of the hidden layers.
    """
    return Recipe(
        "ordered-autoencoder",
        Part("dense", {"shape": tuple(shape), "widths": tuple(widths)}),
        Part("ordered", {"size": code_size}),
        Part("mse"),
        (Phase(epochs=40, batch_size=128, learning_rate=2e-3, samples=4),),
        source="Rippel et al. 2014, section 3",
    )


@listed_under(GROUP)
def mlp_vae(shape: Sequence[int], code_size: int = 16, *, widths: Sequence[int] = (512,)) -> Recipe:
    """A dense variational autoencoder with a Bernoulli likelihood.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers.
    """
    return Recipe(
        "mlp-vae",
        Part("dense", {"shape": tuple(shape), "widths": tuple(widths)}),
        Part("gaussian", {"size": code_size}),
        Part("bernoulli"),
        (Phase(epochs=20, batch_size=256, learning_rate=2e-3),),
    )


@listed_under(GROUP)
def linear_autoencoder(shape: Sequence[int], code_size: int = 16) -> Recipe:
    """One linear rung: it ends in the space that PCA spans (Baldi & Hornik 1989).

    Its steps are those of Muon, which are as long in every direction of the pictures: by Adam the
    directions of small variance take epochs by the hundred.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
    """
    widths = (code_size,)
    phase = Phase(
        steps=2000, batch_size=64, optimizer="muon", learning_rate=0.02, precision="float32"
    )
    return Recipe(
        "linear-autoencoder",
        Part("dense", {"shape": tuple(shape), "widths": widths, "activation": "identity"}),
        Part("point"),
        Part("mse", {"output": "identity"}),
        (phase,),
    )
