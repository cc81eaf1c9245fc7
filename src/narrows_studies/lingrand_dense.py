"""Lingrand 2021, part 1: dense autoencoders of clothes, the historic one, and what PCA has to do with it."""

from __future__ import annotations

import dataclasses
import math
import statistics
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from narrows.applications import decoder, untrained
from narrows.figures import comparison, lines, loss_curves, picture_rows
from narrows.measures import Directions, Pca, directions, mean_picture
from narrows.recipes import (
    hinton_2006_deep,
    linear_autoencoder,
    lingrand_2021_convolutional,
    lingrand_2021_multilayer,
    lingrand_2021_stacked,
    lingrand_2021_vanilla,
)
from narrows.training import Recipe

from .experiment import Finding, Row, experiment
from .lab import Lab, Trained, few
from .lingrand_pictures import (
    CLOTHES,
    DIGITS,
    deviations,
    linear_score,
    score,
    shorter,
    test,
    train,
)
from .verdicts import verdict_of

__all__ = ["apart", "convolutional", "historic", "multilayer", "pca_claim", "vanilla", "vanilla_model"]  # fmt: skip

UNITS, DEEP = 32, 10
SHOWN = 10
SCIENCE = "3.00"  # Hinton & Salakhutdinov 2006, squared error of a test digit, summed


def vanilla_model(lab: Lab, images: Any, seed: int) -> Trained:
    """784-32-784, relu and sigmoid."""
    return lab.model(shorter(lab, lingrand_2021_vanilla(images.shape, UNITS)), images, seed=seed)


def _silent(model: Any, x: Tensor) -> float:
    """Units of the code that are 0 for every picture."""
    z = model.encode(x).z.flatten(1)
    return float((z.abs().amax(0) < 1e-6).sum())


@experiment(
    "vanilla autoencoder",
    title="784-32-784 with its score",
    claim="One hidden layer, trained by the squared error, reconstructs clothes; it resembles PCA.",
    data=(CLOTHES,),
)
def vanilla(lab: Lab) -> Finding:
    """Her listing, its score on the test pictures, beside PCA of 32 numbers."""
    images, x = train(lab), few(test(lab))
    ours, silent = [], []
    pictures: dict[str, Any] = {}
    for seed in lab.seeds:
        trained = vanilla_model(lab, images, seed)
        back = trained.model.reconstruct(x)
        ours.append(score(x, back))
        silent.append(_silent(trained.model, x))
        if not pictures:
            pictures = {
                "Test pictures and what comes back": comparison(x[:8], back[:8]),
                "Loss by epoch": loss_curves(trained.records),
            }
    base = {
        f"PCA, {UNITS} numbers": linear_score(images, x, UNITS),
        "mean picture": score(x, mean_picture(images).expand_as(x)),
    }
    pca = base[f"PCA, {UNITS} numbers"]
    mean = statistics.fmean(ours)
    rows = [
        Row(
            "score: squared error per pixel",
            ours,
            "printed by the listing, not shown",
            base,
            better="lower",
        ),
        Row("units of the code that are silent", silent, "", {}, f"of {UNITS}"),
    ]
    words = (
        f"Her score is {mean:.5f} here; PCA of as many numbers has {pca:.5f} ({mean / pca:.2f} times "
        f"as much), the mean picture {base['mean picture']:.5f}. {statistics.fmean(silent):.1f} of the "
        f"{UNITS} relu units answer to no test picture."
    )
    facts = (mean < 0.5 * base["mean picture"], abs(mean / pca - 1) < 0.35)
    return Finding(verdict_of(*facts), words, pictures, rows, deviations(lab))


def _deep(lab: Lab, shape: Any) -> dict[str, Recipe]:
    """784-128-64-32-10 by every way of training it."""
    whole = shorter(lab, lingrand_2021_multilayer(shape, DEEP))
    layers = shorter(lab, lingrand_2021_stacked(shape, DEEP))
    free = layers.with_(ladder=layers.ladder.with_(tied=False))
    return {
        "at once, free": whole,
        "at once, tied": whole.with_(ladder=whole.ladder.with_(tied=True)),
        "by layers, tied": dataclasses.replace(layers, phases=layers.phases[:-1]),
        "by layers, then at once, tied": layers,
        "by layers, then at once, free": free,
    }


@experiment(
    "multilayer 128-64-32-10",
    "layer-wise against end-to-end",
    "tied against free",
    title="The deep autoencoder, by layers or at once, with symmetric weights or free ones",
    claim="Layers can be learnt one after the other, with weights that are symmetric; at once, they "
    "may differ.",
    data=(CLOTHES,),
)
def multilayer(lab: Lab) -> Finding:
    """Five trainings of 784-128-64-32-10."""
    images, x = train(lab), few(test(lab))
    errors: dict[str, list[float]] = {}
    silent: list[float] = []
    shown = [("original", x[:SHOWN])]
    size: dict[str, float] = {}
    for name, recipe in _deep(lab, images.shape).items():
        for seed in lab.seeds:
            model = lab.model(recipe, images, seed=seed).model
            back = model.reconstruct(x)
            errors.setdefault(name, []).append(score(x, back))
            size[name] = sum(p.numel() for p in model.parameters())
            if name == "at once, free":
                silent.append(_silent(model, x))
            if seed == lab.seeds[0]:
                shown.append((name, back[:SHOWN]))
    pca = linear_score(images, x, DEEP)
    base = {f"PCA, {DEEP} numbers": pca}
    rows = [
        Row(f"{name}: score", values, "", base, better="lower") for name, values in errors.items()
    ]
    rows.append(
        Row("units of the code that are silent, at once, free", silent, "", {}, f"of {DEEP}")
    )
    mean = {name: statistics.fmean(values) for name, values in errors.items()}
    alone, both = mean["by layers, tied"], mean["by layers, then at once, tied"]
    free, tied = mean["at once, free"], mean["at once, tied"]
    words = (
        f"At once and free the score is {free:.5f}, tied {tied:.5f} with "
        f"{size['at once, tied'] / size['at once, free']:.0%} of the weights. Layer by layer it is "
        f"{alone:.5f}, and {both:.5f} after a training of the whole (free: "
        f"{mean['by layers, then at once, free']:.5f}). PCA of {DEEP} numbers: {pca:.5f}. "
        f"{statistics.fmean(silent):.1f} of the {DEEP} relu units of the code are silent, which she "
        "prints as a relu too."
    )
    facts = (free < pca, alone < 2 * both, free <= tied)
    pictures = {"Test pictures through 784-128-64-32-10": picture_rows(shown)}
    more = "Each layer gets a fifth of the whole's epochs; the text gives no number."
    return Finding(verdict_of(*facts), words, pictures, rows, deviations(lab, more))


@experiment(
    "encoder and decoder apart",
    title="The encoder and the decoder used apart",
    claim="The two halves of the trained network are models of their own: pictures to codes, and "
    "codes to pictures.",
    data=(CLOTHES,),
)
def apart(lab: Lab) -> Finding:
    """Codes of pictures, pictures of codes, and pictures of codes that were never a picture's."""
    images, x = train(lab), few(test(lab))
    recipe = _deep(lab, images.shape)["at once, free"]
    differ, spread = [], []
    pictures: dict[str, Any] = {}
    for seed in lab.seeds:
        model = lab.model(recipe, images, seed=seed).model
        z, decode = model.encode(x).z, decoder(model)
        whole = model.reconstruct(x)
        differ.append(float((decode(z) - whole).abs().max()))
        doubled = decode(1.5 * z)
        spread.append(float((doubled - whole).square().mean().sqrt()))
        if not pictures:
            bars = F.interpolate((z / z.amax())[:SHOWN, None, None], images.shape[1:])
            shown = [
                ("picture", x[:SHOWN]),
                (f"its code, {DEEP} numbers", bars.expand(-1, *images.shape)),
                ("decoded", whole[:SHOWN]),
                ("code × 1.5, decoded", doubled[:SHOWN]),
            ]
            pictures = {"Pictures, codes as stripes, and decodings": picture_rows(shown)}
    least = 4 * DEEP
    rows = [
        Row("largest difference of a pixel from the whole network's", differ),
        Row("change of a pixel where the code is half as large again", spread),
        Row("bytes of a code", [float(least)], "", {"bytes of a picture": 784.0}),
    ]
    words = (
        f"The decoder of the encoder's codes differs from the whole network by at most "
        f"{max(differ):.1e}; a picture of 784 bytes is {DEEP} numbers ({least} bytes as float32). The "
        f"decoder takes any code: half as large again, pixels change by "
        f"{statistics.fmean(spread):.3f}."
    )
    return Finding(verdict_of(max(differ) < 1e-5), words, pictures, rows, deviations(lab))


@experiment(
    "convolutional",
    title="Convolutions in place of dense layers",
    claim="A convolutional autoencoder is the same with convolutions for dense layers.",
    data=(CLOTHES,),
)
def convolutional(lab: Lab) -> Finding:
    """Maximum pooling down, upsampling up, beside dense layers and PCA of as many numbers."""
    images, x = train(lab), few(test(lab))
    recipe = shorter(lab, lingrand_2021_convolutional(images.shape), 0.1)
    ours, dense = [], []
    shown = [("original", x[:SHOWN])]
    numbers = 1
    for seed in lab.seeds:
        model = lab.model(recipe, images, seed=seed).model
        numbers = math.prod(model.code_shape)
        back = model.reconstruct(x)
        ours.append(score(x, back))
        other = vanilla_model(lab, images, seed).model.reconstruct(x)
        dense.append(score(x, other))
        if seed == lab.seeds[0]:
            shown += [(f"convolutions, {numbers} numbers", back[:SHOWN])]
            shown += [(f"dense, {UNITS} numbers", other[:SHOWN])]
    pca = linear_score(images, x, numbers)
    base = {f"PCA, {numbers} numbers": pca}
    rows = [
        Row(f"convolutions, {numbers} numbers: score", ours, "", base, better="lower"),
        Row(f"dense, {UNITS} numbers: score", dense),
    ]
    mean, plain = statistics.fmean(ours), statistics.fmean(dense)
    words = (
        f"The convolutional autoencoder's score is {mean:.5f} with {numbers} numbers, the dense one's "
        f"{plain:.5f} with {UNITS}; PCA of {numbers} numbers has {pca:.5f}, "
        f"{'more' if pca > mean else 'less'}."
    )
    pictures = {"Test pictures and what comes back": picture_rows(shown)}
    more = (
        "A tenth of the epochs at the small scale; channels and cross-entropy are the tutorial's."
    )
    facts = (mean < plain, mean < pca)
    return Finding(verdict_of(*facts), words, pictures, rows, deviations(lab, more))


@experiment(
    "Hinton & Salakhutdinov",
    title="The historic autoencoder, 784-1000-500-250-30",
    claim="The first really successful autoencoder: thirty numbers give back digits better than PCA.",
    data=(DIGITS,),
)
def historic(lab: Lab) -> Finding:
    """Logistic units, pre-trained by layers, then fine-tuned."""
    images, x = train(lab, DIGITS), few(test(lab, DIGITS))
    widths = lab.of(small=(500, 250, 125), paper=(1000, 500, 250))
    recipe = shorter(lab, hinton_2006_deep(images.shape, widths=widths), 0.2)
    values = math.prod(images.shape)
    numbers = min(30, Pca.most(images))
    pca = Pca.fit(images, numbers).reconstruct(x).clamp(0, 1)
    ours = []
    shown = [("digit", x[:SHOWN])]
    for seed in lab.seeds:
        back = lab.model(recipe, images, seed=seed).model.reconstruct(x)
        ours.append(values * score(x, back))
        if seed == lab.seeds[0]:
            shown.append(("autoencoder", back[:SHOWN]))
    shown.append(("PCA", pca[:SHOWN]))
    base = {f"PCA, {numbers} numbers": values * score(x, pca)}
    linear = values * score(x, pca)
    rows = [
        Row(
            "squared error of a test digit, summed",
            ours,
            f"{SCIENCE} (Science, 2006)",
            base,
            better="lower",
        )
    ]
    mean = statistics.fmean(ours)
    words = (
        f"The error is {mean:.2f} per digit (theirs {SCIENCE}{lab.of(small=', after far more passes', paper='')}); PCA of "
        f"{numbers} numbers has {linear:.2f}, {linear / mean:.1f} times as much."
    )
    small = ("At the small scale the layers are half as wide and get 2 epochs, the whole 20.",)
    more = lab.of(small=small, paper=()) + ("Fine-tuned by Adam in place of conjugate gradients.",)
    pictures = {"Test digits, the historic autoencoder and PCA": picture_rows(shown)}
    return Finding(verdict_of(mean < linear), words, pictures, rows, deviations(lab, *more))


@experiment(
    "PCA claim",
    title="A linear layer's vectors beside principal components",
    claim="Unlike PCA's, an autoencoder's vectors are not forced to be orthogonal, and the variances "
    "along them tend to be equal.",
    data=(CLOTHES,),
)
def pca_claim(lab: Lab) -> Finding:
    """Angles between the encoder's vectors and variances along them: linear, relu, PCA."""
    images, x = train(lab), few(test(lab))
    pca = Pca.fit(images, min(UNITS, Pca.most(images)))
    known = directions(pca.components, images)
    chance = math.degrees(math.acos(math.sqrt(2 / (math.pi * UNITS))))
    found: dict[str, list[Directions]] = {"linear": [], "relu (vanilla)": []}
    begun: list[dict[str, float]] = []  # before any training
    errors: list[float] = []
    linear = linear_autoencoder(images.shape, UNITS)
    linear = linear.with_(
        epochs=lab.of(small=30.0, paper=100.0),
        optimizer="adam",
        learning_rate=2e-3,
        batch_size=256,
    )
    for seed in lab.seeds:
        plain = lab.model(linear, images, seed=seed).model
        errors.append(score(x, plain.reconstruct(x)))
        for name, model in (
            ("linear", plain),
            ("relu (vanilla)", vanilla_model(lab, images, seed).model),
        ):
            weight = model.ladder.rungs[0].get_parameter("linear_down.weight")
            found[name].append(directions(weight, images))
        before = untrained(plain, seed).ladder.rungs[0].get_parameter("linear_down.weight")
        begun.append(directions(before, images).document())
    own = {name: [each.document() for each in runs] for name, runs in found.items()}
    base = known.document()
    blank = {key: statistics.fmean(each[key] for each in begun) for key in base}
    titles = {
        "mean_angle": ("mean angle between two vectors", "degrees"),
        "least_angle": ("least angle", "degrees"),
        "participation_ratio": ("participation ratio of the variances (1 is equal)", ""),
    }
    rows = [
        Row(
            f"{title}, {name}",
            [each[key] for each in runs],
            "",
            {"PCA": base[key], "untrained": blank[key]},
            unit,
        )
        for key, (title, unit) in titles.items()
        for name, runs in own.items()
    ]
    best = score(x, pca.reconstruct(x))
    rows.append(Row("score, linear", errors, "", {"PCA": best}, better="lower"))
    mean = {
        name: {key: statistics.fmean(each[key] for each in runs) for key in titles}
        for name, runs in own.items()
    }
    angle, even = mean["linear"]["mean_angle"], mean["linear"]["participation_ratio"]
    words = (
        f"The linear autoencoder's {UNITS} vectors are {angle:.1f} degrees apart on average and "
        f"{mean['linear']['least_angle']:.1f} at least (PCA: 90; vectors at random in {UNITS} "
        f"dimensions: {chance:.1f}), and the variances along them are {even:.2f} even, those of PCA "
        f"{base['participation_ratio']:.2f} (before any training: {blank['least_angle']:.1f} degrees at least, "
        f"{blank['participation_ratio']:.2f}). With relu: {mean['relu (vanilla)']['mean_angle']:.1f} degrees and "
        f"{mean['relu (vanilla)']['participation_ratio']:.2f}. The linear one's score is "
        f"{statistics.fmean(errors):.5f}, PCA's {best:.5f}."
    )
    order = np.arange(1, len(known.variances) + 1)
    pairs = {"PCA": known, **{name: runs[0] for name, runs in found.items()}}
    pictures = {
        "Variances along the vectors, and the angles between them": lines(
            {
                "share of all variance along them": {
                    n: (order, each.variances / each.variances.sum()) for n, each in pairs.items()
                },
                "angles in degrees, from the least": {
                    n: (np.linspace(0, 1, len(each.angles)), np.sort(each.angles))
                    for n, each in pairs.items()
                },
            },
            "vector, by its variance (left); share of pairs (right)",
        )
    }
    facts = (mean["linear"]["least_angle"] < 80, even > 2 * base["participation_ratio"])
    return Finding(verdict_of(*facts), words, pictures, rows, deviations(lab))
