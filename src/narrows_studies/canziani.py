"""Canziani 2020, "Introduction to autoencoders": his notebook on MNIST, and the document as a whole.

784-30-784 and the over-complete 784-500-784 with a dropout mask, their kernels, and in-filling
beside Telea and Navier-Stokes. The manifolds, the applications of the first pages and the captions
stand in the three files beside this one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from narrows.applications import border_noise_ratio, first_kernels, inpainting_baselines
from narrows.applications.restored import run_baselines
from narrows.figures import bars, comparison, kernel_grid, lines, methods, picture_rows
from narrows.images.corruptions import DropoutMask
from narrows.measures import Pca, Ridge, mean_picture, principal_angles, psnr, squared_error
from narrows.randomness import Draws, permutation
from narrows.recipes import canziani_2020_denoising, canziani_2020_standard, linear_autoencoder

from .canziani_applications import figure_9, figures_2_to_4, figures_5_to_8, figures_10_11
from .canziani_captions import figure_12
from .canziani_manifolds import figure_18, figure_19, figures_15_to_17
from .canziani_memory import one_number
from .experiment import Document, Finding, Row, by_name, experiment
from .lab import Lab, Trained, few, through
from .verdicts import Verdict, verdict_of

__all__ = ["DOCUMENT"]

MASK = 0.5  # share of the pixels that are dropped
GRAY = 0.5  # what they become: 0 of his (−1, 1)
SHOWN = 8
JUDGED = 500
FEWER = "At the small scale 784-500-784 makes 10 passes over the digits, not 20."
RATE = "The share of dropped pixels, one half, is ours: the document names none."


def _digits(lab: Lab) -> tuple[Any, Tensor]:
    """Training digits, and test digits (500, 1, 28, 28)."""
    train = lab.images("mnist", "train")
    held = lab.images("mnist", "test", limit=JUDGED)
    return train, few(held)


def _standard(lab: Lab, train: Any, seed: int) -> Trained:
    return lab.model(canziani_2020_standard(train.shape), train, seed=seed)


def _denoising(lab: Lab, train: Any, seed: int, value: float = GRAY) -> Trained:
    recipe = canziani_2020_denoising(train.shape, rate=MASK, value=value)
    return lab.model(recipe.with_(epochs=lab.of(small=10.0, paper=20.0)), train, seed=seed)


def _deviations(lab: Lab, *more: str) -> tuple[str, ...]:
    return (*lab.of(small=(FEWER,), paper=()), *more)


def _masked(x: Tensor, share: float = MASK, value: float = GRAY) -> tuple[Tensor, Tensor]:
    """Digits with dropped pixels, and what is known of them (N, 1, H, W)."""
    mask = DropoutMask(share, value=value)
    gone = DropoutMask(share)(torch.ones_like(x), Draws(1)) == 0  # the same draws
    return mask(x, Draws(1)), ~gone


def _ridge(lab: Lab, train: Any) -> Ridge:
    """The best linear way from masked digits to whole ones, the strength chosen on a fifth of them."""
    whole = few(train, 10_000)
    given = DropoutMask(MASK, value=GRAY)(whole, Draws(2))
    kept = len(whole) - len(whole) // 5
    scores = {
        strength: float(
            squared_error(
                whole[kept:], Ridge.fit(given[:kept], whole[:kept], strength)(given[kept:])
            ).mean()
        )
        for strength in (1e-3, 1e-2, 1e-1)
    }
    return Ridge.fit(given, whole, min(scores, key=lambda strength: scores[strength]))


def judge_tied(rows: Sequence[Row]) -> Verdict:
    """Tied linear units span PCA's space to within 10°, with its error to within 2 %."""
    row = by_name(rows)
    error = row["linear, tied: mean squared error"]
    return verdict_of(
        row["linear, tied: largest angle to PCA's space"].mean < 10,
        error.mean < 1.02 * error.baselines["PCA"],
    )


@experiment(
    "PCA by tied weights",
    title="A linear autoencoder with tied weights is PCA",
    claim="To represent PCA, tie the weights: W_x = W_hᵀ.",
    data=("mnist",),
    judge=judge_tied,
)
def tied_weights(lab: Lab) -> Finding:
    """The angles between the space of the codes and that of PCA, tied and free, linear and squashed."""
    train, x = _digits(lab)
    size = 16
    pca = Pca.fit(train, size)
    least = float(squared_error(x, pca.reconstruct(x)).mean())
    linear = linear_autoencoder(train.shape, size).with_(
        optimizer="adam", learning_rate=2e-3, batch_size=256
    )
    tied = linear.ladder.with_(tied=True)
    makers = {
        "linear, tied": linear.with_(ladder=tied, name="tied-linear"),
        "linear, free": linear,
        "tanh, tied": linear.with_(ladder=tied.with_(activation="tanh"), name="tied-tanh"),
    }
    angles: dict[str, list[float]] = {}
    errors: dict[str, list[float]] = {}
    square: dict[str, list[float]] = {}
    shown = [("original", x[:SHOWN]), ("PCA", pca.reconstruct(x[:SHOWN]))]
    for name, recipe in makers.items():
        for seed in lab.seeds:
            epochs = lab.of(small=10.0, paper=60.0)
            model = lab.model(recipe.with_(epochs=epochs), train, seed=seed).model.cpu()
            rung: Any = model.ladder.rung(0)
            weight = rung.linear_down.weight.detach()
            back = through(model, x)
            gram = weight @ weight.T
            off = (gram - torch.eye(size)).norm() / size**0.5
            angles.setdefault(name, []).append(
                float(principal_angles(weight, pca.components).max())
            )
            errors.setdefault(name, []).append(float(squared_error(x, back).mean()))
            square.setdefault(name, []).append(float(off))
            if seed == lab.seeds[0]:
                shown.append((name, back[:SHOWN]))
    mean = {name: statistics.fmean(values) for name, values in angles.items()}
    error = {name: statistics.fmean(values) for name, values in errors.items()}
    rows = [
        Row(f"{name}: largest angle to PCA's space", v, "0", unit="°") for name, v in angles.items()
    ]
    rows += [
        Row(f"{name}: mean squared error", v, "", {"PCA": least}, better="lower")
        for name, v in errors.items()
    ]
    rows += [Row(f"{name}: how far W Wᵀ is from the identity", v) for name, v in square.items()]
    first = "linear, tied"
    verdict = judge_tied(rows)
    words = (
        f"The {size} tied linear units span PCA's space to within {mean[first]:.1f}° (their largest "
        f"angle), with {error[first] / least:.4f} times its error; W Wᵀ is "
        f"{statistics.fmean(square[first]):.2f} from the identity. Without tying the space is "
        f"{mean['linear, free']:.1f}° off, the error {error['linear, free'] / least:.4f} times and "
        f"W Wᵀ {statistics.fmean(square['linear, free']):.2f} off; with the document's tanh the space is "
        f"{mean['tanh, tied']:.0f}° off and the error {error['tanh, tied'] / least:.2f} times."
    )
    pictures = {f"Test digits through {size} numbers": picture_rows(shown)}
    about = "The number of units, 16, is ours; the document gives the equation only."
    return Finding(verdict, words, pictures, rows, (about,))


COPIES: dict[str, tuple[float, bool]] = {
    "d = n / 4": (0.25, False),
    "d = 4 n": (4.0, False),
    "d = 4 n, dropout mask": (4.0, True),
}


def judge_copies(rows: Sequence[Row]) -> Verdict:
    """Over-complete loses little of what is no digit, masked more; under-complete far more."""
    row = by_name(rows)
    lost = [row[f"{name}: lost of shuffled digits"].mean for name in COPIES]
    under, over, masked = lost
    kept = row[f"{next(iter(COPIES))}: lost of digits"].mean
    return verdict_of(over < 0.2 * under, masked > 2 * over, under > 5 * kept)


@experiment(
    "figure 14",
    title="Under- and over-complete: which one copies?",
    claim="An over-complete hidden layer is prone to copy its input, as an identity; it needs a "
    "constraint to reconstruct the training manifold only. An under-complete one cannot.",
    data=("digits",),
    judge=judge_copies,
)
def figure_14(lab: Lab) -> Finding:
    """What comes back of digits, and of pictures that are none: digits with their pixels shuffled."""
    images = lab.images("digits", size=8)
    held = len(images) // 5
    train = images.select(slice(0, len(images) - held))
    x = images.batch(torch.arange(len(images) - held, len(images)))
    n = x[0].numel()
    order = permutation(0, "shuffled pixels", n)
    permuted = x.flatten(1)[:, order].reshape(x.shape)
    mean = mean_picture(train)
    found: dict[str, tuple[list[float], list[float]]] = {}
    few = slice(0, 5)
    shown = [("input", torch.cat([x[few], permuted[few]]))]

    def left(picture: Tensor, back: Tensor) -> float:
        """The share of what is not the mean picture that is lost."""
        error, whole = (picture - back).square().sum(), (picture - mean).square().sum()
        return float(error / whole)

    for name, (share, masks) in COPIES.items():
        for seed in lab.seeds:
            make = canziani_2020_denoising if masks else canziani_2020_standard
            recipe = make(train.shape, int(share * n))
            numbers: dict[str, Any] = {"epochs": 100.0, "batch_size": 64}
            model = lab.model(recipe.with_(**numbers), train, seed=seed).model
            backs = [through(model, each) for each in (x, permuted)]
            values = found.setdefault(name, ([], []))
            for place, (picture, back) in enumerate(zip((x, permuted), backs, strict=True)):
                values[place].append(left(picture, back))
            if seed == lab.seeds[0]:
                shown.append((name, torch.cat([back[few] for back in backs])))
    k = min(n // 4, Pca.most(train))
    pca = Pca.fit(train, k)
    base = [left(each, pca.reconstruct(each)) for each in (x, permuted)]
    rows = []
    for name, (own, other) in found.items():
        first = name == next(iter(COPIES))
        rows += [
            Row(f"{name}: lost of digits", own, "", {f"PCA, {k}": base[0]} if first else {}),
            Row(
                f"{name}: lost of shuffled digits",
                other,
                "",
                {f"PCA, {k}": base[1]} if first else {},
            ),
        ]
    lost = {name: statistics.fmean(other) for name, (_, other) in found.items()}
    kept = {name: statistics.fmean(own) for name, (own, _) in found.items()}
    under, over, masked = COPIES
    verdict = judge_copies(rows)
    words = (
        f"Of digits whose pixels were shuffled, which are on no manifold of digits, the "
        f"under-complete layer loses {lost[under]:.0%} and the over-complete one {lost[over]:.1%}: it "
        f"{'copies' if lost[over] < 0.1 else 'does not quite copy'}. With the mask it loses "
        f"{lost[masked]:.0%}. Of digits they lose {kept[under]:.1%}, {kept[over]:.1%} and "
        f"{kept[masked]:.1%}; PCA of {k} numbers loses {base[0]:.1%} and {base[1]:.0%}."
    )
    pictures = {
        "Figure 14: five digits, and the same with shuffled pixels, through each": picture_rows(
            shown
        )
    }
    about = "Digits of 8×8 pixels, n = 64, as d > n then takes little time; figure 14 is a diagram."
    return Finding(verdict, words, pictures, rows, (about,))


def judge_standard(rows: Sequence[Row]) -> Verdict:
    """3 dB better than the mean digit."""
    (row,) = rows
    return verdict_of(row.mean > row.baselines["the mean digit"] + 3)


@experiment(
    "figure 20",
    title="Output of the standard autoencoder, 784-30-784",
    claim="30 units with hyperbolic tangents give the digits back.",
    data=("mnist",),
    judge=judge_standard,
)
def figure_20(lab: Lab) -> Finding:
    """Test digits and what comes back, beside PCA of 30 numbers and the mean digit."""
    train, x = _digits(lab)
    pca = Pca.fit(train, min(30, Pca.most(train)))
    backs = [through(_standard(lab, train, seed).model, x) for seed in lab.seeds]
    ours = [float(psnr(x, back).mean()) for back in backs]
    base = {
        "PCA, 30": float(psnr(x, pca.reconstruct(x).clamp(0, 1)).mean()),
        "the mean digit": float(psnr(x, mean_picture(train).expand_as(x)).mean()),
    }
    mean = statistics.fmean(ours)
    words = (
        f"Test digits come back with {mean:.1f} dB; PCA of 30 numbers gives {base['PCA, 30']:.1f} dB "
        f"and the mean digit {base['the mean digit']:.1f} dB: tanh on either side is "
        f"{'better' if mean > base['PCA, 30'] else 'no better'} than a straight projection."
    )
    rows = [Row("PSNR of test digits", ours, "", base, "dB", better="higher")]
    return Finding(
        judge_standard(rows),
        words,
        {
            "Figure 20: test digits and their reconstructions": comparison(
                x[:SHOWN], backs[0][:SHOWN]
            )
        },
        rows,
    )


def judge_denoising(rows: Sequence[Row]) -> Verdict:
    """3 dB better than as given."""
    (row,) = rows
    return verdict_of(row.mean > row.baselines["as given"] + 3)


@experiment(
    "figure 21",
    title="Output of the denoising autoencoder, 784-500-784",
    claim="Trained with a dropout mask, it gives whole digits back for digits with dropped pixels.",
    data=("mnist",),
    judge=judge_denoising,
)
def figure_21(lab: Lab) -> Finding:
    """Masked test digits and what comes back, beside the best linear map and the standard model."""
    train, x = _digits(lab)
    given, _ = _masked(x)
    backs = [through(_denoising(lab, train, seed).model, given) for seed in lab.seeds]
    ours = [float(psnr(x, back).mean()) for back in backs]
    plain = through(_standard(lab, train, lab.seeds[0]).model, given)
    straight = _ridge(lab, train)(given).clamp(0, 1)
    base = {
        "ridge": float(psnr(x, straight).mean()),
        "the standard model": float(psnr(x, plain).mean()),
        "as given": float(psnr(x, given).mean()),
    }
    mean = statistics.fmean(ours)
    words = (
        f"With half of the pixels dropped it gives {mean:.1f} dB; the best linear map "
        f"{base['ridge']:.1f}, the standard model, which never saw a mask, "
        f"{base['the standard model']:.1f}, and the masked digits have {base['as given']:.1f}."
    )
    figure = comparison(x[:SHOWN], backs[0][:SHOWN], inputs=given[:SHOWN])
    rows = [Row("PSNR of test digits", ours, "", base, "dB", better="higher")]
    return Finding(
        judge_denoising(rows),
        words,
        {"Figure 21: test digits, half of whose pixels are dropped, and outputs": figure},
        rows,
        _deviations(lab, RATE),
    )


def judge_kernels(rows: Sequence[Row]) -> Verdict:
    """Outside of the digits denoising kernels are quiet, standard ones more than twice as restless."""
    row = by_name(rows)
    standard, denoising = (
        row[f"{name}: deviation outside ÷ inside"].mean for name in ("standard", "denoising")
    )
    return verdict_of(standard > 2 * denoising, denoising < 0.5, standard > 0.2)


@experiment(
    "figure 22",
    "figure 23",
    title="Kernels of the standard and of the denoising autoencoder",
    claim="Outside of where digits are, the standard model's kernels are random; those of the "
    "denoising one are constant there, because the mask makes it care.",
    data=("mnist",),
    judge=judge_kernels,
)
def figures_22_23(lab: Lab) -> Finding:
    """How much kernels vary where no digit is; also with a mask to black, which leaves the border."""
    train, _ = _digits(lab)
    # inside is where more than one digit of a thousand has a pixel that is lit to a quarter
    lit = torch.zeros(train.shape[1:])
    for some in train.chunks(4096):
        lit += (train.batch(some) > 0.25).float().sum((0, 1))
    inside = lit > 1e-3 * len(train)
    makers: dict[str, Callable[[int], Trained]] = {
        "standard": lambda seed: _standard(lab, train, seed),
        "denoising": lambda seed: _denoising(lab, train, seed),
        "denoising, mask to black": lambda seed: _denoising(lab, train, seed, 0.0),
    }
    rest: dict[str, list[float]] = {}
    kernels: dict[str, Tensor] = {}
    for name, make in makers.items():
        for seed in lab.seeds if name != "denoising, mask to black" else lab.seeds[:1]:
            rung: Any = make(seed).model.ladder.rung(0)
            found = first_kernels(rung.linear_down.weight, train.shape)
            rest.setdefault(name, []).append(float(border_noise_ratio(found, inside).median()))
            kernels.setdefault(name, found)
    pca = Pca.fit(train, min(30, Pca.most(train)))
    straight = float(
        border_noise_ratio(first_kernels(pca.components, train.shape), inside).median()
    )
    enough = Pca.fit(train, min(500, Pca.most(train)))
    total = float(enough.variances.sum()) + enough.rest * (784 - len(enough))
    share, kept = (float(some.variances.sum()) / total for some in (enough, pca))
    rows = [
        Row(
            f"{name}: deviation outside ÷ inside",
            values,
            {"standard": "random", "denoising": "constant"}.get(name, ""),
            {"PCA, 30": straight} if name == "standard" else {},
        )
        for name, values in rest.items()
    ]
    mean = {name: statistics.fmean(values) for name, values in rest.items()}
    words = (
        f"Outside of the digits ({int((~inside).sum())} of 784 pixels) a standard kernel varies "
        f"{mean['standard']:.2f} times as much as inside, a denoising one {mean['denoising']:.2f} "
        f"times, a principal component {straight:.2f} times. With a mask to black instead of gray (0 of "
        f"his (−1, 1)), which leaves a black border as it is, {mean['denoising, mask to black']:.2f}. "
        f"500 components hold {share:.2%} of the digits' variance, {len(pca)} hold {kept:.1%}: to copy "
        "digits, 500 units are many."
    )
    pictures = {
        "Figure 22: kernels of the standard model, the strongest first": kernel_grid(
            kernels["standard"][:30]
        ),
        "Figure 23: kernels of the denoising model, the strongest first": kernel_grid(
            kernels["denoising"][:60]
        ),
        "Kernels of a denoising model whose mask is black": kernel_grid(
            kernels["denoising, mask to black"][:60]
        ),
    }
    verdict = judge_kernels(rows)
    return Finding(verdict, words, pictures, rows, _deviations(lab, RATE))


RATES = (0.3, 0.5, 0.7, 0.9)
OURS = "denoising autoencoder"


def judge_inpainting(rows: Sequence[Row]) -> Verdict:
    """Better than either classical in-filling, of the dropped pixels and of whole digits."""
    facts = [
        row.mean > row.baselines[name]
        for row in rows
        for name in ("Telea", "Navier-Stokes")
        if name in row.baselines
    ]
    return verdict_of(*(facts or [False]))


@experiment(
    "figure 24",
    "figure 25",
    "figure 26",
    "figure 27",
    title="Dropped pixels filled: the denoising autoencoder beside Telea and Navier-Stokes",
    claim="Compared to the state of the art, our autoencoder actually does better.",
    data=("mnist",),
    judge=judge_inpainting,
)
def figures_24_to_27(lab: Lab) -> Finding:
    """PSNR on 500 test digits of five methods, of whole pictures and of dropped pixels only."""
    train, x = _digits(lab)
    x = x[: 24 if lab.tiny else 200]
    pca = Pca.fit(train, min(150, Pca.most(train)))
    ridge = _ridge(lab, train)
    models = [_denoising(lab, train, seed).model for seed in lab.seeds]
    by_rate: dict[str, dict[float, float]] = {}
    whole: dict[str, list[float]] = {}
    inside: dict[str, list[float]] = {}
    shown: dict[str, Tensor] = {}
    notes: list[str] = []
    for rate in RATES:
        given, known = _masked(x, rate)
        fills = inpainting_baselines(pca)
        changes = {
            name: lambda p, fill=fill, known=known: fill(p, known) for name, fill in fills.items()
        }
        others, notes = run_baselines(given, {**changes, "ridge": ridge})
        answers = [(OURS, through(model, given)) for model in models] + list(others.items())
        for name, answer in answers:
            value = float(psnr(x, answer).mean())
            by_rate.setdefault(name, {}).setdefault(rate, value)
            if rate == MASK:
                hole = (~known).expand_as(x)
                wrong = ((answer - x).square() * hole).flatten(1).sum(1) / hole.flatten(1).sum(1)
                filled = -10 * wrong.clamp_min(1e-10).log10()
                whole.setdefault(name, []).append(value)
                inside.setdefault(name, []).append(float(filled.mean()))
                shown.setdefault(name, answer)
        if rate == MASK:
            shown = {"original": x, "input": given, **shown}
    mean = {name: statistics.fmean(values) for name, values in whole.items()}
    hole_of = {name: statistics.fmean(values) for name, values in inside.items()}
    base = {name: value for name, value in mean.items() if name != OURS}
    base_inside = {name: value for name, value in hole_of.items() if name != OURS}
    rows = [
        Row(
            "PSNR of whole digits, half of the pixels dropped",
            whole[OURS],
            "better",
            base,
            "dB",
            better="higher",
        ),
        Row(
            "PSNR of the dropped pixels", inside[OURS], "better", base_inside, "dB", better="higher"
        ),
    ]
    words = (
        f"Of the dropped pixels the autoencoder gets {hole_of[OURS]:.1f} dB, "
        + ", ".join(f"{name} {value:.1f} dB" for name, value in base_inside.items())
        + f"; of whole digits {mean[OURS]:.1f} dB, "
        + ", ".join(f"{name} {value:.1f} dB" for name, value in base.items())
        + ". The in-fillings and the conditional Gaussian are told which pixels were dropped and keep "
        "the others as they are; the autoencoder and ridge regression see gray in their place."
    )
    few = {name: picture[:SHOWN] for name, picture in shown.items()}
    decibels = {name: psnr(x[:SHOWN], few[name]) for name in mean}
    curves = {
        name: (list(values), [values[rate] for rate in values]) for name, values in by_rate.items()
    }
    pictures = {
        "Figures 24 to 27: input, and each method's output": methods(few, decibels),
        "PSNR of whole digits by the share of dropped pixels; the autoencoder was trained with half": lines(
            {"PSNR, dB": curves}, "share of dropped pixels"
        ),
        "PSNR of the dropped pixels, dB": bars(inside, title="PSNR of the dropped pixels, dB"),
    }
    return Finding(judge_inpainting(rows), words, pictures, rows, _deviations(lab, RATE, *notes))


DOCUMENT = Document(
    "canziani-2020",
    "Introduction to autoencoders",
    "Alfredo Canziani, 2020",
    "NYU Deep Learning, week 7, 10 March 2020",
    (
        figures_2_to_4,
        figures_5_to_8,
        figure_9,
        figures_10_11,
        figure_12,
        tied_weights,
        figure_14,
        one_number,
        figures_15_to_17,
        figure_18,
        figure_19,
        figure_20,
        figure_21,
        figures_22_23,
        figures_24_to_27,
    ),
    {
        "figure 1": "two pictures made by StyleGAN2, to be told apart by eye",
        "figure 13": "a diagram of an autoencoder of three layers",
    },
)
