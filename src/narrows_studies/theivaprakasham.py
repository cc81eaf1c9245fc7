"""Theivaprakasham 2021: one variational autoencoder of digits that draws, denoises and finds anomalies."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows.applications import decoder, manifold
from narrows.figures import lines, picture_grid, picture_rows
from narrows.images.corruptions import GaussianNoise
from narrows.measures import Pca, nearest_rows, psnr, sharpness, wiener
from narrows.randomness import Draws, generator

from .experiment import Document, Finding, Row, by_name, experiment
from .lab import Lab, few
from .theivaprakasham_anomalies import anomaly_maps, histograms, reconstructions, roc
from .theivaprakasham_control import controlled
from .theivaprakasham_digits import (
    ANOMALY,
    PLANE,
    SET,
    WIDE,
    deviations,
    known_digits,
    test,
    train,
    vae,
)
from .theivaprakasham_related import related
from .verdicts import Verdict, verdict_of

__all__ = ["DOCUMENT"]

SIDE = 20
ONE_DEVIATION, TWO_DEVIATIONS = 0.682689, 0.954500  # the share of a normal unit between ±1, ±2
SEEN = 0.01  # of the square's pictures, from which a digit counts as shown on it
SPREADS = (0.0, 0.25, 0.5, 1.0)
NOISE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5)
MODERATE, EXTREME = 0.5, 1.5


def judge_square(rows: Sequence[Row]) -> Verdict:
    """Eight digits lie between −1 and 1, drawings are nearer to real digits than those of PCA's plane, and
    reconstructions have less than 0.8 of the original's edges."""
    row = by_name(rows)
    away = row["distance of a drawing to the nearest training picture"]
    return verdict_of(
        row["digits shown between −1 and 1"].mean >= 8,
        away.mean < away.baselines["PCA"],
        row["sharpness of reconstructions (1 is the original's)"].mean < 0.8,
    )


@experiment(
    "figure 4.1",
    title="The plane of the code as a square of digits",
    claim="With values of the code from −1 to 1 the decoder draws a manifold of digits; the pictures "
    "are blurred (§4.1.1).",
    data=(SET,),
    judge=judge_square,
)
def figure_4_1(lab: Lab) -> Finding:
    """The squares of ±1 and ±2 deviations; what the nearest training picture of each place is called."""
    images, x = train(lab), few(test(lab), 1000)
    real = few(images, len(images)).flatten(1)
    labels = np.asarray(images.label)
    pca = Pca.fit(images, PLANE)

    def linear(z: Tensor) -> Tensor:
        return pca.decode(z).clamp(0, 1)

    def judged(drawn: Tensor) -> tuple[float, float]:
        away, at = nearest_rows(drawn.flatten(1), real)
        counts = np.bincount(labels[at].astype(int), minlength=10)
        return float((counts >= SEEN * len(drawn)).sum()), float(away.mean())

    flat = manifold(linear, torch.zeros(PLANE), pca.variances.sqrt(), SIDE, share=ONE_DEVIATION)
    base_kinds, base_away = judged(flat.pictures)
    usual = float(nearest_rows(x.flatten(1), real)[0].mean())
    kinds, wider, away, blur = [], [], [], []
    pictures: dict[str, Any] = {}
    for seed in lab.seeds:
        model = vae(lab, images, PLANE, seed).model
        mean, deviation = torch.zeros(PLANE), torch.ones(PLANE)
        near, far = (
            manifold(decoder(model), mean, deviation, SIDE, share=share)
            for share in (ONE_DEVIATION, TWO_DEVIATIONS)
        )
        found = judged(near.pictures)
        kinds.append(found[0])
        away.append(found[1])
        wider.append(judged(far.pictures)[0])
        blur.append(float(sharpness(x, model.reconstruct(x)).nanmedian()))
        if not pictures:
            pictures = {
                "Figure 4.1: both units from −1 to 1": picture_grid(near.pictures, SIDE),
                "The same from −2 to 2": picture_grid(far.pictures, SIDE),
                "The plane of PCA, ±1 deviation": picture_grid(flat.pictures, SIDE),
            }
    flat_blur = float(sharpness(x, pca.reconstruct(x).clamp(0, 1)).nanmedian())
    mean_kinds, mean_away = statistics.fmean(kinds), statistics.fmean(away)
    rows = [
        Row("digits shown between −1 and 1", kinds, "", {"PCA": base_kinds}, "of 10"),
        Row("digits shown between −2 and 2", wider, "", {}, "of 10"),
        Row(
            "distance of a drawing to the nearest training picture",
            away,
            "",
            {"PCA": base_away, "test digits": usual},
        ),
        Row("sharpness of reconstructions (1 is the original's)", blur, "", {"PCA": flat_blur}),
    ]
    words = (
        f"Between −1 and 1 lie {mean_kinds:.1f} of the ten digits and between −2 and 2 "
        f"{statistics.fmean(wider):.1f} (told by the nearest training picture); the drawings are "
        f"{mean_away:.2f} from it, those of PCA's plane {base_away:.2f}, test digits {usual:.2f}. "
        f"Reconstructions have {statistics.fmean(blur):.2f} of the original's energy of edges "
        f"({'they are blurred' if statistics.fmean(blur) < 0.8 else 'hardly blurred'}); PCA's of two "
        f"numbers {flat_blur:.2f}."
    )
    square = "Places are those that a normal unit reaches equally often, not equal steps."
    return Finding(judge_square(rows), words, pictures, rows, deviations(lab, square))


def judge_moments(rows: Sequence[Row]) -> Verdict:
    """The larger the noise around a mean, the more it changes pixels; another mean changes them too."""
    step, *by_noise = rows
    moved = [row.mean for row in by_noise]
    return verdict_of(moved == sorted(moved), step.mean > 0)


@experiment(
    "figure 4.2",
    title="Digits by mean and variance",
    claim="Varying the mean and the variance of the code's vector gives other digits.",
    data=(SET,),
    judge=judge_moments,
)
def figure_4_2(lab: Lab) -> Finding:
    """Along a line of means, and around each with more and more of the same noise."""
    images = train(lab)
    means = torch.stack([torch.linspace(-1, 1, 9), torch.zeros(9)], 1)
    noise = torch.randn(32, 9, PLANE, generator=generator(0, "figure 4.2"))
    moved: dict[float, list[float]] = {spread: [] for spread in SPREADS[1:]}
    steps: list[float] = []
    shown: list[tuple[str, Tensor]] = []
    for seed in lab.seeds:
        decode = decoder(vae(lab, images, PLANE, seed).model)
        still = decode(means)
        steps.append(_change(still[1:], still[:-1]))
        for spread in SPREADS[1:]:
            drawn = decode((means + spread * noise).flatten(0, 1)).reshape(32, *still.shape)
            moved[spread].append(_change(drawn, still.expand_as(drawn)))
            if seed == lab.seeds[0]:
                shown.append((f"σ = {spread:g}", drawn[0]))
        if seed == lab.seeds[0]:
            shown.insert(0, ("σ = 0", still))
    by = {spread: statistics.fmean(values) for spread, values in moved.items()}
    rows = [Row("change of a pixel from one mean to the next, 0.25 apart", steps)]
    rows += [Row(f"change of a pixel by noise of σ = {spread:g}", moved[spread]) for spread in by]
    grows = list(by.values()) == sorted(by.values())
    words = (
        f"A step of 0.25 of the mean changes a pixel by {statistics.fmean(steps):.3f} (root mean "
        "square); noise around the mean changes it by "
        + ", ".join(f"{value:.3f} (σ = {spread:g})" for spread, value in by.items())
        + (
            ": the larger the variance, the further the drawings lie from the one at the mean."
            if grows
            else "."
        )
    )
    pictures = {
        "Figure 4.2: the first unit's mean from −1 to 1 (columns), the spread around it (rows)": (
            picture_rows(shown, [f"{m:g}" for m in means[:, 0].tolist()], corner="mean")
        )
    }
    return Finding(judge_moments(rows), words, pictures, rows, deviations(lab))


def _change(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().mean().sqrt())


def judge_noise(rows: Sequence[Row]) -> Verdict:
    """Digits of moderate noise come back nearer than they were given, those of extreme noise by more than
    3 dB worse than clean ones, and nines worse where none was trained."""
    row = by_name(rows)
    clean, moderate, extreme = (
        row[f"VAE, {WIDE} units, σ = {sigma:g}"] for sigma in (0.0, MODERATE, EXTREME)
    )
    knows, anomalous = (
        row[f"nines, trained {how}, σ = {MODERATE:g}"]
        for how in ("on all digits", f"without {ANOMALY}")
    )
    return verdict_of(
        moderate.mean > moderate.baselines["as given"],
        extreme.mean < clean.mean - 3,
        anomalous.mean < knows.mean,
    )


@experiment(
    "figure 4.3",
    title="Noise, its limit, and a digit that was not trained",
    claim="A model trained on clean digits gives back the digit of a noisy one, even of moderate to "
    "high noise; not of extreme noise, and only of digits that it was trained on (§4.2.1).",
    data=(SET,),
    judge=judge_noise,
)
def figure_4_3(lab: Lab) -> Finding:
    """PSNR against the level of noise, and on nines by models that know them and that do not."""
    images, judged = train(lab), test(lab)
    x = few(known_digits(judged), 500)
    nines = few(judged.select(judged.label == ANOMALY), 500)
    pca = Pca.fit(images, min(200, Pca.most(images)))
    level: dict[str, dict[str, list[list[float]]]] = {"digits": {}, "nines": {}}
    shown: list[tuple[str, Tensor]] = []

    def note(panel: str, name: str, values: list[float]) -> None:
        level[panel].setdefault(name, []).append(values)

    for seed in lab.seeds:
        noisy = {
            sigma: GaussianNoise(sigma, clip=True)(x, Draws(seed, i))
            for i, sigma in enumerate(NOISE)
        }
        note("digits", "as given", [_decibels(x, y) for y in noisy.values()])
        note("digits", "PCA-Wiener", [_decibels(x, wiener(pca, y, s)) for s, y in noisy.items()])
        for units in (PLANE, WIDE):
            model = vae(lab, images, units, seed).model
            name = f"VAE, {units} units"
            note("digits", name, [_decibels(x, model.reconstruct(y)) for y in noisy.values()])
            if seed == lab.seeds[0] and units == WIDE:
                for sigma in (MODERATE, EXTREME):
                    shown += [
                        (f"noise, σ = {sigma:g}", noisy[sigma][:10]),
                        ("denoised", model.reconstruct(noisy[sigma][:10])),
                    ]
        of_nines = [
            GaussianNoise(sigma, clip=True)(nines, Draws(seed, i)) for i, sigma in enumerate(NOISE)
        ]
        for name, pictures in (
            ("trained on all digits", images),
            (f"trained without {ANOMALY}", known_digits(images)),
        ):
            model = vae(lab, pictures, WIDE, seed).model
            note("nines", name, [_decibels(nines, model.reconstruct(y)) for y in of_nines])

    mean = {
        panel: {name: np.mean(runs, 0) for name, runs in curves.items()}
        for panel, curves in level.items()
    }
    at = {sigma: NOISE.index(sigma) for sigma in (0.0, MODERATE, EXTREME)}
    ours, given, linear = (
        mean["digits"][n] for n in (f"VAE, {WIDE} units", "as given", "PCA-Wiener")
    )
    knows, anomalous = mean["nines"].values()
    rows = []
    for sigma, i in at.items():
        base = {"as given": given[i], "PCA-Wiener": linear[i]}
        rows += [
            Row(f"{name}, σ = {sigma:g}", [run[i] for run in runs], "", base, "dB", better="higher")
            for name, runs in level["digits"].items()
            if name.startswith("VAE")
        ]
    rows += [
        Row(f"nines, {name}, σ = {MODERATE:g}", [run[at[MODERATE]] for run in runs], "", {}, "dB")
        for name, runs in level["nines"].items()
    ]
    i, j = at[MODERATE], at[EXTREME]
    words = (
        f"At σ = {MODERATE:g} the VAE of {WIDE} units gives {ours[i]:.1f} dB of pictures that came "
        f"with {given[i]:.1f}, at σ = {EXTREME:g} {ours[j]:.1f} dB ({given[j]:.1f} given; {ours[0]:.1f} "
        f"without noise). Nines come back with {anomalous[i]:.1f} dB "
        f"where none was trained, with {knows[i]:.1f} where they were. The best linear filter, which "
        f"is told σ, gives {linear[i]:.1f} and {linear[j]:.1f} dB: "
        f"{'less' if linear[i] < ours[i] else 'more'} than the VAE at σ = {MODERATE:g}."
    )
    pictures = {
        f"Figure 4.3: noisy digits and what {WIDE} units make of them": picture_rows(
            [("original", x[:10]), *shown]
        ),
        "The limit: PSNR by the standard deviation of the noise": lines(
            {
                "Digits 0 to 8": {n: (NOISE[1:], v[1:]) for n, v in mean["digits"].items()},
                f"Nines, {WIDE} units": {n: (NOISE, v) for n, v in mean["nines"].items()},
            },
            "standard deviation of the noise (PSNR in dB)",
        ),
    }
    more = "Noise is normal and cut to [0, 1]; the document does not say which it added."
    return Finding(judge_noise(rows), words, pictures, rows, deviations(lab, more))


def _decibels(x: Tensor, back: Tensor) -> float:
    return float(psnr(x, back.clamp(0, 1)).mean())


DOCUMENT = Document(
    "theivaprakasham-2021",
    "Applications of Variational Autoencoders",
    "H. Theivaprakasham, 2021",
    "Report, M.Tech Data Science, Amrita Vishwa Vidyapeetham, Coimbatore",
    (
        related,
        controlled,
        figure_4_1,
        figure_4_2,
        figure_4_3,
        reconstructions,
        anomaly_maps,
        histograms,
        roc,
    ),
    {
        "figure 3.1": "samples of MNIST",
        "figure 3.2": "a diagram of the encoder",
        "figure 3.3": "a diagram of the decoder",
    },
)
