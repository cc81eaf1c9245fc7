"""Codes that are a few symbols per place: vector-quantised and finite-scalar."""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under
from .plain import fitting

GROUP = "Literature: discrete codes"


@listed_under(GROUP)
def oord_2017_vq_vae(
    shape: Sequence[int] = (3, 32, 32),
    code_size: int = 64,
    *,
    widths: Sequence[int] = (64, 128),
    entries: int = 512,
) -> Recipe:
    """VQ-VAE: a map of entries of a learnt book, 8×8 of them for the 32×32 pictures of CIFAR-10.

    Van den Oord et al. 2017, §4.1: two convolutions with kernels of 4, two residual blocks, K = 512,
    β = 0.25, Adam at 0.0002, batches of 128. With the summed squared error β is theirs as it is.
    The output is linear, so pixels may leave [0, 1]: with a sigmoid MNIST stayed black.
    Deviations: 64 and 128 channels (theirs 256); the book follows running means (their appendix
    A.1); 40 epochs, where theirs are 250,000 steps.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: channels of the code, the length of an entry.
        widths: channels of each convolution.
        entries: K, of the book.
    """
    kept = fitting(shape, widths)
    ladder = {"shape": tuple(shape), "widths": kept, "kernel": 4}
    return Recipe(
        "oord-2017-vq-vae",
        Part("conv", {**ladder, "blocks": (*[0] * (len(kept) - 1), 2)}),
        Part("vector-quantised", {"size": code_size, "layout": "map", "entries": entries}),
        Part("mse", {"output": "identity"}),
        (
            Phase(
                epochs=40,
                batch_size=128,
                learning_rate=2e-4,
                learning_rate_schedule="constant",
            ),
        ),
        source="van den Oord et al. 2017, section 4.1",
    )


@listed_under(GROUP)
def mentzer_2024_finite_scalar(
    shape: Sequence[int] = (3, 32, 32),
    *,
    widths: Sequence[int] = (64, 128),
    levels: Sequence[int] = (8, 5, 5, 5),
) -> Recipe:
    """FSQ: the VQ-VAE with a few rounded numbers per place instead of a book.

    Mentzer et al. 2024: 8·5·5·5 = 1,000 entries are theirs for about 2¹⁰. Ours: network and training,
    those of ``oord-2017-vq-vae``.

    Args:
        shape: (C, H, W) of the pictures.
        widths: channels of each convolution.
        levels: of each channel of the code, which are as many.
    """
    box = {"size": len(levels), "layout": "map", "levels": tuple(levels)}
    return oord_2017_vq_vae(shape, widths=widths).with_(
        name="mentzer-2024-finite-scalar",
        bottleneck=Part("finite-scalar", box),
        source="Mentzer et al. 2024, table 1",
    )
