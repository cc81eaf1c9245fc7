"""Volodymyr Kovenko & Ilona Bogach 2020, "A comprehensive study of autoencoders' applications related to images" (IT&I).

128×128 colour pictures of anime faces, batches of 128 throughout. Not in the text, and ours: the
numbers of filters, the code size, relu, and Adamax's rate of 0.002, which is its authors' own.
Deviation: they pool what relu leaves, here relu follows the pooling, which gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under
from .plain import fitting

GROUP = "Kovenko & Bogach 2020, Autoencoders' applications related to images"


_WIDTHS = (32, 64, 128, 256, 256)


@listed_under(GROUP)
def kovenko_2020_autoencoder(
    shape: Sequence[int] = (3, 128, 128),
    code_size: int = 128,
    *,
    widths: Sequence[int] = _WIDTHS,
) -> Recipe:
    """The vanilla autoencoder of §3: convolution and maximum pooling down, transposed convolution up.

    Sigmoid output, mean squared error (eq. 1), Adamax, 10 epochs (§3.2). Pictures too small for five
    halvings get fewer rungs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: filters of each convolution.
    """
    ladder = {"shape": tuple(shape), "widths": fitting(shape, widths), "down": "maxpool"}
    phase = Phase(
        epochs=10,
        batch_size=128,
        optimizer="adamax",
        learning_rate=2e-3,
        learning_rate_schedule="constant",
    )
    return Recipe(
        "kovenko-2020-autoencoder",
        Part("conv", ladder),
        Part("point", {"size": code_size}),
        Part("mse"),
        (phase,),
        source="Kovenko & Bogach 2020, section 3",
    )


@listed_under(GROUP)
def kovenko_2020_denoising_gaussian(
    shape: Sequence[int] = (3, 128, 128),
    code_size: int = 128,
    *,
    widths: Sequence[int] = _WIDTHS,
    sigma: float = 0.3,
) -> Recipe:
    """The autoencoder of §3 trained to take Gaussian noise out of pictures (§3.2, figure 9).

    The noisy pictures leave [0, 1], as the text says nothing of clipping.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: filters of each convolution.
        sigma: standard deviation of the noise, mean 0.
    """
    return kovenko_2020_autoencoder(shape, code_size, widths=widths).with_(
        name="kovenko-2020-denoising-gaussian",
        corruption=Part("gaussian-noise", {"sigma": sigma}),
        source="Kovenko & Bogach 2020, section 3.2, figure 9",
    )


@listed_under(GROUP)
def kovenko_2020_denoising_dropout(
    shape: Sequence[int] = (3, 128, 128),
    code_size: int = 128,
    *,
    widths: Sequence[int] = _WIDTHS,
    rate: float = 0.3,
) -> Recipe:
    """The autoencoder of §3 with dropout right after the input (§3.2, figure 10).

    Deviation: the values that are left keep their size, where a dropout layer makes them larger by
    1 / (1 − rate) in training; so the model gets whole pictures as they are.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: filters of each convolution.
        rate: the share of values that are set to 0.
    """
    return kovenko_2020_autoencoder(shape, code_size, widths=widths).with_(
        name="kovenko-2020-denoising-dropout",
        corruption=Part("dropout-mask", {"p": rate}),
        source="Kovenko & Bogach 2020, section 3.2, figure 10",
    )


@listed_under(GROUP)
def kovenko_2020_vae(
    shape: Sequence[int] = (3, 128, 128),
    code_size: int = 128,
    *,
    widths: Sequence[int] = _WIDTHS,
    variance: float = 0.01,
) -> Recipe:
    """The variational autoencoder of §4 with a fixed variance of its pixels, for 200 epochs.

    Eq. 4 and 5 and figure 12, which compares variances of 0.1, 0.01 (the best) and 0.001. Eq. 5 as
    printed has a wrong sign before log σ², and eq. 7 is the negative of the KL: neither is copied.
    Not in the text: the optimiser is that of §3.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: filters of each convolution.
        variance: σ² of the pixels.
    """
    return kovenko_2020_autoencoder(shape, code_size, widths=widths).with_(
        name="kovenko-2020-vae",
        bottleneck=Part("gaussian", {"size": code_size}),
        likelihood=Part("gaussian", {"variance": variance}),
        epochs=200,
        source="Kovenko & Bogach 2020, section 4, figure 12",
    )


@listed_under(GROUP)
def kovenko_2020_vae_decoded_variance(
    shape: Sequence[int] = (3, 128, 128),
    code_size: int = 128,
    *,
    widths: Sequence[int] = _WIDTHS,
    each: str = "pixel",
) -> Recipe:
    """Their VAE with eq. 5 as it is printed: the decoder gives σ²(t) with the mean.

    §4.1 sets σ² by hand, "different from Kingma"; here it is modelled, and the wrong sign before log σ²
    is not copied.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: filters of each convolution.
        each: ``pixel`` for a variance of each value, ``picture`` for one of each picture.
    """
    return kovenko_2020_vae(shape, code_size, widths=widths).with_(
        name="kovenko-2020-vae-decoded-variance",
        likelihood=Part("gaussian-decoded", {"each": each}),
        source="Kovenko & Bogach 2020, section 4.1, eq. 5",
    )


@listed_under(GROUP)
def kovenko_2020_vae_warm_up(
    shape: Sequence[int] = (3, 128, 128),
    code_size: int = 128,
    *,
    widths: Sequence[int] = _WIDTHS,
    variance: float = 0.01,
    warm_up: float = 40.0,
) -> Recipe:
    """Their VAE with batch normalisation, and a KL whose weight grows to 1 over 40 epochs (eq. 8).

    §4.2 and figures 13 to 15: 40 epochs of warm-up, then 200 with the whole objective, here as one
    phase of 240, so that the optimiser keeps its moments. A run of other length wants another
    warm-up, such as ``--epochs 20 --set warm_up=4``.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: filters of each convolution.
        variance: σ² of the pixels.
        warm_up: epochs until the KL weighs 1.
    """
    plain = kovenko_2020_vae(shape, code_size, widths=widths, variance=variance)
    return plain.with_(
        name="kovenko-2020-vae-warm-up",
        ladder=plain.ladder.with_(norm="batch"),
        epochs=200 + warm_up,
        bound=Part("elbo", {"weight": Part("warm-up", {"epochs": warm_up})}),
        source="Kovenko & Bogach 2020, section 4.2, eq. 8",
    )
