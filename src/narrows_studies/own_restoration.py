"""Faces restored, beside what restores them without a network.

clean ──spoiled──► given ──model──► ours        one model for each kind of harm, by narrows denoise, upscale, inpaint
                     └──each baseline──► others   its linear beginning among them
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.kernel_ridge import KernelRidge
from torch import Tensor

from narrows.applications import (
    MODEL,
    Restored,
    by_model,
    denoise_batch,
    denoising_baselines,
    inpaint_batch,
    inpainting_baselines,
    upscale_batch,
)
from narrows.autoencoder import Autoencoder
from narrows.figures import methods
from narrows.images import split
from narrows.images.corruptions import GaussianNoise, Rectangle
from narrows.measures import Pca, Ridge, conditional_mean, psnr, wiener
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.recipes import denoiser, inpainter, upscaler
from narrows.training import Recipe, fit

from .experiment import Finding, Row, experiment
from .judges import pixels_of
from .lab import Lab, through
from .own_faces import SETS, SIZE, Faces, faces, mirrored, resized
from .verdicts import Verdict, verdict_of

__all__ = [
    "EXPERIMENTS",
    "FACTOR",
    "MARGIN",
    "NETWORK",
    "STEPS",
    "Change",
    "judge_restored",
    "sized",
]

SHAPE = (3, SIZE, SIZE)
FACTOR, SIGMA = 4, 0.3
HOLE = Rectangle()
INSIDE = (..., slice(16, 48), slice(16, 48))
COMPONENTS = 600  # of the baselines
SHRINKAGES = (3e-4, 1e-3, 3e-3, 1e-2, 2e-2, 4e-2)  # added to every variance of a fitted Gaussian
STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
WIDTHS, KERNEL_STRENGTHS = (0.01, 0.03, 0.1, 0.3), (1e-3, 3e-3, 1e-2, 3e-2)
SHOWN = 8
MARGIN = 0.5  # dB over the best without a network
FEW, STEPS = 200, 40  # faces and steps of the small scale
NETWORK = {"channels": 16, "blocks": 2}  # of the small scale
RANK = 64  # of its affine map
MIRRORED = ", mirrored pictures too"
BEGINNING = "its linear beginning"

Change = Callable[[Tensor], Tensor]
Task = Callable[[Change, Tensor, Any], tuple[Restored, list[str]]]


def judge_restored(rows: Sequence[Row]) -> Verdict:
    """In every set ours is nearer by the margin than the best that needs no network."""
    return verdict_of(
        *(row.mean >= max(row.baselines.values()) + MARGIN for row in rows if "PSNR" in row.what)
    )


@experiment(
    "holes in faces",
    title="Faces with a hole in the middle",
    claim="A hole of 32×32 in the middle of a held-out face is filled nearer to the truth by at least 0.5 dB than by "
    "the best of the conditional Gaussian, kernel ridge regression and others that need no network.",
    data=SETS[:1],
    paper_data=SETS,
    judge=judge_restored,
)
def holes(lab: Lab) -> Finding:
    """PSNR in the hole, of held-out faces of two sets."""
    return _faces(lab, inpainter(SHAPE), _hole_filled, "PSNR in the hole")


@experiment(
    "small faces enlarged",
    title="Faces of 16×16 made 64×64",
    claim="Held-out faces of 16×16 are made four times larger, nearer to the truth by at least 0.5 dB than by the best of "
    "ridge regression, Lanczos and others that need no network.",
    data=SETS[:1],
    paper_data=SETS,
    judge=judge_restored,
)
def enlarged(lab: Lab) -> Finding:
    """PSNR of held-out faces of two sets."""
    return _faces(lab, upscaler(SHAPE, float(FACTOR)), _made_larger, "PSNR")


@experiment(
    "noise in faces",
    title="Faces under noise of σ = 0.3",
    claim="Noise of σ = 0.3 is taken out of held-out faces, which come nearer to the truth by at least 0.5 dB than by "
    "the best of Wiener filters, the cosine threshold and others that need no network.",
    data=SETS[:1],
    paper_data=SETS,
    judge=judge_restored,
)
def noise(lab: Lab) -> Finding:
    """PSNR of held-out faces of two sets."""
    return _faces(lab, denoiser(SHAPE, SIGMA), _noise_taken_out, "PSNR")


def _faces(lab: Lab, recipe: Recipe, task: Task, measure: str) -> Finding:
    recipe = _shifted(lab, recipe)
    rows, said, pictures, notes = [], [], {}, []
    for name in lab.of(small=SETS[:1], paper=SETS):
        of = faces(lab, name, 24 if lab.tiny else lab.of(small=FEW, paper=None))
        clean = pixels_of(of.held)
        viewed = _views_help(recipe, of, task)
        seen = of.viewed() if viewed else of.train
        scores: dict[str, dict[str, list[float]]] = {"mean": {}, "deviation": {}}
        minutes = []
        for seed in lab.seeds:
            trained = lab.model(recipe, seen, seed=seed)
            minutes.append(trained.seconds / 60)
            first = seed == lab.seeds[0]
            found, left = task(partial(through, trained.model), clean, of.train if first else None)
            if first:
                start = task(partial(through, _begun(recipe, seen, seed)), clean, None)[0]
                found = dataclasses.replace(found, others={**found.others, BEGINNING: start.output})
                notes += left
                pictures[f"{name}: held-out faces by each method"] = _sheet(found)
            for method, each in found.scores().items():
                value = each["psnr"]
                if method == MODEL or first:
                    scores["mean"].setdefault(method, []).append(float(value.mean()))
                    scores["deviation"].setdefault(method, []).append(
                        float(value.std(correction=0))
                    )
        ours = {key: each.pop(MODEL) for key, each in scores.items()}
        beside = {key: {k: v[0] for k, v in each.items()} for key, each in scores.items()}
        rows += [
            Row(f"{name}: {measure}", ours["mean"], "", beside["mean"], "dB", "higher"),
            Row(
                f"{name}: deviation over pictures", ours["deviation"], "", beside["deviation"], "dB"
            ),
        ]
        best = max(beside["mean"], key=lambda method: beside["mean"][method])
        said.append(
            f"{name}: {statistics.fmean(ours['mean']):.2f} dB on {len(clean)} held-out faces after "
            f"{statistics.fmean(minutes):.1f} minutes of training, {best} {beside['mean'][best]:.2f}"
            + (", begun and trained with views of the originals." if viewed else ".")
        )
    small = (
        f"At the small scale {FEW} faces of one set, a network of {NETWORK['channels']} channels beside an affine map of "
        f"rank {RANK}, and {STEPS} steps."
    )
    return Finding(
        judge_restored(rows),
        " ".join(said),
        pictures,
        rows,
        (*lab.of(small=(small,), paper=()), CHOSEN, *dict.fromkeys(notes)),
    )


CHOSEN = "Numbers of the baselines, and whether views of the originals help, are chosen on a fifth of the training faces."


def _shifted(lab: Lab, recipe: Recipe) -> Recipe:
    """With small shifts of the pictures: they keep a small set from being learnt by heart."""
    moved = Part("chain", {"parts": (Part("flip"), Part("shift", {"reach": 2 / SIZE}))})
    recipe = sized(lab, recipe.with_(augmentation=moved, views=None))
    if lab.scale == "paper":
        return recipe
    return dataclasses.replace(recipe, ladder=recipe.ladder.with_(rank=RANK))


def sized(lab: Lab, recipe: Recipe) -> Recipe:
    """The recipe as it is, or of the small scale."""
    if lab.scale == "paper":
        return recipe
    recipe = dataclasses.replace(recipe, ladder=recipe.ladder.with_(**NETWORK))
    return recipe.with_(steps=STEPS, ema_decay=0.9)


def _begun(recipe: Recipe, pictures: Any, seed: int) -> Autoencoder:
    """The model with none of its steps taken: the best linear one."""
    return fit(recipe.with_(steps=0), pictures, seed=seed, report="quiet")


def _views_help(recipe: Recipe, of: Faces, task: Task) -> bool:
    """Whether the linear beginning is better with views, on a fifth of the training faces."""
    inner = of.inner()
    clean = pixels_of(inner.held)

    def score(pictures: Any) -> float:
        found = task(partial(through, _begun(recipe, pictures, 0)), clean, None)[0]
        return float(found.scores()[MODEL]["psnr"].mean())

    return score(inner.viewed()) > score(inner.train)


def _sheet(found: Restored) -> Any:
    assert found.clean is not None
    rows = {"original": found.clean, "as given": found.given, MODEL: found.output, **found.others}
    scores = {name: each["psnr"][:SHOWN].tolist() for name, each in found.scores().items()}
    return methods({name: x[:SHOWN].numpy() for name, x in rows.items()}, scores)


# ---- the three kinds of harm; baselines are fitted where there are pictures to fit them to -------------


def _hole_filled(change: Change, clean: Tensor, train: Any) -> tuple[Restored, list[str]]:
    hidden = HOLE(torch.ones(1, 1, SIZE, SIZE), Draws()) != 1
    baselines: dict[str, Any] = {}
    if train is not None:

        def score(pca: Pca, x: Tensor) -> float:
            filled = conditional_mean(pca, x, ~hidden).clamp(0, 1)
            return float(psnr(x[INSIDE], filled[INSIDE]).mean())

        plain, both = _chosen_gaussians(train, score)
        kernel = _chosen_kernel(train, hidden)
        baselines = {
            **inpainting_baselines(plain),
            f"conditional Gaussian{MIRRORED}": partial(conditional_mean, both),
            f"kernel ridge{MIRRORED}": lambda x, known: kernel(x),
        }
    fill = by_model(change)
    return inpaint_batch(fill, clean, hidden, SHAPE[1:], clean=clean, baselines=baselines)


def _chosen_kernel(train: Any, hidden: Tensor) -> Change:
    """Kernel ridge regression from what is known to what is hidden, with a Gaussian kernel.

    It is what a smooth map that need not be linear makes of so many pictures. Its width, as a share of the mean
    squared distance of two pictures, and its strength are those that do best on a fifth of them.
    """
    mask = hidden.expand(1, *SHAPE).flatten()

    def fitted(pictures: Any, width: float, strength: float) -> Change:
        flat = mirrored(pictures).pixels.flatten(1).numpy() / 255
        known, told = flat[:, ~mask], flat[:, mask].mean(0)
        mean = known.mean(0)
        gamma = width / (2 * np.square(known - mean).sum(1).mean())
        ridge = KernelRidge(kernel="rbf", alpha=strength, gamma=gamma)
        ridge.fit(known - mean, flat[:, mask] - told)

        def fill(x: Tensor) -> Tensor:
            out = x.flatten(1).clone()
            made = ridge.predict(out[:, ~mask].numpy() - mean) + told
            out[:, mask] = torch.from_numpy(made).to(out)
            return out.reshape(x.shape).clamp(0, 1)

        return fill

    inner = split(train, validation=0.2, seed=1)
    x = pixels_of(inner.validation)

    def score(width: float, strength: float) -> float:
        return float(psnr(x[INSIDE], fitted(inner.train, width, strength)(x)[INSIDE]).mean())

    pairs = [(width, strength) for width in WIDTHS for strength in KERNEL_STRENGTHS]
    return fitted(train, *max(pairs, key=lambda pair: score(*pair)))


def _made_larger(change: Change, clean: Tensor, train: Any) -> tuple[Restored, list[str]]:
    small = _small(clean)
    found = upscale_batch(change, small, FACTOR, SHAPE[1:], clean=clean).restored
    if train is None:
        return found, []
    inner = split(train, validation=0.2, seed=1)
    known, x = pixels_of(inner.train), pixels_of(inner.validation)

    def score(strength: float) -> float:
        ridge = Ridge.fit(_small(known), known, strength)
        return float(psnr(x, ridge(_small(x)).clamp(0, 1)).mean())

    every = pixels_of(train)
    ridge = Ridge.fit(_small(every), every, max(STRENGTHS, key=score))
    others = {
        **found.others,
        "bicubic, Pillow": _by_pillow(small, SIZE),
        "ridge regression": ridge(small).clamp(0, 1),
    }
    return dataclasses.replace(found, others=others), []


def _small(x: Tensor) -> Tensor:
    """16×16 pixels of each picture, by Pillow's bicubic filter, as a file of them would be."""
    return _by_pillow(x, SIZE // FACTOR)


def _by_pillow(x: Tensor, side: int) -> Tensor:
    return resized((x.clamp(0, 1) * 255).round().byte(), side).float() / 255


def _noise_taken_out(change: Change, clean: Tensor, train: Any) -> tuple[Restored, list[str]]:
    spoil = GaussianNoise(SIGMA)
    baselines: dict[str, Any] = {}
    if train is not None:

        def score(pca: Pca, x: Tensor) -> float:
            return float(psnr(x, wiener(pca, spoil(x, Draws(0, 1)), SIGMA).clamp(0, 1)).mean())

        plain, both = _chosen_gaussians(train, score)
        baselines = {
            **denoising_baselines(SIGMA, plain),
            f"PCA-Wiener{MIRRORED}": lambda x: wiener(both, x, SIGMA),
        }
    noisy = spoil(clean, Draws(0, 2))
    return denoise_batch(change, noisy, SHAPE[1:], clean=clean, baselines=baselines)


def _chosen_gaussians(train: Any, score: Callable[[Pca, Tensor], float]) -> tuple[Pca, Pca]:
    """Normal distributions of pictures, with the shrinkage that does best on a fifth of them: one fitted to the
    pictures, one also to their mirror images, as our models see them.
    """
    inner = split(train, validation=0.2, seed=1)
    held = pixels_of(inner.validation)

    def chosen(change: Callable[[Any], Any]) -> Pca:
        fitted = _gaussian(change(inner.train))
        best = max(SHRINKAGES, key=lambda amount: score(_shrunk(fitted, amount), held))
        return _shrunk(_gaussian(change(train)), best)

    return chosen(lambda pictures: pictures), chosen(mirrored)


def _gaussian(pictures: Any) -> Pca:
    limit = len(pictures)
    return Pca.fit(pictures, min(COMPONENTS, Pca.most(pictures, limit=limit)), limit=limit)


def _shrunk(pca: Pca, amount: float) -> Pca:
    """The covariance with ``amount`` added to its diagonal."""
    return dataclasses.replace(pca, variances=pca.variances + amount, rest=pca.rest + amount)


EXPERIMENTS = (holes, enlarged, noise)
