"""Alfredo Canziani 2020, "Introduction to autoencoders" (NYU Deep Learning, week 7, notebook).

The network works in (−1, 1): tanh at both layers. Narrows' pictures are in [0, 1], so the output's
tanh is mapped there, ½ (tanh + 1). The map at the input, 2 x − 1, is left to the first layer: an affine
layer can be any layer after that map, and only begins elsewhere. His loss ½ ‖x − x̂‖² is a Gaussian of
variance 1, taken of [0, 1] pixels; of (−1, 1) it would be four times as much.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Canziani 2020, Introduction to autoencoders"


@listed_under(GROUP)
def canziani_2020_standard(shape: Sequence[int] = (1, 28, 28), code_size: int = 30) -> Recipe:
    """The under-complete autoencoder 784-30-784 with hyperbolic tangents, on MNIST.

    "Define autoencoder model architecture and reconstruction loss". Not in the text, ours: Adam at
    0.001, batches of 256, 20 epochs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: d, units of the hidden layer.
    """
    ladder = {"shape": tuple(shape), "widths": (code_size,), "activation": "tanh"}
    return Recipe(
        "canziani-2020-standard",
        Part("dense", ladder),
        Part("point"),
        Part("gaussian", {"variance": 1.0, "output": "tanh"}),
        (Phase(epochs=20, batch_size=256, learning_rate_schedule="constant"),),
        source="Canziani 2020, Notebook, standard autoencoder",
    )


@listed_under(GROUP)
def canziani_2020_denoising(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 500,
    *,
    rate: float = 0.5,
    value: float = 0.5,
) -> Recipe:
    """The over-complete autoencoder 784-500-784 that gets pictures with pixels dropped.

    "Train denoising autoencoder" and figures 21 to 27. The rate is ours, as the text names none. His
    mask multiplies pixels in (−1, 1), so what is dropped is gray; a mask to black would leave the
    border, which is black, as it is, and kernels would not learn of it. Deviation: the others keep
    their values, where nn.Dropout() makes them larger by 1 / (1 − rate).

    Args:
        shape: (C, H, W) of the pictures.
        code_size: d, units of the hidden layer.
        rate: the share of pixels that are dropped.
        value: what they become.
    """
    return canziani_2020_standard(shape, code_size).with_(
        name="canziani-2020-denoising",
        corruption=Part("dropout-mask", {"p": rate, "value": value}),
        source="Canziani 2020, Train denoising autoencoder",
    )


@listed_under(GROUP)
def canziani_2020_contractive(
    shape: Sequence[int] = (1, 28, 28), code_size: int = 30, *, weight: float = 0.1
) -> Recipe:
    """The standard autoencoder with the squared norm of ∂h/∂x added to its loss.

    Figure 18, which has neither a network nor a weight: both are ours.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: d, units of the hidden layer.
        weight: of the squared norm against ½ ‖x − x̂‖².
    """
    return canziani_2020_standard(shape, code_size).with_(
        name="canziani-2020-contractive",
        penalties=(Part("contractive", {"weight": weight}),),
        source="Canziani 2020, figure 18",
    )
