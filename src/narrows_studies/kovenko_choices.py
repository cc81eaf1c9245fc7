"""Kovenko & Bogach 2020, sections 1 and 3.1: an autoencoder or PCA, squared or absolute errors."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import torch
from torch import Tensor

from narrows.figures import lines, picture_rows
from narrows.measures import sharpness, squared_error
from narrows.parts import Part
from narrows.training import Recipe

from .experiment import Finding, Row, by_name, experiment
from .kovenko_faces import CODE, SET, deviations, error_curves, faces, trained
from .lab import Lab
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS"]

SIZES = (8, CODE)
SHOWN = 8


def judge_sizes(rows: Sequence[Row]) -> Verdict:
    """At every size of the code the error is below that of PCA."""
    return verdict_of(*(row.mean < row.baselines["PCA"] for row in rows))


@experiment(
    "§1 PCA",
    title="Better than PCA",
    claim="Deep networks outperform PCA in reducing dimensions, as they are not linear.",
    data=(SET,),
    judge=judge_sizes,
)
def better_than_pca(lab: Lab) -> Finding:
    """Codes of several sizes, and PCA of as many numbers, on test faces."""
    of = faces(lab)
    pca = of.pca(2 * CODE)
    linear = {}
    for k in (2, 4, 8, 16, 32, CODE, 2 * CODE):
        if k <= len(pca):
            linear[k] = float(squared_error(of.x, of.pca(k).reconstruct(of.x)).mean())
    ours: dict[int, list[float]] = {}
    still: list[float] = []
    shown: list[tuple[str, Tensor]] = [("real", of.x[:SHOWN])]
    for size in (k for k in SIZES if k in linear):
        for seed in lab.seeds:
            model = trained(lab, of, seed=seed, code_size=size)
            still.append(_late_fall(error_curves(of, model)["validation"]))
            back = model.model.reconstruct(of.test)
            ours.setdefault(size, []).append(float(squared_error(of.x, back).mean()))
            if seed == lab.seeds[0]:
                shown.append((f"autoencoder, {size}", back[:SHOWN]))
        shown.append((f"PCA, {size}", of.pca(size).reconstruct(of.x[:SHOWN]).clamp(0, 1)))
    mean = {size: statistics.fmean(values) for size, values in ours.items()}
    worth = {size: _worth(error, linear) for size, error in mean.items()}
    rows = [
        Row(
            f"{size} numbers: mean squared error", values, "", {"PCA": linear[size]}, better="lower"
        )
        for size, values in ours.items()
    ]
    words = "; ".join(
        f"{size} numbers: {error:.4f}, PCA {linear[size]:.4f} ({worth[size]})"
        for size, error in mean.items()
    )
    curves = {
        "PCA": (list(linear), list(linear.values())),
        "autoencoder": (list(mean), list(mean.values())),
    }
    return Finding(
        judge_sizes(rows),
        f"Mean squared error of test faces. {words}. In the last fifth of the epochs the error of "
        f"validation faces still fell by {100 * statistics.fmean(still):.1f} %.",
        {
            "Error by the size of the code": lines(
                {"mean squared error": curves}, "numbers of a code", log=True
            ),
            "Test faces through both": picture_rows(shown),
        },
        rows,
        deviations(lab, of),
    )


def _late_fall(curve: list[float]) -> float:
    """The share by which the last fifth of a curve fell below all before it, 0 if it did not."""
    before = curve[: -max(1, len(curve) // 5)] or curve
    return 1 - min(curve) / min(before)


def _worth(error: float, linear: dict[int, float]) -> str:
    """The sizes of PCA that an error lies between."""
    worse = [k for k, other in linear.items() if other > error]
    better = [k for k, other in linear.items() if other <= error]
    if not worse or not better:
        return f"{'more' if worse else 'less'} than PCA of {max(worse) if worse else min(better)}"
    return f"between PCA of {max(worse)} and of {min(better)}"


def judge_losses(rows: Sequence[Row]) -> Verdict:
    """By either error the two are within a quarter of each other."""
    row = by_name(rows)
    ratios = (
        row[f"trained on absolute error: {error}"].mean
        / row[f"trained on squared error: {error}"].mean
        for error in ("squared error", "absolute error")
    )
    return verdict_of(*(0.8 < ratio < 1.25 for ratio in ratios))


@experiment(
    "§3.1 MSE or MAE",
    title="Squared or absolute error as the loss",
    claim="The obvious choice of a loss is the squared or the absolute error.",
    data=(SET,),
    judge=judge_losses,
)
def squared_or_absolute(lab: Lab) -> Finding:
    """Each loss judged by both measures: whether the choice is one."""
    of = faces(lab)

    def absolute(recipe: Recipe) -> Recipe:
        return recipe.with_(name="kovenko-2020-autoencoder-mae", likelihood=Part("mae"))

    measures = ("squared error", "absolute error", "sharpness")
    found: dict[str, dict[str, list[float]]] = {}
    shown: list[tuple[str, Tensor]] = [("real", of.x[:SHOWN])]
    for loss in ("squared error", "absolute error"):
        found[loss] = {name: [] for name in measures}
        for seed in lab.seeds:
            changed = absolute if loss == "absolute error" else _as_it_is
            back = trained(lab, of, seed=seed, changed=changed).model.reconstruct(of.test)
            for name, value in zip(measures, _measured(of.x, back), strict=True):
                found[loss][name].append(value)
            if seed == lab.seeds[0]:
                shown.append((f"trained on {loss}", back[:SHOWN]))
    pca = dict(zip(measures, _measured(of.x, of.pca().reconstruct(of.x)), strict=True))
    linear = f"PCA, {len(of.pca())} numbers"
    mean = {loss: {n: statistics.fmean(v) for n, v in each.items()} for loss, each in found.items()}
    rows = [
        Row(f"trained on {loss}: {name}", values, "", {linear: pca[name]})
        for loss, each in found.items()
        for name, values in each.items()
    ]
    ratio = {name: mean["absolute error"][name] / mean["squared error"][name] for name in measures}
    words = (
        f"Trained on the absolute error, the squared error of test faces is "
        f"{ratio['squared error']:.2f} times and the absolute error "
        f"{ratio['absolute error']:.2f} times that of the model trained on the squared one; "
        f"sharpness is {mean['absolute error']['sharpness']:.3f} against "
        f"{mean['squared error']['sharpness']:.3f} (PCA {pca['sharpness']:.3f})."
    )
    return Finding(
        judge_losses(rows),
        words,
        {"Test faces through both": picture_rows(shown)},
        rows,
        deviations(lab, of, "Either will do is read as: within a quarter by either measure."),
    )


def _as_it_is(recipe: Recipe) -> Recipe:
    return recipe


def _measured(x: Tensor, back: Tensor) -> tuple[float, float, float]:
    return (
        float(squared_error(x, back).mean()),
        float(torch.as_tensor(x - back).abs().mean()),
        float(sharpness(x, back).nanmedian()),
    )


EXPERIMENTS = (better_than_pca, squared_or_absolute)
