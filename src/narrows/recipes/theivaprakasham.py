"""H. Theivaprakasham 2021, "Applications of variational autoencoders" (report, Amrita Vishwa Vidyapeetham)."""

from __future__ import annotations

from collections.abc import Sequence

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Theivaprakasham 2021, Applications of variational autoencoders"


@listed_under(GROUP)
def theivaprakasham_2021_vae(
    shape: Sequence[int] = (1, 28, 28), code_size: int = 2, *, widths: Sequence[int] = (512, 256)
) -> Recipe:
    """The one model of all three applications: it generates, denoises and finds anomalies on MNIST.

    §3.3: Adam, 100 epochs, the ELBO of eq. 3.10. The code has two units, those of the plane in figure
    4.1. The model that denoises (§3.3.2) is trained on clean pictures and only tested on noisy ones;
    that for anomalies (§3.3.3) on the digits 0 to 8. So they are this recipe on other pictures. Not
    in the text, ours: the networks, which are figures 3.2 and 3.3 only; batches of 128; the
    variance ½ of the Gaussian that §5 says is assumed; a one-cycle learning rate.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        widths: units of the hidden layers.
    """
    return Recipe(
        "theivaprakasham-2021-vae",
        Part("dense", {"shape": tuple(shape), "widths": tuple(widths)}),
        Part("gaussian", {"size": code_size}),
        Part("mse"),
        (Phase(epochs=100, batch_size=128),),
        source="Theivaprakasham 2021, section 3.3, figure 4.1",
    )
