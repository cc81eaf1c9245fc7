"""Disentangle: does a unit of a code stand for one thing of which pictures are made?

pictures of known factors ──each encoder──► codes (N, D) ──measures/disentanglement──► five measures
                                                         └─meanings──► unit 3: x, 0.71 of it

``traverse`` in the order of ``factor_alignments`` shows the same to the eye.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..autoencoder import Autoencoder
from ..images import Source, known_factors
from ..images.views import Subset
from ..measures import Disentanglement, disentanglement
from ..randomness import permutation
from .classifiers import baseline_features, untrained
from .embedding import code_rows

__all__ = ["FactorAlignment", "baseline_encoders", "disentangle", "factor_alignments"]

Rows = Callable[[torch.Tensor], Any]
Progress = Callable[[int, int], None]

PICTURES = 10_000  # Locatello et al. 2019
FEWEST = 2_000  # so that 40 values have some pictures each
LARGEST = 128  # units; the forests take half a minute for each 64 of them


@dataclass(frozen=True)
class FactorAlignment:
    """The factor that a unit tells most of.

    Attributes:
        unit: its position in the flattened code.
        factor: the name.
        share: what it tells, as a share of the factor's entropy.
    """

    unit: int
    factor: str
    share: float


def baseline_encoders(model: Autoencoder, train: Source, *, seed: int = 0) -> dict[str, Rows]:
    """A model's encoder beside PCA with as many numbers, and beside itself before its training.

    Args:
        model: its mean codes are taken.
        train: pictures that PCA is fitted to.
        seed: of the weights before the training, and of PCA's.
    """

    def by(model: Autoencoder) -> Rows:
        return lambda x: model.encode(x).z.flatten(1)

    others = baseline_features(
        train, math.prod(model.code_shape), by(untrained(model, seed)), seed=seed
    )
    return {"model": by(model), **{name: f for name, f in others.items() if name != "raw pixels"}}


def disentangle(
    encoders: Mapping[str, Rows],
    images: Source,
    *,
    pictures: int = PICTURES,
    seed: int = 0,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> dict[str, Disentanglement]:
    """The five measures of several encoders on the same pictures, by name.

    Args:
        encoders: by name, functions of pictures (B, C, H, W) to codes (B, *code), such as those of
            ``baseline_encoders``.
        images: sprites, or some of them.
        pictures: at most so many of them, drawn by the seed.
        seed: of that draw and of the measures'.
        progress: called with (done, total) steps.

    Raises:
        ValueError: pictures whose factors are not known, codes of more than 128 numbers, or too few
            pictures for the values of the factors.
    """
    if known_factors(images) is None:
        raise ValueError(
            "single units are measured on pictures whose factors are known, such as sprites"
        )
    chosen = Subset(images, permutation(seed, "disentangle", len(images))[:pictures].sort().values)
    known = known_factors(chosen)
    assert known is not None
    parts = torch.split(torch.arange(len(chosen)), batch_size)
    total = len(parts) + 5 * len(encoders)
    codes: dict[str, list[Any]] = {name: [] for name in encoders}
    for number, part in enumerate(parts):
        x = chosen.batch(part)
        for name, encode in encoders.items():
            rows = code_rows(encode(x))
            if rows.shape[1] > LARGEST:
                raise ValueError(
                    f"single units are measured in codes of at most {LARGEST} numbers; "
                    f"those of {name} have {rows.shape[1]:,}"
                )
            codes[name].append(torch.from_numpy(rows))
        if progress is not None:
            progress(number + 1, total)
    found: dict[str, Disentanglement] = {}
    for name, pieces in codes.items():
        before = len(parts) + 5 * len(found)

        def moved(done: int, _: int, before: int = before) -> None:
            if progress is not None:
                progress(before + done, total)

        found[name] = disentanglement(
            torch.cat(pieces),
            known.steps,
            categorical=known.categorical,
            seed=seed,
            progress=moved,
        )
    return found


def factor_alignments(found: Disentanglement, names: Sequence[str]) -> list[FactorAlignment]:
    """Each unit's factor: units of one factor together, in the order of ``names``, the clearest first.

    Args:
        found: the measures of codes of D units.
        names: of the F factors.

    Raises:
        ValueError: not a name for each factor.
    """
    units, factors = found.information.shape
    if len(names) != factors:
        raise ValueError(f"a name for each of {factors} factors was wanted; we got {len(names)}")
    best = found.information.argmax(1)
    all_of_them = [
        FactorAlignment(unit, names[best[unit]], float(found.information[unit, best[unit]]))
        for unit in range(units)
    ]
    return sorted(all_of_them, key=lambda each: (list(names).index(each.factor), -each.share))
