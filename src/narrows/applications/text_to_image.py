"""Caption to image, judged: do pictures that were drawn for a caption show what it says?

captions ──draw, decode──► pictures ──Judge, trained apart──► attributes ──► the share that agrees
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..images import Images, attributes, worded
from ..parts import Part
from ..priors import AggregateGaussian, CaptionFlow, sample_codes
from ..randomness import generator
from ..training import Phase, Recipe, fit
from .decoding import decoder

__all__ = [
    "AttributeClassifier",
    "PromptFidelity",
    "caption_to_image",
    "fit_attribute_classifier",
    "prompt_fidelity",
]

Array = np.ndarray[Any, Any]
Pictures = Callable[[Mapping[str, str], int], Tensor]

NOT_JUDGED = ("direction",)  # most captions do not say it
BETWEEN = " · "
ROLLS = 1 << 30


@dataclass(frozen=True)
class AttributeClassifier:
    """A classifier of what pictures show; calling it with pictures gives attribute → names (N,).

    Attributes:
        names: of the attributes, in the order of its classes' parts.
        model: an encoder with a softmax beside it, one class for each combination of attributes.
    """

    names: tuple[str, ...]
    model: Any

    def __call__(self, pictures: Any) -> dict[str, Array]:
        softmax = self.model.auxiliary["softmax"]
        codes = self.model.encode(pictures).z
        with torch.no_grad():
            chosen = softmax(codes.to(self.model.device)).argmax(1).tolist()
        parts = np.array([softmax.labels[i].split(BETWEEN) for i in chosen])
        return {name: parts[:, i] for i, name in enumerate(self.names)}


@dataclass(frozen=True)
class PromptFidelity:
    """How far pictures agree with the attributes that they were drawn for.

    Attributes:
        name: where the pictures come from.
        pictures: how many were judged.
        share: of those with every attribute right.
        error: its standard error.
        each: attribute → the share that is right in it.
        worst: the combination of attributes with the least share, and that share.
        variety: mean squared distance of two pictures of the same combination beside that of real
            ones; 0 where all look alike.
    """

    name: str
    pictures: int
    share: float
    error: float
    each: dict[str, float]
    worst: tuple[str, float]
    variety: float


def fit_attribute_classifier(
    images: Images,
    *,
    widths: Sequence[int] = (16, 32, 64),
    epochs: float = 3,
    seed: int = 0,
    to: Path | str | None = None,
    device: str = "auto",
    report: str = "quiet",
) -> AttributeClassifier:
    """Train a small convolutional classifier of all that is known of pictures, jointly.

    Args:
        images: others than those of the model that it is to judge, where there are enough.
        widths, epochs, seed, to, device, report: of its training; a run that is there is gone on with.

    Raises:
        ValueError: nothing is known of the pictures.
    """
    known = _judged(images)
    joint = np.array([BETWEEN.join(row) for row in zip(*known.values(), strict=True)])
    phase = Phase(
        epochs=epochs,
        batch_size=128,
        learning_rate=2e-3,
        scheme=Part("encoder"),
        bound=Part("softmax", {"classes": len(set(joint.tolist()))}),
    )
    ladder = {"shape": images.shape, "widths": tuple(widths), "activation": "silu", "norm": "batch"}
    recipe = Recipe(
        "judge", Part("conv", ladder), Part("point", {"size": 64}), Part("mse"), (phase,)
    )
    labelled = Images(images.pixels, labels={"attributes": joint}, name=images.name)
    model = fit(
        recipe, labelled, to=to, resume=to is not None, seed=seed, device=device, report=report
    )
    return AttributeClassifier(tuple(known), model)


def prompt_fidelity(
    name: str,
    pictures: Pictures,
    judge: AttributeClassifier,
    combinations: Sequence[Mapping[str, str]],
    each: int,
    spreads: Mapping[int, float] | None = None,
) -> PromptFidelity:
    """Judge pictures of every combination of attributes.

    Args:
        name: where they come from.
        pictures: from a combination and a number to pictures (n, C, H, W) of it.
        combinations: attribute → word, each.
        each: how many pictures are asked for of each; fewer may be given.
        spreads: of each combination, the mean squared distance of two real pictures of it.
    """
    right: list[Array] = []
    shares, varieties = [], []
    for number, wanted in enumerate(combinations):
        drawn = pictures(wanted, each)
        found = judge(drawn)
        agrees = np.stack([found[key] == wanted[key] for key in judge.names], 1)  # (n, attributes)
        right.append(agrees)
        shares.append((BETWEEN.join(wanted.values()), float(agrees.all(1).mean())))
        if spreads is not None and spreads[number] > 0:
            varieties.append(spread_of(drawn) / spreads[number])
    together = np.concatenate(right)
    share = float(together.all(1).mean())
    return PromptFidelity(
        name,
        len(together),
        share,
        math.sqrt(share * (1 - share) / len(together)),
        {key: float(together[:, i].mean()) for i, key in enumerate(judge.names)},
        min(shares, key=lambda pair: pair[1]),
        float(np.mean(varieties)) if varieties else float("nan"),
    )


def spread_of(pictures: Tensor) -> float:
    """Mean squared distance of two of n pictures, summed over pixels: twice their variance."""
    if len(pictures) < 2:
        return 0.0
    return 2 * float(pictures.double().flatten(1).var(0, correction=1).sum())


def caption_to_image(
    model: Any,
    prior: CaptionFlow,
    judge: AttributeClassifier,
    train: Images,
    held: Images,
    *,
    each: int = 100,
    wordings: int = 5,
    seed: int = 0,
) -> list[PromptFidelity]:
    """Canziani 2020, fig. 12, with a number: how many pictures show what their captions say.

    Pictures are drawn for full captions (those that say every attribute) in several wordings. Beside
    them stand, for the same attributes: draws without a caption (chance), the mean code of the
    training pictures (an average instead of one of many), one Gaussian of their codes, and, for
    what model and judge lose, held-out pictures through the model and as they are. Where a set is
    black and white only, so is what is judged: the likelier of both in each pixel, the mode of a
    Bernoulli likelihood.

    Args:
        model, prior: fitted to ``train``.
        judge: trained apart.
        held: pictures of neither; their combinations of attributes are asked for, those that
            ``train`` has too.
        each: pictures of every combination.
        wordings: captions of every combination.
        seed: of the wordings and the draws.
    """
    mean = decoder(model)
    some = held.batch(torch.arange(min(len(held), 256)))
    two = bool(((some == 0) | (some == 1)).all())
    codes = model.encode(train, 1, seed=seed).z[0]
    mine, theirs = _judged(train), _judged(held)
    known = set(_rows(mine))
    combinations = [dict(zip(theirs, row, strict=True)) for row in _rows(theirs) if row in known]

    def shown(x: Tensor) -> Tensor:
        return (x > 0.5).float() if two else x.clamp(0, 1)

    def decode(z: Tensor) -> Tensor:
        return shown(mean(z))

    def real(wanted: Mapping[str, str], n: int) -> Tensor:
        return held.batch(_where(theirs, wanted)[:n])

    def captioned(wanted: Mapping[str, str], n: int) -> Tensor:
        rolls = torch.randint(ROLLS, (wordings, 8), generator=generator(seed, "asked")).tolist()
        few = [n // wordings + (i < n % wordings) for i in range(wordings)]
        z = [
            sample_codes(model, prior, count, seed + i, caption=worded(wanted, roll, full=True))
            for i, (roll, count) in enumerate(zip(rolls, few, strict=True))
            if count
        ]
        return decode(torch.cat(z))

    def silent(wanted: Mapping[str, str], n: int) -> Tensor:
        number = combinations.index(dict(wanted))
        return decode(sample_codes(model, prior, n, seed + 1000 + number))

    def average(wanted: Mapping[str, str], n: int) -> Tensor:
        return decode(codes[_where(mine, wanted)].mean(0, keepdim=True))

    def gaussian(wanted: Mapping[str, str], n: int) -> Tensor:
        rows = codes[_where(mine, wanted)].flatten(1)
        one = AggregateGaussian(rows.shape[1]).fit(rows)
        return decode(one.sample(n, seed).reshape(n, *model.code_shape))

    def through(wanted: Mapping[str, str], n: int) -> Tensor:
        return shown(model.reconstruct(real(wanted, n)))

    spreads = {i: spread_of(real(wanted, each)) for i, wanted in enumerate(combinations)}
    sources: dict[str, Pictures] = {
        "captions": captioned,
        "no caption": silent,
        "mean code": average,
        "one Gaussian": gaussian,
        "held-out, reconstructed": through,
        "held-out pictures": real,
    }
    return [
        prompt_fidelity(name, pictures, judge, combinations, each, spreads)
        for name, pictures in sources.items()
    ]


def _judged(images: Any) -> dict[str, Array]:
    return {name: known for name, known in attributes(images).items() if name not in NOT_JUDGED}


def _rows(known: Mapping[str, Array]) -> list[tuple[str, ...]]:
    """The combinations that are there, in the order of the alphabet."""
    return sorted(set(zip(*(column.tolist() for column in known.values()), strict=True)))


def _where(known: Mapping[str, Array], wanted: Mapping[str, str]) -> Tensor:
    """The positions of pictures with all of these attributes."""
    there = [known[name] == word for name, word in wanted.items()]
    return torch.from_numpy(np.flatnonzero(np.logical_and.reduce(there)))
