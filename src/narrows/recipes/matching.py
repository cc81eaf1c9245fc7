"""Codes that match a prior, and pictures that match pictures: by kernels, or by discriminators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..parts import Part
from ..training import Phase, Recipe, listed_under
from .plain import conv_autoencoder, conv_vae

GROUP = "Literature: matched priors and pictures"
GAME: dict[
    str, Any
] = {  # little momentum, an average of the weights, and no choice by a loss that moves
    "learning_rate": 1e-3,
    "learning_rate_schedule": "constant",
    "momentum": 0.5,
    "ema_decay": 0.99,
    "keep": "last",
}


@listed_under(GROUP)
def tolstikhin_2018_wae(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 8,
    *,
    widths: Sequence[int] | None = None,
    weight: float = 10.0,
) -> Recipe:
    """WAE-MMD: a plain autoencoder whose codes are like draws of the prior, by a kernel.

    Tolstikhin et al. 2018, algorithm 2, on MNIST: eight units, λ = 10, batches of 100, Adam at 0.001.
    Deviation: the network of ``conv-autoencoder``, a fraction of theirs (128 to 1,024 channels).

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
        weight: λ; theirs for faces is 100, with 64 units.
    """
    return conv_autoencoder(shape, code_size, widths=widths).with_(
        name="tolstikhin-2018-wae",
        batch_size=100,
        learning_rate=1e-3,
        penalties=(Part("mmd", {"weight": weight}),),
        source="Tolstikhin et al. 2018, algorithm 2",
    )


@listed_under(GROUP)
def zhao_2019_info_vae(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 10,
    *,
    widths: Sequence[int] | None = None,
    alpha: float = 0.5,
    strength: float = 500.0,
) -> Recipe:
    """InfoVAE: part of the KL is exchanged for a discrepancy of all codes from the prior.

    Zhao, Song & Ermon 2019, eq. 6: the KL weighs 1 − α and the discrepancy α + λ − 1; α = 1 is their
    MMD-VAE. Network, α and λ are ours, those of ``conv-vae`` and such that the pixels' variance
    of 0.01 leaves the discrepancy the weight that 10 has against a summed squared error.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
        alpha: α, from 0 to 1.
        strength: λ.
    """
    return conv_vae(shape, code_size, widths=widths).with_(
        name="zhao-2019-info-vae",
        bound=Part("elbo", {"weight": Part("constant", {"value": 1 - alpha})}),
        penalties=(Part("mmd", {"weight": alpha + strength - 1, "kernel": "rbf"}),),
        source="Zhao et al. 2019, eq. 6",
    )


@listed_under(GROUP)
def makhzani_2016_adversarial(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 8,
    *,
    widths: Sequence[int] = (1000, 1000),
    weight: float = 1.0,
) -> Recipe:
    """The adversarial autoencoder: a discriminator tells codes from draws of the prior, on MNIST.

    Makhzani et al. 2016, §2; eight units and layers of 1,000 are those of their likelihoods (appendix
    A). Deviations: N(0, I), where their prior is five times as wide; Adam at a constant 0.0005 for
    SGD with momentum. Ours: the summed squared error and the weight against it, a discriminator at a
    fifth of the model's rate (at the same rate the reconstructions were worse), batches of 100, 50
    epochs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers, the discriminator's too.
        weight: of the discriminator's loss, against nats per picture.
    """
    discriminator = Part(
        "adversarial-prior", {"weight": weight, "widths": tuple(widths), "lr_scale": 0.2}
    )
    return Recipe(
        "makhzani-2016-adversarial",
        Part("dense", {"shape": tuple(shape), "widths": tuple(widths)}),
        Part("point", {"size": code_size}),
        Part("mse"),
        (
            Phase(
                epochs=50,
                batch_size=100,
                learning_rate=5e-4,
                learning_rate_schedule="constant",
                penalties=(discriminator,),
            ),
        ),
        source="Makhzani et al. 2016, section 2",
    )


@listed_under(GROUP)
def lin_2020_dual_matching(
    shape: Sequence[int] = (1, 28, 28), code_size: int = 10, *, widths: Sequence[int] | None = None
) -> Recipe:
    """DR-A: a variational autoencoder with two discriminators, of its codes and of its pictures.

    Lin, Mukherjee & Kannan 2020, whose data are counts of genes and whose networks are dense; ten
    units are among theirs. The second discriminator judges draws too, and has the penalty R₁
    (``adversarial-draws``): against the bare one the decoder lost, and drew ten equal blots. Ours
    besides: the network of ``conv-vae``, a summed squared error, a KL of weight 0.1 beside the game over
    the codes, a weight of 1 for both games, Adam at a constant 0.001 with a momentum of 0.5, and an
    average of the weights.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
    """
    return conv_vae(shape, code_size, widths=widths).with_(
        name="lin-2020-dual-matching",
        likelihood=Part("mse"),
        bound=Part("elbo", {"weight": Part("constant", {"value": 0.1})}),
        penalties=(Part("adversarial-prior"), Part("adversarial-draws", {"width": 16})),
        source="Lin et al. 2020 (DR-A)",
        **GAME,
    )


@listed_under(GROUP)
def larsen_2016_vae_gan(
    shape: Sequence[int] = (3, 64, 64), code_size: int = 128, *, widths: Sequence[int] | None = None
) -> Recipe:
    """VAE-GAN: pictures are compared by what a discriminator sees in them, not by their pixels.

    Larsen et al. 2016, algorithm 1: 128 units, batches of 64, a rate of 0.0003. Deviations: Adam for
    RMSProp; the network of ``conv-vae``, and a discriminator that halves as often; 40 epochs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
    """
    return conv_vae(shape, code_size, widths=widths).with_(
        name="larsen-2016-vae-gan",
        epochs=40,
        learning_rate=3e-4,
        learning_rate_schedule="constant",
        bound=Part("feature-wise"),
        source="Larsen et al. 2016, algorithm 1",
    )


@listed_under(GROUP)
def brock_2017_introspective(
    shape: Sequence[int] = (3, 64, 64), code_size: int = 100, *, widths: Sequence[int] | None = None
) -> Recipe:
    """The introspective adversarial network: a variational autoencoder that is its own discriminator.

    Brock et al. 2017: 100 units, Adam. Their multiscale dilated blocks are ``dilations`` and ``blocks``
    of the ladder, their orthogonal regularisation the penalty ``orthogonal``; neither is in here. What
    else is not kept is said at the bound ``introspective``. Ours: the network of ``conv-vae``, a summed
    squared error, a weight of 0.1 for the features, a constant rate of 0.001 (theirs is 0.0002) with a
    momentum of 0.5, an average of the weights, batches of 64, 40 epochs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
    """
    return conv_vae(shape, code_size, widths=widths).with_(
        name="brock-2017-introspective",
        likelihood=Part("mse"),
        epochs=40,
        bound=Part("introspective", {"features": 0.1}),
        source="Brock et al. 2017",
        **GAME,
    )
