"""Burda, Grosse & Salakhutdinov 2016, "Importance weighted autoencoders" (arXiv:1509.00519)."""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Literature: tighter bounds, and several levels of codes"


@listed_under(GROUP)
def burda_2016_vae(shape: Sequence[int] = (1, 28, 28), code_size: int = 50) -> Recipe:
    """The one-layer VAE of §5: 784-200-200-50, tanh, on MNIST binarised anew at every step.

    Published: −86.76 nats (table 1, k = 1) after 3,280 passes of batch 20 with Adam, ε = 10⁻⁴.
    Deviations: batches of 200, 1,400 passes and a one-cycle learning rate, which need a fraction
    of the time; torch's initial weights instead of Glorot's; no bias from the pixels' means.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
    """
    return Recipe(
        "burda-2016-vae",
        Part("dense", {"shape": tuple(shape), "widths": (200, 200), "activation": "tanh"}),
        Part("gaussian", {"size": code_size}),
        Part("bernoulli"),
        (
            Phase(
                epochs=1400,
                batch_size=200,
                learning_rate=3e-3,
                epsilon=1e-4,
                augmentation=Part("binarise"),
                precision="float32",
            ),
        ),
        source="Burda et al. 2016, section 5 and table 1 (VAE, one layer, k = 1)",
    )


@listed_under(GROUP)
def burda_2016_iwae(
    shape: Sequence[int] = (1, 28, 28), code_size: int = 50, *, samples: int = 50
) -> Recipe:
    """The same network with the importance-weighted bound of ``samples`` (eq. 8).

    Published after 3,280 passes (table 1, L = 1): −86.76 nats for k = 1, −85.54 for k = 5, −84.78
    for k = 50. Deviations: 100 passes of batch 100 with a one-cycle learning rate; the rest as in
    ``burda_2016_vae``. ``--set epochs=3280 --set batch_size=20 --set learning_rate=0.001
    --set learning_rate_schedule=burda`` is the paper's own schedule.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        samples: k, codes per picture, all in one pass of the decoder.
    """
    phase = Phase(
        epochs=100,
        batch_size=100,
        learning_rate=2e-3,
        epsilon=1e-4,
        bound=Part("iwae"),
        augmentation=Part("binarise"),
        samples=samples,
    )
    return burda_2016_vae(shape, code_size).with_(
        name="burda-2016-iwae",
        phases=(phase,),
        source=f"Burda et al. 2016, eq. 8 and table 1 (IWAE, one layer, k = {samples})",
    )


@listed_under(GROUP)
def tucker_2019_dreg(
    shape: Sequence[int] = (1, 28, 28), code_size: int = 50, *, samples: int = 50
) -> Recipe:
    """``burda-2016-iwae`` whose encoder moves by the doubly reparameterised gradient.

    Tucker, Lawson, Gu & Maddison 2019, eq. 8: the same gradient on average, whose noise does not drown
    it as k grows. Ours: the training, that of ``burda-2016-iwae``.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        samples: k, codes per picture, all in one pass of the decoder.
    """
    return burda_2016_iwae(shape, code_size, samples=samples).with_(
        name="tucker-2019-dreg",
        bound=Part("iwae", {"doubly_reparameterised": True}),
        source="Tucker et al. 2019, eq. 8",
    )
