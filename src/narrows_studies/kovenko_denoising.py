"""Kovenko & Bogach 2020, section 3.2: autoencoders that are trained to mend what was corrupted."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from narrows.applications import denoise_batch, denoising_baselines
from narrows.autoencoder import Autoencoder
from narrows.figures import methods
from narrows.images import Images
from narrows.images.corruptions import Corruption, DropoutMask, GaussianNoise, Warp
from narrows.measures import Pca, Ridge, conditional_mean, filters, psnr, squared_error
from narrows.parts import part_of
from narrows.randomness import Draws
from narrows.recipes import (
    kovenko_2020_autoencoder,
    kovenko_2020_denoising_dropout,
    kovenko_2020_denoising_gaussian,
)
from narrows.training import Recipe

from .experiment import Finding, Row, by_name, experiment
from .kovenko_faces import SET, Faces, Maker, deviations, faces, mse_of, trained
from .lab import Lab, through
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS"]

JUDGED = 100  # test faces: filters take their time
SHOWN = 6
COMPONENTS = 256  # of the linear restorers
SIGMA, RATE, DEGREES = 0.3, 0.3, 30.0
PLAIN = "not trained for it"
STRENGTHS = (1e-4, 1e-3, 1e-2)  # of the ridge, chosen on validation faces
Baselines = Mapping[str, Callable[[Tensor], Tensor]]


def _mended(
    lab: Lab,
    of: Faces,
    make: Maker,
    corruption: Corruption,
    baselines: Baselines,
    changed: Callable[[Recipe], Recipe] = lambda recipe: recipe,
) -> tuple[dict[str, list[float]], dict[str, float], Any]:
    """PSNR of both models by seed and of the rest, in dB, and a figure of the first faces."""
    x = of.x[:JUDGED]
    corrupted = corruption(x, Draws(0))
    size = (x.shape[2], x.shape[3])
    ours: dict[str, list[float]] = {"trained for it": [], PLAIN: []}
    rest: dict[str, float] = {}
    figure = None
    for seed in lab.seeds:
        mender = trained(lab, of, make, seed=seed, changed=changed).model
        plain = trained(lab, of, seed=seed).model
        first = figure is None
        out, _ = denoise_batch(
            partial(through, mender), corrupted, size, clean=x, baselines=baselines if first else {}
        )
        beside = through(plain, corrupted)
        found = {name: each["psnr"] for name, each in out.scores().items()}
        ours["trained for it"].append(float(found["model"].mean()))
        ours[PLAIN].append(float(psnr(x, beside).mean()))
        if first:
            rest = {name: float(each.mean()) for name, each in found.items() if name != "model"}
            best = max(out.others, key=lambda name: rest[name])
            rows = {
                "corrupted": corrupted,
                "autoencoder": out.output,
                PLAIN: beside,
                best: out.others[best],
            }
            shown = {name: each[:SHOWN].clamp(0, 1) for name, each in rows.items()}
            decibels = {name: psnr(x[:SHOWN], each).numpy() for name, each in shown.items()}
            figure = methods({**shown, "clear": x[:SHOWN]}, decibels)
    return ours, rest, figure


def _words(ours: Mapping[str, list[float]], rest: Mapping[str, float]) -> str:
    best = max((name for name in rest if name != "as given"), key=lambda name: rest[name])
    return (
        f"Corrupted faces have {rest['as given']:.1f} dB, the autoencoder that was trained for it "
        f"makes {statistics.fmean(ours['trained for it']):.1f} dB of them, one that was not "
        f"{statistics.fmean(ours[PLAIN]):.1f} dB; the best of the rest is {best} with "
        f"{rest[best]:.1f} dB"
    )


def _rows(ours: Mapping[str, list[float]], rest: Mapping[str, float]) -> list[Row]:
    return [
        Row("autoencoder trained for it", ours["trained for it"], "", rest, "dB", better="higher"),
        Row("autoencoder not trained for it", ours[PLAIN], "", {}, "dB"),
    ]


def judge_mended(rows: Sequence[Row]) -> Verdict:
    """Better than as given, and than the autoencoder that was not trained for it."""
    return verdict_of(*_facts(rows))


def _facts(rows: Sequence[Row]) -> tuple[bool, bool]:
    row = by_name(rows)
    ours = row["autoencoder trained for it"]
    plain = row["autoencoder not trained for it"]
    return ours.mean > ours.baselines["as given"], ours.mean > plain.mean


def _gap(model: Autoencoder, of: Faces) -> float:
    """Validation over training error, of faces that nothing was done to."""
    return mse_of(model, of.validation) / mse_of(model, of.train)


def judge_regularised(rows: Sequence[Row]) -> Verdict:
    """Mended, and the gap between validation and training is smaller with noise than without."""
    gap = by_name(rows)["validation ÷ training error"]
    return verdict_of(*_facts(rows), gap.mean < gap.baselines["without"])


@experiment(
    "figure 9",
    title="Gaussian noise taken out",
    claim="Trained on faces with normal noise of standard deviation 0.3, the autoencoder gives back "
    "the original ones, and the harder task regularises it.",
    data=(SET,),
    judge=judge_regularised,
)
def figure_9(lab: Lab) -> Finding:
    """Beside filters, the linear optimum and the autoencoder that never saw noise."""
    of = faces(lab)
    ours, rest, figure = _mended(
        lab,
        of,
        kovenko_2020_denoising_gaussian,
        GaussianNoise(SIGMA),
        denoising_baselines(SIGMA, of.pca(COMPONENTS)),
    )
    gaps: dict[str, list[float]] = {"with noise": [], "without": []}
    for seed in lab.seeds:
        noisy = trained(lab, of, kovenko_2020_denoising_gaussian, seed=seed)
        gaps["with noise"].append(_gap(noisy.model, of))
        gaps["without"].append(_gap(trained(lab, of, seed=seed).model, of))
    mean = {name: statistics.fmean(values) for name, values in gaps.items()}
    rows = [
        *_rows(ours, rest),
        Row("validation ÷ training error", gaps["with noise"], "", {"without": mean["without"]}),
    ]
    words = (
        f"{_words(ours, rest)}. The error on clean validation faces is {mean['with noise']:.3f} "
        f"times that on training faces, {mean['without']:.3f} times without noise in training."
    )
    return Finding(
        judge_regularised(rows),
        words,
        {"Figure 9: noisy faces, what is made of them, and the clear ones": figure},
        rows,
        deviations(lab, of),
    )


@experiment(
    "figure 10",
    title="Dropout at the input undone",
    claim="With dropout of rate 0.3 right after the input, the autoencoder gives back the clear face.",
    data=(SET,),
    judge=judge_mended,
)
def figure_10(lab: Lab) -> Finding:
    """Beside a median filter and the conditional mean of a normal distribution, which knows the mask."""
    of = faces(lab)
    pca = of.pca(COMPONENTS)
    ours, rest, figure = _mended(
        lab,
        of,
        kovenko_2020_denoising_dropout,
        DropoutMask(RATE),
        {
            "median 3×3": lambda x: filters.median(x, 3),
            "PCA that knows the mask": lambda x: conditional_mean(pca, x, x != 0),
        },
    )
    rows = _rows(ours, rest)
    return Finding(
        judge_mended(rows),
        _words(ours, rest) + ".",
        {"Figure 10: faces with dropout, what is made of them, and the clear ones": figure},
        rows,
        deviations(lab, of, "Values that are left keep their size; a dropout layer enlarges them."),
    )


@experiment(
    "§3.2 rotation",
    title="Rotated faces turned upright",
    claim="Data may be augmented with rotations too, and the model learns to undo them.",
    data=(SET,),
    judge=judge_mended,
)
def rotation(lab: Lab) -> Finding:
    """Turned by up to 30 degrees, beside the best linear map between the components of both."""
    of = faces(lab)
    turn = Warp(DEGREES, 0, 0)

    def upright(recipe: Recipe) -> Recipe:
        return recipe.with_(name="kovenko-2020-upright", corruption=part_of(turn))

    linear = _turned_back(of, turn)
    ours, rest, figure = _mended(
        lab, of, kovenko_2020_autoencoder, turn, {"ridge of components": linear}, upright
    )
    rows = _rows(ours, rest)
    return Finding(
        judge_mended(rows),
        _words(ours, rest) + ".",
        {"Faces turned by up to 30 degrees, what is made of them, and the upright ones": figure},
        rows,
        deviations(
            lab, of, "The angles are ours, even between ±30 degrees; the document shows none."
        ),
    )


def _turned_back(of: Faces, turn: Corruption) -> Callable[[Tensor], Tensor]:
    """A linear map from the components of turned faces to those of upright ones."""
    x, held = (part.batch(torch.arange(len(part))) for part in (of.train, of.validation))
    turned, held_turned = (turn(part, Draws(1)) for part in (x, held))
    pixels = (turned.clamp(0, 1) * 255).round().to(torch.uint8)
    k = min(COMPONENTS, Pca.most(of.train))
    before, after = Pca.fit(Images(pixels), k), of.pca(k)

    def codes(pca: Pca, pictures: Tensor) -> Tensor:
        return pca.encode(pictures)[:, None, None]

    def made(ridge: Ridge) -> Callable[[Tensor], Tensor]:
        def back(pictures: Tensor) -> Tensor:
            flat = torch.addmm(
                after.mean, ridge(codes(before, pictures)).flatten(1), after.components
            )
            return flat.reshape(-1, *after.shape)

        return back

    tried = [
        made(Ridge.fit(codes(before, turned), codes(after, x), strength)) for strength in STRENGTHS
    ]
    return min(tried, key=lambda back: float(squared_error(held, back(held_turned)).mean()))


EXPERIMENTS = (figure_9, figure_10, rotation)
