"""Ray & Hannon 2022, "Recursively trained autoencoders": table 1, both VAEs, and what they leave open.

Fourteen layers, seven down and seven up, of kernel 3 (5 at both ends) and stride 2, filters doubling
at every one (§4.2). ``stacked`` is trained end to end, ``recursive`` rung by rung in one pass.

Not in the text, so ours: 16 filters in the first layer, Adam at 10⁻³ with a one-cycle rate, batches
of 32, 20 epochs. Seven halvings need 128×128 pixels; smaller pictures take as many as they have
(six at 64×64). Their error has no unit and only ratios compare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..parts import Part
from ..training import Phase, Recipe, listed_under

GROUP = "Ray & Hannon 2022, Recursively trained autoencoders"


FACES = (3, 128, 128)
VARIANCE = 0.01  # of the pixels, for the VAEs: ours


def _ladder(shape: Sequence[int], filters: int = 16, **arguments: object) -> Part:
    rungs = min(7, max(1, int(math.log2(min(shape[1:])))))
    common = {"widths": tuple(filters << i for i in range(rungs)), "activation": "selu"}
    kernels = (5, *[3] * (rungs - 1))
    return Part("conv", {"shape": tuple(shape), **common, "kernel": kernels, **arguments})


def _trained(forward: Part | str, **numbers: Any) -> Phase:
    chosen = Part(forward) if isinstance(forward, str) else forward
    return Phase(epochs=20, batch_size=32, scheme=chosen, **numbers)


def _of(name: str, table: str, ladder: Part, forward: Part | str = "end-to-end") -> Recipe:
    source = f"Ray & Hannon 2022, {table}"
    return Recipe(name, ladder, Part("point"), Part("mse"), (_trained(forward),), source=source)


@listed_under(GROUP)
def ray_2022_stacked(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """Trained end to end, SELU, no normalisation: 258 in table 1.

    Args:
        shape: (C, H, W) of the pictures.
        filters: channels of the first layer.
    """
    return _of("ray-2022-stacked", "table 1 (258)", _ladder(shape, filters))


@listed_under(GROUP)
def ray_2022_recursive(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """Every rung learns to recreate its own input, in one pass: 239 in table 1, their best.

    The authors train one model per rung; see ``ray_2022_one_at_a_time``.
    """
    ladder = _ladder(shape, filters)
    return _of("ray-2022-recursive", "§3 and table 1 (239)", ladder, "recursive")


@listed_under(GROUP)
def ray_2022_one_at_a_time(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """The same, as the authors do it: one model per rung after the other, all above it frozen."""
    ladder = _ladder(shape, filters)
    rungs = range(len(ladder.arguments["widths"]))
    phases = tuple(_trained(Part("rung", {"rung": i})) for i in rungs)
    return ray_2022_recursive(shape, filters=filters).with_(
        name="ray-2022-one-at-a-time", phases=phases, source="Ray & Hannon 2022, §3"
    )


@listed_under(GROUP)
def ray_2022_stacked_batch_norm(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """End to end, with batch normalisation between all layers: 467 in table 1."""
    ladder = _ladder(shape, filters, norm="batch")
    return _of("ray-2022-stacked-batch-norm", "§4.3 and table 1 (467)", ladder)


@listed_under(GROUP)
def ray_2022_recursive_batch_norm(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """Recursive, with batch normalisation between all layers: 7831 in table 1, washed out."""
    ladder = _ladder(shape, filters, norm="batch")
    return _of("ray-2022-recursive-batch-norm", "§4.3, table 1 (7831)", ladder, "recursive")


@listed_under(GROUP)
def ray_2022_stacked_shared_norm(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """End to end, one batch normalisation for the way down and the way up: 643 in table 1."""
    ladder = _ladder(shape, filters, norm="shared-batch")
    return _of("ray-2022-stacked-shared-norm", "§4.3 and table 1 (643)", ladder)


@listed_under(GROUP)
def ray_2022_recursive_shared_norm(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """Recursive, one batch normalisation for the way down and the way up: 455 in table 1 (twice)."""
    ladder = _ladder(shape, filters, norm="shared-batch")
    return _of("ray-2022-recursive-shared-norm", "§4.3, table 1 (455)", ladder, "recursive")


@listed_under(GROUP)
def ray_2022_stacked_shared_norm_relu(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """End to end, shared normalisation, ReLU: 643 in table 1."""
    ladder = _ladder(shape, filters, norm="shared-batch", activation="relu")
    return _of("ray-2022-stacked-shared-norm-relu", "§4.4 and table 1 (643)", ladder)


@listed_under(GROUP)
def ray_2022_recursive_shared_norm_relu(
    shape: Sequence[int] = FACES, *, filters: int = 16
) -> Recipe:
    """Recursive, shared normalisation, ReLU: 2020 in table 1, "not very face-like"."""
    ladder = _ladder(shape, filters, norm="shared-batch", activation="relu")
    name = "ray-2022-recursive-shared-norm-relu"
    return _of(name, "§4.4 and table 1 (2020)", ladder, "recursive")


@listed_under(GROUP)
def ray_2022_stacked_vae(
    shape: Sequence[int] = FACES, code_size: int = 128, *, filters: int = 16
) -> Recipe:
    """A variational autoencoder of the same ladder, end to end (§4.5, fig. 4).

    Ours: the code's size, and σ² = 0.01 for the pixels.

    Args:
        shape: (C, H, W) of the pictures.
        code_size: D, units of the code.
        filters: channels of the first layer.
    """
    return ray_2022_stacked(shape, filters=filters).with_(
        name="ray-2022-stacked-vae",
        bottleneck=Part("gaussian", {"size": code_size}),
        likelihood=Part("gaussian", {"variance": VARIANCE}),
        source="Ray & Hannon 2022, §4.5 and fig. 4",
    )


@listed_under(GROUP)
def ray_2022_recursive_vae(
    shape: Sequence[int] = FACES, code_size: int = 128, *, filters: int = 16
) -> Recipe:
    """The recursive variational autoencoder, whose samples are noise and monsters (§4.5, fig. 4)."""
    stacked = ray_2022_stacked_vae(shape, code_size, filters=filters)
    inside = Part("recursive", {"variance": VARIANCE})
    return stacked.with_(name="ray-2022-recursive-vae", phases=(_trained(inside),))


@listed_under(GROUP)
def ray_2022_deeply_supervised(
    shape: Sequence[int] = FACES, *, filters: int = 16, weights: float | Sequence[float] = 1.0
) -> Recipe:
    """Their open question (§5): one model, with a loss for every layer of the way up.

    Args:
        shape: (C, H, W) of the pictures.
        filters: channels of the first layer.
        weights: of the levels inside, one for all or one for each from the pictures inwards.
    """
    forward = Part("deeply-supervised", {"weights": weights})
    return _of("ray-2022-deeply-supervised", "§5", _ladder(shape, filters), forward)


@listed_under(GROUP)
def ray_2022_max_pooling(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """Their open question (§5): stride 1 and max-pooling on the way down, trained recursively."""
    ladder = _ladder(shape, filters, down="maxpool")
    return _of("ray-2022-max-pooling", "§5", ladder, "recursive")


@listed_under(GROUP)
def ray_2022_upsampling(shape: Sequence[int] = FACES, *, filters: int = 16) -> Recipe:
    """Their open question (§5): upsampling instead of transposed convolutions, trained recursively."""
    ladder = _ladder(shape, filters, up="nearest")
    return _of("ray-2022-upsampling", "§5", ladder, "recursive")
