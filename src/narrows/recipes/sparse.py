"""Codes larger than they need to be, kept from copying: contractive and sparse autoencoders."""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Literature: contractive and sparse codes"


@listed_under(GROUP)
def rifai_2011_contractive(
    shape: Sequence[int] = (1, 28, 28), code_size: int = 1000, *, weight: float = 0.1
) -> Recipe:
    """The contractive autoencoder: one layer of tied sigmoids, and ‖∂h/∂x‖² in the loss, on MNIST.

    Rifai et al. 2011, eq. 4 to 6, with the cross-entropy and 1,000 units. The weight is ours, as
    they choose it by what the layer is then used for; so are Adam, batches of 128 and 20 epochs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        weight: λ.
    """
    return Recipe(
        "rifai-2011-contractive",
        Part("dense", {**_sigmoids(shape, code_size), "tied": True}),
        Part("point"),
        Part("bernoulli"),
        (Phase(epochs=20, penalties=(Part("contractive", {"weight": weight}),)),),
        source="Rifai et al. 2011, eq. 4-6",
    )


@listed_under(GROUP)
def ng_2011_sparse(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 196,
    *,
    rho: float = 0.05,
    weight: float = 3.0,
) -> Recipe:
    """The sparse autoencoder: sigmoids each of which is to be on for one picture of twenty, on MNIST.

    Ng 2011 (CS294A notes), section 3, whose loss is ½ ‖x − x̂‖²; ρ = 0.05 is its example. Ours: 196 units
    and a weight of 3; no weight decay; Adam at 0.01, as at 0.001 the units are silenced long before
    they learn. It gets ρ̂ from the batch, and L-BFGS had it from all pictures; so batches of 256.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        rho: ρ, the share of pictures for which a unit is to be on.
        weight: β, of the KL between rates.
    """
    return Recipe(
        "ng-2011-sparse",
        Part("dense", _sigmoids(shape, code_size)),
        Part("point"),
        Part("gaussian", {"variance": 1.0}),
        (
            Phase(
                epochs=20,
                batch_size=256,
                learning_rate=1e-2,
                penalties=(Part("kl-sparsity", {"weight": weight, "rho": rho}),),
            ),
        ),
        source="Ng 2011, section 3",
    )


@listed_under(GROUP)
def makhzani_2014_k_sparse(
    shape: Sequence[int] = (1, 28, 28), code_size: int = 1000, *, k: int = 25
) -> Recipe:
    """The k-sparse autoencoder: linear but for keeping the k largest of 1,000 units, on MNIST.

    Makhzani & Frey 2014, §2.1; k = 25 is one of theirs (10 to 70). Deviations: weights are not tied,
    and each way is two linear layers, whose product is one; k does not shrink in training. Ours:
    Adam, batches of 128, 20 epochs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        k: how many of them are kept.
    """
    ladder = {"shape": tuple(shape), "widths": (code_size,), "activation": "identity"}
    return Recipe(
        "makhzani-2014-k-sparse",
        Part("dense", ladder),
        Part("top-k", {"size": code_size, "k": k}),
        Part("mse", {"output": "identity"}),
        (Phase(epochs=20),),
        source="Makhzani & Frey 2014, section 2.1",
    )


def _sigmoids(shape: Sequence[int], code_size: int) -> dict[str, object]:
    return {"shape": tuple(shape), "widths": (code_size,), "activation": "sigmoid"}
