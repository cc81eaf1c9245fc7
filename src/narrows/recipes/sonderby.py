"""Sønderby et al. 2016, "Ladder variational autoencoders" (arXiv:1602.02282), and its flat twin.

What Kovenko & Bogach 2020 (§4.2) take their warm-up from: latents at several levels, merged from the
bottom and the top, with batch normalisation and a KL that warms up.

Deviations: two latents instead of five, because more stay unused after 100 passes; the KL warms up
over 20 passes, not 200; 100 passes of batch 100 with a one-cycle rate.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Literature: tighter bounds, and several levels of codes"


DIGITS = (1, 28, 28)


def _recipe(name: str, shape: Sequence[int], widths: Sequence[int], bottleneck: Part) -> Recipe:
    ladder = {"shape": tuple(shape), "widths": tuple(widths)}
    phase = Phase(
        epochs=100,
        batch_size=100,
        learning_rate=2e-3,
        bound=Part("elbo", {"weight": Part("warm-up", {"epochs": 20.0})}),
        augmentation=Part("binarise"),
    )
    return Recipe(
        name,
        Part("dense", {**ladder, "activation": "leaky-relu", "norm": "batch"}),
        bottleneck,
        Part("bernoulli"),
        (phase,),
        source="Sønderby et al. 2016, §2 and §3.1",
    )


@listed_under(GROUP)
def sonderby_2016_ladder_vae(
    shape: Sequence[int] = DIGITS,
    code_size: int = 32,
    *,
    inner_size: int = 64,
    widths: Sequence[int] = (256, 256, 128, 128),
) -> Recipe:
    """A latent in the middle of the ladder and one at its base, for binarised digits.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the base.
        inner_size: units of the latent halfway down.
        widths: units of the hidden layers.
    """
    middle = len(widths) // 2
    inner = {"levels": (middle,), "sizes": (inner_size,)} if middle else {}
    bottleneck = Part("hierarchical", {"size": code_size, **inner})
    return _recipe("sonderby-2016-ladder-vae", shape, widths, bottleneck)


@listed_under(GROUP)
def sonderby_2016_flat_vae(
    shape: Sequence[int] = DIGITS, code_size: int = 64, *, widths: Sequence[int] = (310, 310)
) -> Recipe:
    """Its flat twin of as many weights: one latent, everything else the same.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers.
    """
    bottleneck = Part("gaussian", {"size": code_size})
    return _recipe("sonderby-2016-flat-vae", shape, widths, bottleneck)
