"""Variational autoencoders whose units are to be independent: β-VAE and what came after it.

Those for white shapes on black (dSprites) have a Bernoulli likelihood and, but for β-VAE, the network
and the training of Burgess et al. 2018, so that they differ in what their names stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under
from .plain import conv_vae, fitting

GROUP = "Literature: weights of the KL, and independent units"


_WIDTHS = (32, 32, 32, 32)


@listed_under(GROUP)
def higgins_2017_beta_vae(
    shape: Sequence[int] = (1, 64, 64),
    code_size: int = 10,
    *,
    widths: Sequence[int] = (1200, 1200),
    beta: float = 4.0,
) -> Recipe:
    """β-VAE: the KL weighed β times, on the dense network of the paper's shapes.

    Higgins et al. 2017, eq. 4; β = 4, ten units, two layers of 1,200. Deviations: Adam at 0.001 for
    Adagrad at 0.01, relu on the way up too (theirs is tanh), batches of 64 and 20 epochs, which are
    ours.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers.
        beta: weight of the KL.
    """
    return Recipe(
        "higgins-2017-beta-vae",
        Part("dense", {"shape": tuple(shape), "widths": tuple(widths)}),
        Part("gaussian", {"size": code_size}),
        Part("bernoulli"),
        (
            Phase(
                epochs=20,
                batch_size=64,
                bound=Part("elbo", {"weight": Part("constant", {"value": beta})}),
            ),
        ),
        source="Higgins et al. 2017, eq. 4",
    )


@listed_under(GROUP)
def burgess_2018_capacity_vae(
    shape: Sequence[int] = (1, 64, 64),
    code_size: int = 10,
    *,
    widths: Sequence[int] = _WIDTHS,
    capacity: float = 25.0,
    strength: float = 1000.0,
    growth: float = 10.0,
) -> Recipe:
    """β-VAE with a capacity that grows: the KL is held at C, from 0 to 25 nats.

    Burgess et al. 2018, eq. 8: γ = 1,000, four convolutions of 32 channels with kernels of 4, a dense
    layer of 256, Adam at 0.0005, batches of 64. Deviations: one dense layer, where theirs are two;
    C grows over 10 epochs of 20, where theirs takes 100,000 steps (9 epochs of dSprites). Small
    pictures get fewer rungs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each convolution.
        capacity: the last C, in nats.
        strength: γ.
        growth: epochs until C is ``capacity``.
    """
    grows = Part("warm-up", {"epochs": growth, "value": capacity})
    return _plain(shape, code_size, widths).with_(
        name="burgess-2018-capacity-vae",
        bound=Part("capacity", {"capacity": grows, "strength": strength}),
        source="Burgess et al. 2018, eq. 8",
    )


@listed_under(GROUP)
def shao_2020_control_vae(
    shape: Sequence[int] = (1, 64, 64),
    code_size: int = 10,
    *,
    widths: Sequence[int] = _WIDTHS,
    target: float = 18.0,
    first: float | None = None,
    every: int = 5000,
) -> Recipe:
    """ControlVAE: a controller moves the weight of the KL so that the KL is what it should be.

    Shao et al. 2020 (arXiv:2011.01754), eq. 8 and 9, on the network of Burgess et al. 2018. 18 nats
    are the last target of their runs on dSprites; here the target throughout, unless ``first`` says where
    it begins to grow, as theirs does from 0.5 by 0.15 every 5,000 steps. Weights from 1, as in those runs, to 100, which is ours: a code whose KL is below the
    target at weight 1 is a plain VAE's. Gains of 0.01 and 0.001.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each convolution.
        target: the KL to hold, in nats per picture.
        first: the KL to hold first; None: ``target``.
        every: steps after which it grows by 0.15 nats.
    """
    control: dict[str, float] = {"target": target, "integral": 1e-3, "least": 1.0, "value": 100.0}
    if first is not None:
        control |= {"first": first, "every": every}
    return _plain(shape, code_size, widths).with_(
        name="shao-2020-control-vae",
        bound=Part("elbo", {"weight": Part("controlled", control)}),
        source="Shao et al. 2020, eq. 8-9",
    )


@listed_under(GROUP)
def chen_2018_tc_vae(
    shape: Sequence[int] = (1, 64, 64),
    code_size: int = 10,
    *,
    widths: Sequence[int] = _WIDTHS,
    beta: float = 6.0,
) -> Recipe:
    """β-TCVAE: of the KL's three terms only the total correlation is weighed β times.

    Chen et al. 2018, eq. 4 with α = γ = 1, estimated within the batch. Deviations: the network of
    Burgess et al. 2018; batches of 256 (the estimate needs many; those of the authors' code are
    2,048), 20 epochs at 0.001.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each convolution.
        beta: weight of the total correlation.
    """
    return _plain(shape, code_size, widths).with_(
        name="chen-2018-tc-vae",
        batch_size=256,
        learning_rate=1e-3,
        penalties=(Part("total-correlation", {"weight": beta - 1}),),
        source="Chen et al. 2018, eq. 4",
    )


@listed_under(GROUP)
def kim_2018_factor_vae(
    shape: Sequence[int] = (1, 64, 64),
    code_size: int = 10,
    *,
    widths: Sequence[int] = (32, 32, 64, 64),
    gamma: float = 35.0,
) -> Recipe:
    """FactorVAE: the total correlation, estimated by a discriminator, with weight γ.

    Kim & Mnih 2018, eq. 2: γ = 35, four convolutions of 32, 32, 64 and 64 channels, batches of 64.
    Deviations: a dense layer of 256 (theirs 128); a discriminator of two layers of 256 (theirs six
    of 1,000) at the model's rate of 0.0005 (theirs both 0.0001, for 300,000 steps).

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each convolution.
        gamma: weight of the total correlation.
    """
    return _plain(shape, code_size, widths).with_(
        name="kim-2018-factor-vae",
        penalties=(Part("factor", {"weight": gamma}),),
        source="Kim & Mnih 2018, eq. 2",
    )


@listed_under(GROUP)
def rybkin_2021_sigma_vae(
    shape: Sequence[int] = (3, 64, 64), code_size: int = 64, *, widths: Sequence[int] | None = None
) -> Recipe:
    """The optimal σ-VAE: ``conv-vae`` whose variance is that of the batch's errors, so none is chosen.

    Rybkin, Daniilidis & Levine 2021. Ours: network and training, those of ``conv-vae``.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: channels of each rung; by default as many as halve the picture to about 4 pixels.
    """
    return conv_vae(shape, code_size, widths=widths).with_(
        name="rybkin-2021-sigma-vae",
        likelihood=Part("gaussian-optimal"),
        source="Rybkin et al. 2021, optimal σ-VAE",
    )


def _plain(shape: Sequence[int], code_size: int, widths: Sequence[int]) -> Recipe:
    """The network of Burgess et al. 2018 with their training."""
    ladder = {"shape": tuple(shape), "widths": fitting(shape, widths), "kernel": 4, "dense": 256}
    return Recipe(
        "plain",
        Part("conv", ladder),
        Part("gaussian", {"size": code_size}),
        Part("bernoulli"),
        (Phase(epochs=20, batch_size=64, learning_rate=5e-4, learning_rate_schedule="constant"),),
    )
