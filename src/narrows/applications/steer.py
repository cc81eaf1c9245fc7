"""Steer: change one thing about a picture by moving its code.

pictures, and the same transformed by t ──encode──► z, z_t ──least squares──► a direction d
                                                                 a picture's z + t d ──decode──►

Jahanian et al. 2020 walk so through the codes of a generator (Canziani 2020, figs. 5-8); here both
ends of a step are encoded, so the direction is a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..images.transforms import Transform
from ..measures import psnr
from ..measures.attributes import ATTRIBUTES, change
from .decoding import Decode

__all__ = [
    "Direction",
    "EffectSize",
    "Map",
    "Proximity",
    "Steering",
    "effects_of_steering",
    "effects_of_transform",
    "fit_to_labels",
    "fit_to_transform",
    "probe",
    "proximity",
    "steer",
]

Steering = Callable[[Tensor, Tensor], Tensor]
SHARES = (-1.0, -0.5, 0.5, 1.0)  # of its reach, at which a transform is seen
RIDGE = 1e-2  # of a map, per picture and in units of the codes' own variance


@dataclass(frozen=True)
class Direction:
    """z + t d: the same step from everywhere.

    Attributes:
        vector: d (*code), the step of amount 1.
    """

    vector: Tensor

    def __call__(self, z: Tensor, amounts: Tensor) -> Tensor:
        """z (B, *code), amounts (T,) → (T, B, *code)."""
        t = amounts.to(z).reshape(-1, *[1] * z.ndim)
        return z + t * self.vector


@dataclass(frozen=True)
class Map:
    """z + t (A z + d): a step that depends on where it begins.

    Attributes:
        matrix: A (D, D), of flattened codes.
        vector: d (*code).
    """

    matrix: Tensor
    vector: Tensor

    def __call__(self, z: Tensor, amounts: Tensor) -> Tensor:
        """z (B, *code), amounts (T,) → (T, B, *code)."""
        t = amounts.to(z).reshape(-1, *[1] * z.ndim)
        step = (z.flatten(1) @ self.matrix.T).reshape(z.shape) + self.vector
        return z + t * step


def fit_to_transform(
    codes: Callable[[Tensor], Tensor],
    pictures: Tensor,
    transform: Transform,
    *,
    as_map: bool = False,
) -> Direction | Map:
    """Learn from pictures (N, C, H, W) and the same transformed what the transform does to codes.

    d minimises Σ ‖z_t − z − t d‖² over pictures and over t = ±½ and ±1 of the transform's reach. A
    map's A is found with it, by ridge regression.

    Args:
        codes: pictures to z (N, *code), such as ``lambda x: model.encode(x).z``.

    Raises:
        ValueError: fewer than 2 pictures.
    """
    if len(pictures) < 2:
        raise ValueError(f"a direction is fitted to 2 pictures or more; we got {len(pictures)}")
    z = codes(pictures).double()
    amounts = [share * transform.reach for share in SHARES]
    squares = sum(t * t for t in amounts)
    pull = torch.zeros_like(z)
    for t in amounts:
        moved = codes(transform(pictures, torch.full((len(pictures),), t)))
        pull += t * (moved.double() - z)
    steps = pull / squares  # each picture's own least squares, (N, *code)
    mean = steps.mean(0)
    if not as_map:
        return Direction(mean.float())
    rows = z.flatten(1)
    centred, targets = rows - rows.mean(0), (steps - mean).flatten(1)
    gram = centred.T @ centred
    gram += RIDGE * gram.diagonal().mean().clamp_min(1e-12) * torch.eye(len(gram))
    matrix = torch.linalg.solve(gram, centred.T @ targets).T
    offset = mean - (matrix @ rows.mean(0)).reshape(mean.shape)
    return Map(matrix.float(), offset.float())


def fit_to_labels(z: Tensor, values: Tensor) -> Direction:
    """The step in code that goes with a step of 1 in a number known of each picture.

    Cov(z, y) / Var(y). For a class, with y of 1 inside and 0 outside, it is the difference of the
    two means.

    Args:
        z: (N, *code).
        values: y (N,).

    Raises:
        ValueError: all values are the same.
    """
    y = values.double()
    y = y - y.mean()
    variance = y.square().mean()
    if not float(variance) > 0:
        raise ValueError("a direction needs pictures with different labels; all of these have one")
    centred = (z - z.mean(0)).double().flatten(1)
    vector = (y @ centred) / len(y) / variance
    return Direction(vector.reshape(z.shape[1:]).float())


def steer(decode: Decode, steering: Steering, z: Tensor, amounts: Tensor) -> Tensor:
    """Pictures of codes z (B, *code) steered by each amount (T,): (T, B, C, H, W).

    Amount 0 gives the reconstructions.

    Raises:
        ValueError: an amount that is not finite.
    """
    if not bool(torch.isfinite(amounts).all()):
        raise ValueError(f"amounts must be finite numbers; we got {amounts.tolist()}")
    pictures: Tensor = decode(steering(z, amounts).flatten(0, 1))
    return pictures.reshape(len(amounts), len(z), *pictures.shape[1:])


@dataclass(frozen=True)
class EffectSize:
    """What a step of some amount did to an attribute of pictures.

    Attributes:
        attribute: its name.
        change: mean change, in the attribute's unit.
        deviation: of the change over the pictures.
        size: the mean change in standard deviations of the attribute over the pictures.
    """

    attribute: str
    change: float
    deviation: float
    size: float


@dataclass(frozen=True)
class Proximity:
    """How near steered pictures come to those really transformed: mean PSNR in dB, of ± an amount.

    Attributes:
        steered: of the steered codes' pictures.
        unmoved: of the reconstructions, the baseline of steering.
        ceiling: of the transformed pictures' own reconstructions, the most that a model can show.
    """

    steered: float
    unmoved: float
    ceiling: float


def proximity(
    codes: Callable[[Tensor], Tensor],
    decode: Decode,
    steering: Steering,
    transform: Transform,
    pictures: Tensor,
    amount: float,
) -> Proximity:
    """Compare steering with the transform on pictures (N, C, H, W) that it was not fitted to."""
    amounts = torch.tensor([-amount, amount])
    z = codes(pictures)
    real = torch.cat([transform(pictures, t.expand(len(pictures))) for t in amounts])
    steered = steer(decode, steering, z, amounts).flatten(0, 1)
    still = decode(z).repeat(2, 1, 1, 1)
    shown = (steered, still, decode(codes(real)))
    return Proximity(*(float(psnr(real, x.clamp(0, 1)).mean()) for x in shown))


Measures = dict[str, Callable[[Tensor], Tensor]]


def effects_of_steering(
    decode: Decode, steering: Steering, z: Tensor, amount: float, more: Measures | None = None
) -> list[EffectSize]:
    """What steering codes z (B, *code) by an amount does to every attribute there is.

    The change is half of that from −amount to +amount.

    Args:
        more: other attributes than ``ATTRIBUTES``, such as a label's regression.
    """
    low, high = steer(decode, steering, z, torch.tensor([-amount, amount]))
    return _effects(low, high, decode(z), more)


def effects_of_transform(
    transform: Transform, pictures: Tensor, amount: float, more: Measures | None = None
) -> list[EffectSize]:
    """The same of the transform itself, on pictures (N, C, H, W): what steering would ideally do."""
    low, high = (transform(pictures, torch.full((len(pictures),), t)) for t in (-amount, amount))
    return _effects(low, high, pictures, more)


def _effects(low: Tensor, high: Tensor, at: Tensor, more: Measures | None) -> list[EffectSize]:
    found = []
    for name, measure in {**ATTRIBUTES, **(more or {})}.items():
        moved = (change(name, measure(low), measure(high)) / 2).double()
        own = measure(at).double()
        spread = float(own.std()) if len(own) > 1 else math.nan
        deviation = float(moved.std()) if len(moved) > 1 else math.nan
        size = float(moved.mean()) / spread if spread > 0 else math.nan
        found.append(EffectSize(name, float(moved.mean()), deviation, size))
    return found


def probe(pictures: Tensor, values: Tensor) -> tuple[Callable[[Tensor], Tensor], float]:
    """A label read off pixels by ridge regression, and its R² on a half that it was not fitted to.

    It knows nothing of codes, so that it can say whether steering changed the label.
    """
    from sklearn.linear_model import RidgeCV

    def rows(x: Tensor) -> Any:
        side = (min(32, x.shape[2]), min(32, x.shape[3]))
        return torch.nn.functional.adaptive_avg_pool2d(x, side).flatten(1).double().numpy()

    half = len(pictures) // 2
    x, y = rows(pictures), values.double().numpy()
    ridge = RidgeCV(alphas=[0.1, 1.0, 10.0, 100.0, 1000.0])
    score = float(ridge.fit(x[:half], y[:half]).score(x[half:], y[half:]))
    ridge.fit(x, y)
    return lambda shown: torch.from_numpy(ridge.predict(rows(shown))), score
