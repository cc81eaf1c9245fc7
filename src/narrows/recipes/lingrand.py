"""Diane Lingrand 2021, "Autoencoder", course of the Master Data Science, Université Côte d'Azur.

Her listings are for Keras: Adam at a constant 0.001. Of a mean squared error over pixels a summed one
(``mse``, in nats) is a multiple, which changes a plain autoencoder's learning rate only, and with
Adam hardly that. Deviation of them all: torch's initial weights instead of Glorot's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under
from .plain import fitting, rung_by_rung

GROUP = "Lingrand 2021, Autoencoder"


KERAS = Phase(epochs=100, batch_size=256, learning_rate_schedule="constant")


@listed_under(GROUP)
def lingrand_2021_vanilla(shape: Sequence[int] = (1, 28, 28), code_size: int = 32) -> Recipe:
    """The simplest autoencoder: 784-32-784, relu and sigmoid, on Fashion-MNIST.

    The listing "Vanilla autoencoder in keras": batches of 256, 100 epochs, mean squared error.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
    """
    return Recipe(
        "lingrand-2021-vanilla",
        Part("dense", {"shape": tuple(shape), "widths": (code_size,)}),
        Part("point"),
        Part("mse"),
        (KERAS,),
        source="Lingrand 2021, Vanilla autoencoder",
    )


@listed_under(GROUP)
def lingrand_2021_multilayer(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 10,
    *,
    widths: Sequence[int] = (128, 64, 32),
) -> Recipe:
    """The deep autoencoder 784-128-64-32-10 and back, all layers at once, so that none is tied.

    The listing "Multilayer autoencoder in keras". The code is a relu too, as printed: a unit that
    is silent for every picture stays so. Not in the text: epochs and batch are those of the vanilla
    one.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the layers above the code.
    """
    return lingrand_2021_vanilla(shape).with_(
        name="lingrand-2021-multilayer",
        ladder=Part("dense", {"shape": tuple(shape), "widths": (*widths, code_size)}),
        source="Lingrand 2021, Multilayer autoencoder in keras",
    )


@listed_under(GROUP)
def lingrand_2021_stacked(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 10,
    *,
    widths: Sequence[int] = (128, 64, 32),
) -> Recipe:
    """784-128-64-32-10 again, one layer after the other with symmetric weights, then all together.

    "Multilayer autoencoder" (1) to (3): each layer learns to recreate what the trained ones above it
    give; its way up is the transpose of its way down. Not in the text, ours: 20 epochs for each
    layer; the fine-tuning of the whole, for 100, which she describes for a classifier.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the layers above the code.
    """
    plain = lingrand_2021_multilayer(shape, code_size, widths=widths)
    layers = rung_by_rung(
        len(widths) + 1, epochs=20, batch_size=256, learning_rate_schedule="constant"
    )
    return plain.with_(
        name="lingrand-2021-stacked",
        ladder=plain.ladder.with_(tied=True),
        phases=(*layers, *plain.phases),
        source="Lingrand 2021, Multilayer autoencoder (1)-(3)",
    )


@listed_under(GROUP)
def lingrand_2021_classifier(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 10,
    *,
    widths: Sequence[int] = (128, 64, 32),
    classes: int = 10,
    softmax_first: float = 0.0,
) -> Recipe:
    """784-128-64-32-10, trained layer by layer without labels, then under a softmax with them.

    "Classification using an autoencoder representation". Deviation: unless ``softmax_first`` is given, the
    softmax and the layers below it move together from the first step; she trains it alone before. As the weights
    are tied, fine-tuning the way down changes the way up too: the model still reconstructs, but
    worse. Not in the text, ours: 20 epochs for each layer and 100 with labels. The pictures need
    labels.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the layers above the code.
        classes: how many labels there are.
        softmax_first: epochs in which the softmax is trained alone, before everything is.
    """
    stacked = lingrand_2021_stacked(shape, code_size, widths=widths)
    tuned = Phase(
        epochs=100,
        batch_size=256,
        learning_rate_schedule="constant",
        bound=Part("softmax", {"classes": classes}),
        scheme=Part("encoder"),
    )
    alone = dataclasses.replace(tuned, epochs=softmax_first or 1.0, frozen=("ladder", "bottleneck"))
    return stacked.with_(
        name="lingrand-2021-classifier",
        phases=(*stacked.phases[:-1], *([alone] if softmax_first else []), tuned),
        source="Lingrand 2021, Classification",
    )


@listed_under(GROUP)
def lingrand_2021_convolutional(
    shape: Sequence[int] = (1, 28, 28), code_size: int = 8, *, widths: Sequence[int] = (16, 8)
) -> Recipe:
    """Convolutions in place of dense layers: maximum pooling down, upsampling up.

    "Convolution Autoencoder" says what replaces what; no numbers are given. The 16, 8 and 8 channels
    and the cross-entropy are those of the Keras tutorial that her last page links to: under a
    squared error this network made all pixels of MNIST black, and kept them so. The code is the
    lowest map, 8×4×4 for 28×28. Small pictures get fewer rungs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: channels of the lowest map, the code.
        widths: channels of the maps above it.
    """
    kept = (*fitting(shape, (*widths, code_size))[:-1], code_size)
    ladder = {"shape": tuple(shape), "widths": kept, "down": "maxpool", "up": "nearest"}
    return lingrand_2021_vanilla(shape).with_(
        name="lingrand-2021-convolutional",
        ladder=Part("conv", ladder),
        likelihood=Part("bernoulli"),
        source="Lingrand 2021, Convolution Autoencoder",
    )


@listed_under(GROUP)
def lingrand_2021_segnet(
    shape: Sequence[int] = (3, 64, 64), code_size: int = 64, *, widths: Sequence[int] = (32, 64)
) -> Recipe:
    """A SegNet that gives back its picture: pooling that hands its indices to the unpooling.

    "Pooling - Upsampling" (max pooling indices), from Badrinarayanan et al. 2017, whose network has
    five rungs of 64 to 512 channels and ends in the scores of classes. Ours: three rungs of 32 to
    64, so that it trains on a processor; its output is the picture; the code is the lowest map. The
    indices of a picture go past its code, so its error says little of the code. Small pictures get
    fewer rungs.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: channels of the lowest map, the code.
        widths: channels of the maps above it.
    """
    kept = (*fitting(shape, (*widths, code_size))[:-1], code_size)
    return Recipe(
        "lingrand-2021-segnet",
        Part("segnet", {"shape": tuple(shape), "widths": kept}),
        Part("point"),
        Part("mse"),
        (Phase(epochs=20, batch_size=64),),
        source="Lingrand 2021, SegNet and Pooling - Upsampling",
    )


def lingrand_2021_segmentation(
    shape: Sequence[int],
    classes: int,
    *,
    widths: Sequence[int] = (32, 64, 128, 128),
    weights: Sequence[float] | None = None,
) -> Recipe:
    """A SegNet that says the class of each pixel: of pictures with their masks it gives back the hidden mask.

    "SegNet", from Badrinarayanan et al. 2017: pooling indices, a cross-entropy that is weighted by the
    classes' frequency. Ours: narrower, without VGG's weights, Adam, and the mask as channels behind the
    picture's, so that the model is an autoencoder as all others are. Small pictures get fewer rungs.

    Args:
        shape: (C, H, W) of the pictures, without masks.
        classes: K.
        widths: channels of the maps.
        weights: of the classes, such as ``measures.class_weights``.
    """
    whole = (shape[0] + classes, *shape[1:])
    likelihood = {"classes": classes}
    if weights is not None:
        likelihood["weights"] = tuple(round(float(w), 4) for w in weights)  # type: ignore[assignment]
    phase = Phase(
        epochs=60,
        batch_size=4,
        learning_rate=2e-3,
        learning_rate_schedule="one-cycle",
        augmentation=Part("chain", {"parts": (Part("flip"), Part("shift"))}),
        corruption=Part("hidden-channels", {"count": classes}),
    )
    return Recipe(
        "lingrand-2021-segmentation",
        Part("segnet", {"shape": whole, "widths": fitting(whole, widths)}),
        Part("point"),
        Part("categorical", likelihood),
        (phase,),
        source="Lingrand 2021, SegNet",
    )


@listed_under(GROUP)
def lingrand_2021_vae(
    shape: Sequence[int] = (1, 28, 28), code_size: int = 28, *, widths: Sequence[int] = (256,)
) -> Recipe:
    """The variational autoencoder 784-256-28, relu, on MNIST.

    "VAE in practice": 784 times the mean squared error is a Gaussian of variance ½. Deviation: she
    samples with σ = exp(zLogSigma) but her KL takes zLogSigma for log σ²; here both are of log σ².
    Not in the text: epochs and batch are those of the vanilla autoencoder.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers.
    """
    return lingrand_2021_vanilla(shape).with_(
        name="lingrand-2021-vae",
        ladder=Part("dense", {"shape": tuple(shape), "widths": tuple(widths)}),
        bottleneck=Part("gaussian", {"size": code_size}),
        source="Lingrand 2021, VAE in practice",
    )


@listed_under(GROUP)
def lingrand_2021_beta_vae(
    shape: Sequence[int] = (1, 28, 28),
    code_size: int = 28,
    *,
    widths: Sequence[int] = (256,),
    beta: float = 4.0,
) -> Recipe:
    """Her variational autoencoder with the KL weighed β times (Higgins et al. 2017).

    "Disentangled Variational Autoencoder". β is not in the text; 4 is that of Higgins et al. for
    pictures of shapes, with a Bernoulli likelihood.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers.
        beta: weight of the KL.
    """
    return lingrand_2021_vae(shape, code_size, widths=widths).with_(
        name="lingrand-2021-beta-vae",
        bound=Part("elbo", {"weight": Part("constant", {"value": beta})}),
        source="Lingrand 2021, Disentangled VAE",
    )
