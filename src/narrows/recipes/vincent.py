"""Vincent et al. 2010, "Stacked denoising autoencoders" (JMLR 11): pre-training for a classifier.

Three hidden layers of 1,000 sigmoid units on MNIST, each pre-trained to recreate its own input, then
all fine-tuned with a softmax on top (§5 and table 3: test error 1.40 % for plain stacked, 1.28 % for
stacked denoising with a quarter of each input masked).

Deviations: Gaussian likelihoods on the levels inside instead of cross-entropies; Adam with one-cycle
rates instead of plain gradient descent; 5 passes for each layer and 15 of fine-tuning, whose rate was
chosen on 10,000 of the training pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Literature: deep, and layer by layer"


DIGITS = (1, 28, 28)
SOURCE = "Vincent et al. 2010, §5 and table 3"


def _pretraining(layers: int, masked: float) -> tuple[Phase, ...]:
    corruption = {"corruption": Part("dropout-mask", {"p": masked})} if masked else {}
    numbers = {"epochs": 5, "batch_size": 200, "learning_rate": 1e-3}
    return tuple(
        Phase(scheme=Part("rung", {"rung": i, **corruption}), **numbers)  # type: ignore[arg-type]
        for i in range(layers)
    )


@listed_under(GROUP)
def vincent_2010_classifier(
    shape: Sequence[int] = DIGITS, *, widths: Sequence[int] = (1000, 1000, 1000), classes: int = 10
) -> Recipe:
    """The classifier alone, from random weights: what pre-training is measured against.

    Args:
        shape: (C, H, W) of the pictures, which need labels.
        widths: units of the hidden layers.
        classes: how many labels there are.
    """
    ladder = {"shape": tuple(shape), "widths": tuple(widths), "activation": "sigmoid"}
    fine_tuning = Phase(
        epochs=15,
        batch_size=200,
        learning_rate=4e-3,
        scheme=Part("encoder"),
        bound=Part("softmax", {"classes": classes}),
    )
    return Recipe(
        "vincent-2010-classifier",
        Part("dense", {**ladder, "tied": True}),
        Part("point"),
        Part("bernoulli"),
        (fine_tuning,),
        source=SOURCE,
    )


@listed_under(GROUP)
def vincent_2010_stacked(
    shape: Sequence[int] = DIGITS, *, widths: Sequence[int] = (1000, 1000, 1000), classes: int = 10
) -> Recipe:
    """Layer by layer without noise, then the softmax (SAE-3: 1.40 %)."""
    plain = vincent_2010_classifier(shape, widths=widths, classes=classes)
    phases = (*_pretraining(len(widths), 0.0), *plain.phases)
    return plain.with_(name="vincent-2010-stacked", phases=phases)


@listed_under(GROUP)
def vincent_2010_stacked_denoising(
    shape: Sequence[int] = DIGITS,
    *,
    widths: Sequence[int] = (1000, 1000, 1000),
    classes: int = 10,
    masked: float = 0.25,
) -> Recipe:
    """Layer by layer, each with a share of its input masked, then the softmax (SdA-3: 1.28 %).

    Args:
        shape: (C, H, W) of the pictures, which need labels.
        widths: units of the hidden layers.
        classes: how many labels there are.
        masked: share of each layer's input that is set to 0.
    """
    plain = vincent_2010_classifier(shape, widths=widths, classes=classes)
    phases = (*_pretraining(len(widths), masked), *plain.phases)
    return plain.with_(name="vincent-2010-stacked-denoising", phases=phases)
