"""Canziani 2020, figures 15 to 19: what autoencoders do with a manifold that can be looked at.

Two branches in the plane, an arc, a curve in space. To a model a point is a picture of (1, 1, 2) or
(1, 1, 3) values; points are exact, not rounded to 256 steps as pixels are.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from narrows.autoencoder import Autoencoder
from narrows.figures import bars, paths, planes, stretched, travelled
from narrows.images.transforms import Rotation, ShiftX, ShiftY
from narrows.measures import Pca, sensitivity, wiener
from narrows.parts import Part
from narrows.randomness import Draws, generator
from narrows.recipes import canziani_2020_contractive, canziani_2020_standard, mlp_autoencoder
from narrows.training import Recipe

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab, few
from .verdicts import Verdict, verdict_of

__all__ = ["figure_18", "figure_19", "figures_15_to_17"]

SIGMA = 0.25  # of the noise around the two branches
WIDE, HIGH = 1.7, 1.2  # the corners lie 0.99 from the nearest end of a branch
DRAWN = "The points are ours: the document shows a figure and names neither data nor network."

Encode = Callable[[Tensor], Tensor]


class Points:
    """Points (N, 1, 1, D) as a source, for models of ``shape`` (1, 1, D)."""

    def __init__(self, points: Tensor) -> None:
        self.points = points.reshape(len(points), 1, 1, -1).float()
        self.shape = tuple(self.points.shape[1:])

    def __len__(self) -> int:
        return len(self.points)

    def batch(self, indices: Tensor) -> Tensor:
        """(B, 1, 1, D)."""
        return self.points[indices.cpu()]


def _count(lab: Lab) -> int:
    return 64 if lab.tiny else 4000


def branches(t: Tensor) -> Tensor:
    """Two waves, half a unit above and below the middle one, t (N,) in [−1, 1] → (2N, 2)."""
    wave = 0.2 * (math.pi * t).sin()
    return torch.cat([torch.stack([t, wave + side], 1) for side in (0.5, -0.5)])


def expected(points: Tensor, training: Tensor, sigma: float) -> Tensor:
    """E[x | x̃] of training points under normal noise, (N, D): what no denoiser can beat on average."""
    weight = (-torch.cdist(points, training).square() / (2 * sigma**2)).softmax(1)
    out: Tensor = weight @ training
    return out


def _recipe(size: int, code: int, sigma: float = 0.0, epochs: float = 60.0) -> Recipe:
    """A dense autoencoder of points: two layers of 100 on either side of the code."""
    recipe = mlp_autoencoder((1, 1, size), code, widths=(100, 100))
    return recipe.with_(
        name="points",
        likelihood=Part("mse", {"output": "identity"}),
        epochs=epochs,
        learning_rate=5e-3,
        corruption=Part("gaussian-noise", {"sigma": sigma}) if sigma else None,
        precision="float32",
    )


def judge_travel(rows: Sequence[Row]) -> Verdict:
    """On the manifold and half-way between the branches points travel less than a fifth of what those far
    from it do, travel and distance correlate by more than 0.7, and corners travel 1 to within a quarter."""
    mean = {row.what: row.mean for row in rows}
    far = mean["more than 0.5 from it"]
    return verdict_of(
        mean["on the manifold"] < 0.2 * far,
        mean["correlation of distance and travel"] > 0.7,
        0.75 < mean["at the four corners"] < 1.25,
        mean["half-way between the branches"] < 0.2 * far,
    )


@experiment(
    "figure 15",
    "figure 16",
    "figure 17",
    title="A denoising autoencoder of two branches in the plane",
    claim="Points on the manifold do not move and points far from it move a lot: those at the corners "
    "close to 1 unit, while those between the two branches, drawn to both, hardly move.",
    data=(),
    judge=judge_travel,
)
def figures_15_to_17(lab: Lab) -> Finding:
    """The displacement of every place, beside the best one there is and the best linear one."""
    train = branches(2 * torch.rand(_count(lab) // 2, generator=generator(0, "branches")) - 1)
    fine = torch.linspace(-1, 1, 400)
    known = branches(fine)
    side = torch.meshgrid(
        torch.linspace(-HIGH, HIGH, 49), torch.linspace(-WIDE, WIDE, 69), indexing="ij"
    )
    grid = torch.stack([side[1].flatten(), side[0].flatten()], 1)
    middle = torch.stack([fine, 0.2 * (math.pi * fine).sin()], 1)[fine.abs() < 0.8]
    corners = torch.tensor([[x, y] for x in (-WIDE, WIDE) for y in (-HIGH, HIGH)])
    noisy = known + SIGMA * Draws(1).normal("figure 16", known.shape)
    away = torch.cdist(grid, known).min(1).values  # how far each place is from the manifold
    best = expected(grid, train, SIGMA)
    linear = Pca.fit(Points(train), 2)
    found: dict[str, list[float]] = {}

    def moved(places: Tensor, to: Tensor) -> Tensor:
        length: Tensor = (to - places).norm(dim=1)
        return length

    shown: dict[str, Tensor] = {}
    for seed in lab.seeds:
        model = lab.model(_recipe(2, 16, SIGMA), Points(train), seed=seed).model

        def through(places: Tensor, model: Autoencoder = model) -> Tensor:
            return model.reconstruct(Points(places)).reshape(-1, 2)

        ends = {"grid": through(grid), "known": through(known), "noisy": through(noisy)}
        travel = moved(grid, ends["grid"])
        for what, value in {
            "on the manifold": moved(known, ends["known"]).mean(),
            "more than 0.5 from it": travel[away > 0.5].mean(),
            "at the four corners": moved(corners, through(corners)).mean(),
            "half-way between the branches": moved(middle, through(middle)).mean(),
            "correlation of distance and travel": torch.corrcoef(torch.stack([away, travel]))[0, 1],
            "noisy points, from the manifold": torch.cdist(ends["noisy"], known)
            .min(1)
            .values.mean(),
            "from the best displacement, where noise reaches": moved(best, ends["grid"])[
                away < 2 * SIGMA
            ].mean(),
        }.items():
            found.setdefault(what, []).append(float(value))
        shown = shown or ends
    mean = {what: statistics.fmean(values) for what, values in found.items()}
    ideal = {
        "on the manifold": moved(known, expected(known, train, SIGMA)).mean(),
        "more than 0.5 from it": moved(grid, best)[away > 0.5].mean(),
        "at the four corners": moved(corners, expected(corners, train, SIGMA)).mean(),
        "half-way between the branches": moved(middle, expected(middle, train, SIGMA)).mean(),
        "correlation of distance and travel": torch.corrcoef(
            torch.stack([away, moved(grid, best)])
        )[0, 1],
        "noisy points, from the manifold": torch.cdist(expected(noisy, train, SIGMA), known)
        .min(1)
        .values.mean(),
    }

    def straight(places: Tensor) -> Tensor:
        return wiener(linear, places.reshape(-1, 1, 1, 2), SIGMA).reshape(-1, 2)

    line = {
        "on the manifold": moved(known, straight(known)).mean(),
        "more than 0.5 from it": moved(grid, straight(grid))[away > 0.5].mean(),
        "at the four corners": moved(corners, straight(corners)).mean(),
        "half-way between the branches": moved(middle, straight(middle)).mean(),
        "noisy points, from the manifold": torch.cdist(straight(noisy), known).min(1).values.mean(),
        "from the best displacement, where noise reaches": moved(best, straight(grid))[
            away < 2 * SIGMA
        ].mean(),
    }
    rows = [
        Row(
            what,
            values,
            {"at the four corners": "close to 1", "half-way between the branches": "0"}.get(
                what, ""
            ),
            {
                name: float(numbers[what])
                for name, numbers in (("linear (Wiener)", line), ("the best there is", ideal))
                if what in numbers
            },
        )
        for what, values in found.items()
    ]
    far = mean["more than 0.5 from it"]
    words = (
        f"On the manifold points travel {mean['on the manifold']:.3f}, more than half a unit from it "
        f"{far:.2f} and at the four corners {mean['at the four corners']:.2f} (published: close to "
        f"1); half-way between the branches {mean['half-way between the branches']:.3f}. Distance "
        f"from the manifold and travel correlate by {mean['correlation of distance and travel']:.2f}. "
        f"Noisy points end {mean['noisy points, from the manifold']:.3f} from the manifold, those of "
        f"the best denoiser {float(ideal['noisy points, from the manifold']):.3f}, those of the best "
        f"linear one {float(line['noisy points, from the manifold']):.3f}."
    )
    few = (torch.arange(len(grid)) % 7 == 0).nonzero()[:, 0]
    lengths = moved(grid, shown["grid"])
    pictures = {
        "Figure 15: where the model takes points of the plane": paths(
            grid[few], shown["grid"][few], known
        ),
        "Figure 16: noisy points and their outputs, coloured by how far each was moved": planes(
            {"input": noisy, "output": shown["noisy"]}, moved(noisy, shown["noisy"]), known
        ),
        "Figure 17: how far each place is moved": travelled(
            lengths.reshape(49, 69), (-WIDE, WIDE, -HIGH, HIGH), known[::4]
        ),
    }
    return Finding(judge_travel(rows), words, pictures, rows, (DRAWN,))


def arc(t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Points of an arc inside the unit square, (N, 2), and unit steps along and across it."""
    angle = (0.15 + 0.7 * t) * math.pi
    stretch = torch.tensor([0.4, 0.6])
    places = torch.tensor([0.5, 0.15]) + stretch * torch.stack([angle.cos(), angle.sin()], 1)
    along = stretch * torch.stack([-angle.sin(), angle.cos()], 1)
    along = along / along.norm(dim=1, keepdim=True)
    return places, along, torch.stack([along[:, 1], -along[:, 0]], 1)


WEIGHTS = (0.0, 1e-2, 3e-2)  # of the squared norm, for points
STEPS: tuple[Any, ...] = (ShiftX(), ShiftY(), Rotation())


def judge_contraction(rows: Sequence[Row]) -> Verdict:
    """On the arc the penalty more than doubles the answer along ÷ across; for digits it makes the gradient
    smaller and that ratio larger."""
    row = by_name(rows)
    plain, *with_it = (row[f"arc, weight {weight:g}: along ÷ across"].mean for weight in WEIGHTS)
    ratio, norm = (
        {name: row[f"digits, {name}: {what}"].mean for name in ("standard", "contractive")}
        for what in ("along ÷ across", "squared norm of the gradient")
    )
    return verdict_of(
        max(with_it) > 2 * plain,
        norm["contractive"] < norm["standard"],
        ratio["contractive"] > ratio["standard"],
    )


@experiment(
    "figure 18",
    title="A contractive autoencoder: sensitive along the manifold, not across it",
    claim="The squared norm of the code's gradient in the loss makes the model insensitive to all "
    "directions but those that reconstruction needs.",
    data=("mnist",),
    judge=judge_contraction,
)
def figure_18(lab: Lab) -> Finding:
    """‖∂h/∂x · d‖ for d along and across: an arc in the plane, and digits that are moved or turned."""
    t = torch.rand(_count(lab) // 2, generator=generator(0, "arc"))
    train, _, _ = arc(t)
    places, along, across = arc(torch.linspace(0.02, 0.98, 200))
    ratio: dict[str, list[float]] = {}
    norm: dict[str, list[float]] = {}
    error: dict[str, list[float]] = {}
    for weight in WEIGHTS:
        name = f"arc, weight {weight:g}"
        for seed in lab.seeds:
            recipe = _recipe(2, 2, epochs=50.0)
            recipe = recipe.with_(
                ladder=recipe.ladder.with_(activation="tanh"),
                penalties=(Part("contractive", {"weight": weight}),) if weight else (),
            )
            model = lab.model(recipe, Points(train), seed=seed).model
            x = Points(places).points
            here, there = (
                sensitivity(_codes(model), x, step.reshape(x.shape)) for step in (along, across)
            )
            off = (model.reconstruct(Points(places)) - x).flatten(1).norm(dim=1).mean()
            ratio.setdefault(name, []).append(float((here / there).median()))
            norm.setdefault(name, []).append(float((here.square() + there.square()).mean()))
            error.setdefault(name, []).append(float(off))
    for name, (values, sizes, errors) in _of_digits(lab).items():
        ratio[name], norm[name], error[name] = values, sizes, errors
    rows = [Row(f"{name}: along ÷ across", values) for name, values in ratio.items()]
    rows += [Row(f"{name}: squared norm of the gradient", values) for name, values in norm.items()]
    rows += [Row(f"{name}: distance of a reconstruction", values) for name, values in error.items()]
    mean = {name: statistics.fmean(values) for name, values in ratio.items()}
    size = {name: statistics.fmean(values) for name, values in norm.items()}
    plain, best = (
        f"arc, weight {WEIGHTS[0]:g}",
        max((f"arc, weight {weight:g}" for weight in WEIGHTS[1:]), key=lambda name: mean[name]),
    )
    words = (
        f"On an arc the code answers {mean[plain]:.2f} times as much to a step along as to one across "
        f"without the penalty, {mean[best]:.2f} times with it ({best.split(', ')[1]}). For digits, "
        f"moved or turned against steps of noise as long, the ratio is "
        f"{mean['digits, standard']:.2f} without and {mean['digits, contractive']:.2f} with it, "
        f"while the squared norm falls from {size['digits, standard']:.2f} to "
        f"{size['digits, contractive']:.2f}; PCA of as many numbers has "
        f"{mean['digits, PCA']:.2f} and {size['digits, PCA']:.0f}."
    )
    pictures = {
        "Figure 18: answer along the manifold ÷ answer across it": bars(
            ratio, title="sensitivity along ÷ across"
        ),
        "Squared norm of the code's gradient": bars(norm, title="squared norm", log=True),
    }
    return Finding(judge_contraction(rows), words, pictures, rows, (DRAWN,))


Judged = tuple[list[float], list[float], list[float]]


def _of_digits(lab: Lab) -> dict[str, Judged]:
    """The standard and the contractive 784-30-784 on test digits, and PCA of 30 numbers."""
    train = lab.images("mnist", "train")
    held = lab.images("mnist", "test", limit=500)
    x = held.batch(torch.arange(len(held)))
    steps = [step(x, torch.full((len(x),), 0.1 * step.reach)) - x for step in STEPS]
    used = few(train, 5000).amax(0) > 0
    noise = Draws(0).normal("across", x.shape) * used
    found: dict[str, Judged] = {}

    def judge(name: str, encode: Encode, back: Tensor) -> None:
        here = torch.stack([sensitivity(encode, x, step) for step in steps]).mean(0)
        there = sensitivity(encode, x, noise)
        values, sizes, errors = found.setdefault(name, ([], [], []))
        values.append(float((here / there).median()))
        # a random direction d of P values has E ‖J d‖² = ‖J‖² / P
        sizes.append(float(there.square().mean()) * int(used.sum()))
        errors.append(float((back - x).flatten(1).norm(dim=1).mean()))

    for name, make in (
        ("standard", canziani_2020_standard),
        ("contractive", canziani_2020_contractive),
    ):
        for seed in lab.seeds:
            model = lab.model(make(train.shape), train, seed=seed).model
            judge(f"digits, {name}", _codes(model), model.reconstruct(x))
    pca = Pca.fit(train, min(30, Pca.most(train)))
    judge("digits, PCA", pca.encode, pca.reconstruct(x).clamp(0, 1))
    return found


def _codes(model: Autoencoder) -> Encode:
    """Exact values to codes: ``model.encode`` would round a tensor to 256 steps."""

    def encode(x: Tensor) -> Tensor:
        with model.evaluating():
            return model.posterior(x.to(model.device)).z.cpu()

    return encode


def curve(t: Tensor) -> Tensor:
    """A curl in space, t (N,) in [0, 1] → (N, 3), all within about 1 of its middle."""
    angle = 3 * math.pi * t
    return torch.stack([angle.cos(), angle.sin(), 2.4 * t - 1.2], 1)


def judge_stretched(rows: Sequence[Row]) -> Verdict:
    """In every training the codes follow the curve in order (above 0.99), the error is below a fifth of that
    of PCA's line, and points beside the curve come to less than half of their distance from it."""
    row = by_name(rows)
    error = row["distance of a reconstruction"]
    onto = row["points beside the curve: distance from it after"]
    return verdict_of(
        min(row["rank correlation of code and place on the curve"].ours) > 0.99,
        error.mean < 0.2 * error.baselines["PCA"],
        onto.mean < 0.5 * onto.baselines["before"],
    )


@experiment(
    "figure 19",
    title="An autoencoder stretches a curve in space into a line",
    claim="A manifold of one dimension in three is stretched into a line of codes: points of one "
    "correspond to points of the other, regions do not.",
    data=(),
    judge=judge_stretched,
)
def figure_19(lab: Lab) -> Finding:
    """One number for each point of a curl, in order along it; what is beside it goes onto it."""
    train = curve(torch.rand(_count(lab) // 2, generator=generator(0, "curve")))
    places = curve(torch.linspace(0.01, 0.99, 300))
    spread = Draws(2).normal("beside the curve", (40, 3))
    beside = places[torch.arange(40) * 7] + 0.4 * spread / spread.norm(dim=1, keepdim=True)
    order: list[float] = []
    error: list[float] = []
    onto: list[float] = []
    shown: tuple[Tensor, Tensor, Tensor] | None = None
    for seed in lab.seeds:
        model = lab.model(_recipe(3, 1, epochs=100.0), Points(train), seed=seed).model
        codes = model.encode(Points(places)).z.flatten()
        back = model.reconstruct(Points(places)).reshape(-1, 3)
        pulled = model.reconstruct(Points(beside)).reshape(-1, 3)
        ranks = codes.argsort().argsort().float()
        order.append(abs(float(torch.corrcoef(torch.stack([ranks, torch.arange(300.0)]))[0, 1])))
        error.append(float((back - places).norm(dim=1).mean()))
        onto.append(float(torch.cdist(pulled, places).min(1).values.mean()))
        shown = shown or (codes, back, pulled)
    pca = Pca.fit(Points(train), 1)
    line = pca.reconstruct(Points(places).points).reshape(-1, 3)
    flat = pca.encode(Points(places).points).flatten().argsort().argsort().float()
    straight = abs(float(torch.corrcoef(torch.stack([flat, torch.arange(300.0)]))[0, 1]))
    off = float((line - places).norm(dim=1).mean())
    away = float(torch.cdist(beside, places).min(1).values.mean())
    rows = [
        Row(
            "rank correlation of code and place on the curve",
            order,
            "",
            {"PCA": straight},
            better="higher",
        ),
        Row("distance of a reconstruction", error, "", {"PCA": off}, better="lower"),
        Row("points beside the curve: distance from it after", onto, "", {"before": away}),
    ]
    words = (
        f"In {sum(each > 0.99 for each in order)} of {len(order)} trainings the codes follow the curve "
        f"in order (rank correlations {', '.join(f'{each:.3f}' for each in order)}); points come "
        f"back to {statistics.fmean(error):.3f} from where they were; the line of PCA misses by "
        f"{off:.2f}. Points {away:.2f} beside the curve end {statistics.fmean(onto):.3f} from it: "
        "whole regions of space become one piece of the line."
    )
    assert shown is not None
    codes, back, pulled = shown
    pictures = {
        "Figure 19: a curve, its codes, and what comes back; gray: points beside the curve and "
        "where they are taken": stretched(places, codes, back, beside, pulled)
    }
    return Finding(judge_stretched(rows), words, pictures, rows, (DRAWN,))
