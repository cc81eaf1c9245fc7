"""A class for each pixel of a street: a small SegNet, its classes' weights and views chosen on other pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from narrows.applications import segment_batch
from narrows.figures import overlays
from narrows.images import Masked, stacked
from narrows.measures import (
    class_weights,
    intersection_over_union,
    pixel_confusion,
    position_prior,
)
from narrows.parts import Part
from narrows.recipes.lingrand import lingrand_2021_segmentation
from narrows.training import Recipe

from .experiment import Experiment, Finding, Row, experiment
from .lab import Lab, places
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS"]

ROADS, SIZE = "camvid", (60, 80)
POWERS = {"median": 1.0, "root of median": 0.5, "none": 0.0}  # of median frequency balancing
VARIED = {
    "flip, shift": (Part("flip"), Part("shift")),
    "flip, warp": (Part("flip"), Part("warp", {"turn": 4, "zoom": 0.25, "shift": 0.1})),
}
CANDIDATES = (
    ("median", "flip, shift"),
    ("root of median", "flip, shift"),
    ("none", "flip, shift"),
    ("root of median", "flip, warp"),
)
MEAN = "mean intersection over union"
PRIOR = "most frequent class of each place"
ABOVE = 0.1  # of intersection over union


def judge_roads(rows: Sequence[Row]) -> Verdict:
    """After the longest training well above the blind guess on average, and of no class below it."""
    longest = rows[-1].what.rpartition(", ")[2]
    each = [row for row in rows if row.what.endswith(f", {longest}")]
    (mean,) = (row for row in each if row.what.startswith(MEAN))
    return verdict_of(
        mean.mean >= mean.baselines[PRIOR] + ABOVE,
        all(row.mean >= row.baselines[PRIOR] for row in each),
    )


@experiment(
    "streets",
    title="A class for each pixel of a street",
    claim="A small SegNet that learnt from 74 pictures has on test pictures a mean intersection over union at least "
    f"{ABOVE} above that of the most frequent class of each place, and of none of the eleven classes a lower one.",
    data=(ROADS,),
    judge=judge_roads,
)
def streets(lab: Lab) -> Finding:
    """Intersection over union by the length of training; every length is a training of its own."""
    train, held, test = (lab.masked(ROADS, part, SIZE) for part in ("train", "validation", "test"))
    lengths = lab.of(small=(1, 3), paper=(4, 12, 40))
    tried = {way: _measured(lab, train, held, way, lengths[1], 100)[0] for way in CANDIDATES}
    means = {way: float(each.mean()) for way, each in tried.items()}
    chosen = max(means, key=means.__getitem__)
    base = _judged(test, position_prior(train.masks, len(test.names)).expand(test.masks.shape))
    found: dict[int, list[Mapping[str, float]]] = {}
    shown = test.masks
    for epochs in lengths:
        for seed in lab.seeds:
            each, guess = _measured(lab, train, test, chosen, epochs, seed)
            found.setdefault(epochs, []).append(_by_class(each, test.names))
            if seed == lab.seeds[0]:
                shown = guess  # of the longest training in the end
    rows = roads_rows(found, _by_class(base, test.names))
    at = places(len(test.images), 4)
    drawn = {"truth": test.masks[at].numpy(), "SegNet": shown[at].numpy()}
    figure = overlays(test.images.pixels[at].float() / 255, drawn, test.names)
    told = ", ".join(f"{' and '.join(way)} {value:.3f}" for way, value in means.items())
    return Finding(
        judge_roads(rows),
        roads_words(rows),
        {"Test scenes and the class of each pixel": figure},
        rows,
        (
            f"Chosen on the validation part after {lengths[1]} passes, by the classes' weights and the pictures' "
            f"variation: {told}.",
            *lab.of(small=("At most 3 passes.",), paper=()),
        ),
    )


def roads_rows(
    found: Mapping[int, Sequence[Mapping[str, float]]], prior: Mapping[str, float]
) -> list[Row]:
    """The mean and every class, by the passes."""
    return [
        Row(
            f"{what}, {epochs} passes",
            [one[what] for one in runs],
            "",
            {PRIOR: base},
            better="higher",
        )
        for epochs, runs in found.items()
        for what, base in prior.items()
    ]


def roads_words(rows: Sequence[Row]) -> str:
    """The mean by the length of training, beside the blind guess."""
    means = [row for row in rows if row.what.startswith(MEAN)]
    said = ", ".join(f"{row.mean:.3f} after {row.what.rpartition(', ')[2]}" for row in means)
    return f"{MEAN[:1].upper()}{MEAN[1:]}: {said}; {PRIOR} {means[0].baselines[PRIOR]:.3f}."


def _recipe(train: Masked, way: tuple[str, str]) -> Recipe:
    count = len(train.names)
    each = class_weights(train.masks, count) ** POWERS[way[0]]
    recipe = lingrand_2021_segmentation(train.images.shape, count, weights=each.tolist())
    return recipe.with_(augmentation=Part("chain", {"parts": VARIED[way[1]]}))


def _measured(
    lab: Lab, train: Masked, other: Masked, way: tuple[str, str], epochs: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Each class's intersection over union on other pictures, and the classes that were found there."""
    recipe = _recipe(train, way).with_(epochs=float(epochs))
    model = lab.model(recipe, stacked(train), seed=seed).model
    with model.evaluating():
        x = other.images.pixels.float() / 255
        found = segment_batch(model, x, len(train.names), SIZE).classes
    return _judged(other, found), found


def _judged(given: Masked, found: Tensor) -> Tensor:
    return intersection_over_union(pixel_confusion(given.masks, found, len(given.names)))


def _by_class(each: Tensor, names: Sequence[str]) -> dict[str, float]:
    return {MEAN: float(each.mean())} | dict(zip(names, each.tolist(), strict=True))


EXPERIMENTS: tuple[Experiment, ...] = (streets,)
