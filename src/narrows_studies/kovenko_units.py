"""Kovenko & Bogach 2020: units that give in to the prior, training for longer, and pooling against turns."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

import torch

from narrows.figures import lines
from narrows.images.transforms import Rotation
from narrows.measures import (
    active_units,
    edge_energy,
    frechet_distance,
    level_invariance,
    squared_error,
)
from narrows.measures.anomaly_scores import anomaly_scores
from narrows.recipes import kovenko_2020_autoencoder, kovenko_2020_vae, kovenko_2020_vae_warm_up
from narrows.training import Recipe

from .experiment import Finding, Row, by_name, experiment
from .kovenko_faces import SET, deviations, drawn, faces, trained, warm_up_of
from .kovenko_vae import CLASSIC, NORM, WARM, vae_of
from .lab import Lab
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS"]

VARIANCE = 0.01
SLOW = "warm-up"
SMALL_TIMES, TIMES = (0.125, 0.25, 0.5, 1.0), (0.25, 0.5, 1.0, 2.0)  # of the scale's epochs
COMPONENTS = 32  # of the training faces, that drawn ones are judged by
ANGLES = (10.0, 30.0)  # degrees
TURN: Any = Rotation()
POOLED, STRIDED = "maximum pooling", "strides"


def _plain(recipe: Recipe) -> Recipe:
    return recipe.with_(name="kovenko-2020-vae-slow", ladder=recipe.ladder.with_(norm="none"))


def judge_active(rows: Sequence[Row]) -> Verdict:
    """With the warm-up fewer units give in, whether the network has batch normalisation or not."""
    row = by_name(rows)

    def used(name: str) -> float:
        return row[f"units in use, {name}"].mean

    return verdict_of(used(WARM) > used(NORM), used(SLOW) > used(CLASSIC))


@experiment(
    "§4.2 inactive units",
    title="Units that give in to the prior, with and without the warm-up",
    claim="The KL makes some of the latent units inactive during training; a warm-up of its weight tackles that.",
    data=(SET,),
    judge=judge_active,
)
def inactive(lab: Lab) -> Finding:
    """Units of variance above 0.01 over test faces (Burda et al. 2016), of four models that differ in one thing each."""
    of = faces(lab)
    warm_up = warm_up_of(lab)
    used: dict[str, list[float]] = {}
    nats: dict[str, list[float]] = {}
    size = 0
    for name in (CLASSIC, SLOW, NORM, WARM):
        for seed in lab.seeds:
            if name == SLOW:
                model = trained(
                    lab, of, kovenko_2020_vae_warm_up, seed=seed, changed=_plain,
                    variance=VARIANCE, warm_up=warm_up,
                ).model  # fmt: skip
            else:
                model = vae_of(lab, of, name, seed).model
            active = active_units(model, of.test)
            size = len(active)
            used.setdefault(name, []).append(float(active.sum()))
            kl = anomaly_scores(model, of.test, ("kl",))["kl"]
            nats.setdefault(name, []).append(float(kl.mean()))
    rows = [
        Row(f"units in use, {name}", values, "", {}, f"of {size}") for name, values in used.items()
    ]
    rows += [Row(f"KL, {name}", values, "", {}, "nats") for name, values in nats.items()]
    mean = {name: statistics.fmean(values) for name, values in used.items()}
    words = (
        f"Of {size} units {mean[CLASSIC]:.1f} are in use without the warm-up and {mean[SLOW]:.1f} with it; with "
        f"batch normalisation {mean[NORM]:.1f} and {mean[WARM]:.1f}."
    )
    more = (
        "A unit is in use if its mean varies by more than 0.01 over the test faces. The models with the warm-up "
        "have its epochs on top.",
    )
    return Finding(judge_active(rows), words, {}, rows, deviations(lab, of, *more, vae=True))


def judge_longer(rows: Sequence[Row]) -> Verdict:
    """The longest training draws truer and sharper faces than half of it, and that than the shortest."""

    def course(what: str) -> list[float]:
        of_it = {_times(one): one.mean for one in rows if one.what.startswith(what)}
        return [of_it[times] for times in sorted(of_it)]

    distance, sharp = course("Fréchet distance"), course("sharpness")
    return verdict_of(distance[-1] < distance[-2] < distance[0], sharp[-1] > sharp[-2] > sharp[0])


def _times(row: Row) -> float:
    """How many times the epochs a row is of."""
    return float(row.what.rpartition(", ")[2].split()[0])


@experiment(
    "§5 longer",
    title="Trained for longer, as a curve",
    claim="Drawn faces are not that sharp and have artefacts; training for longer should enhance them.",
    data=(SET,),
    judge=judge_longer,
)
def longer(lab: Lab) -> Finding:
    """The variational autoencoder for an eighth of the longest training to all of it, each training whole."""
    of = faces(lab)
    n, all_times = len(of.x), lab.of(small=SMALL_TIMES, paper=TIMES)
    pca = of.pca(min(COMPONENTS, n - 2))
    real = pca.encode(of.x)
    found: dict[float, dict[str, list[float]]] = {times: {} for times in all_times}
    for times in all_times:
        lab.forget_curves()  # only the longest training may still improve and tell nothing
        for seed in lab.seeds:
            vae = trained(
                lab, of, kovenko_2020_vae, seed=seed, variance=VARIANCE,
                stretched=times,
            )  # fmt: skip
            made = drawn(lab, of, vae, n, seed)
            values = {
                "Fréchet distance": frechet_distance(real, pca.encode(made)),
                "sharpness ÷ that of real faces": float(
                    edge_energy(made).mean() / edge_energy(of.x).mean()
                ),
                "mean squared error": float(
                    squared_error(of.x, vae.model.reconstruct(of.test)).mean()
                ),
            }
            for key, value in values.items():
                found[times].setdefault(key, []).append(value)
    from_training = of.train.batch(torch.arange(min(n, len(of.train))))
    base = {
        "Fréchet distance": {
            "real training faces": frechet_distance(real, pca.encode(from_training))
        },
        "mean squared error": {
            f"PCA, {len(of.pca())} numbers": float(
                squared_error(of.x, of.pca().reconstruct(of.x).clamp(0, 1)).mean()
            )
        },
    }
    keys = list(found[all_times[0]])
    rows = [
        Row(f"{key}, {times:g} times the epochs", found[times][key], "", base.get(key, {}))
        for key in keys for times in all_times
    ]  # fmt: skip
    mean = {key: [statistics.fmean(found[times][key]) for times in all_times] for key in keys}
    told = "; ".join(
        f"{key} {', '.join(f'{value:.3g}' for value in values)}" for key, values in mean.items()
    )
    words = f"With {', '.join(f'{t:g}' for t in all_times)} times the epochs: {told}."
    pictures = {
        "Against the epochs": lines(
            {key: {key: (all_times, values)} for key, values in mean.items()}, "times the epochs"
        )
    }
    more = f"The Fréchet distance is that of {len(pca)} components of the training faces."
    return Finding(judge_longer(rows), words, pictures, rows, deviations(lab, of, more, vae=True))


def judge_pooling(rows: Sequence[Row]) -> Verdict:
    """Below the pictures, a turn moves the levels of the network that pools less: in most of them, and in the code."""
    row = by_name(rows)
    ahead = [
        one.mean > row[one.what.replace(POOLED, STRIDED)].mean
        for one in rows
        if POOLED in one.what and "level 0" not in one.what
    ]
    codes = [
        row[f"code, {POOLED}, {angle:g}°"].mean > row[f"code, {STRIDED}, {angle:g}°"].mean
        for angle in ANGLES
    ]
    return verdict_of(sum(ahead) > len(ahead) / 2, all(codes))


@experiment(
    "§3.1 pooling",
    title="Pooling and turned pictures, level by level",
    claim="Maximum pooling makes the model more robust to rotations.",
    data=(SET,),
    judge=judge_pooling,
)
def pooling(lab: Lab) -> Finding:
    """1 − how far a turn moves a level, beside how far another picture is; pooling against strides."""
    of = faces(lab)
    found: dict[str, list[float]] = {}
    for name in (POOLED, STRIDED):

        def made(recipe: Recipe, name: str = name) -> Recipe:
            if name == POOLED:
                return recipe
            ladder = recipe.ladder.with_(down="stride")
            return recipe.with_(name="kovenko-2020-autoencoder-strided", ladder=ladder)

        for seed in lab.seeds:
            model = trained(lab, of, kovenko_2020_autoencoder, seed=seed, changed=made).model
            for angle in ANGLES:
                for level, value in level_invariance(model, of.test, TURN, angle).items():
                    where = level if level == "code" else f"level {level}"
                    found.setdefault(f"{where}, {name}, {angle:g}°", []).append(value)
    rows = [Row(what, values) for what, values in found.items()]
    row = by_name(rows)
    told = "; ".join(
        f"by {angle:g}° the code keeps {row[f'code, {POOLED}, {angle:g}°'].mean:.2f} with pooling and "
        f"{row[f'code, {STRIDED}, {angle:g}°'].mean:.2f} with strides"
        for angle in ANGLES
    )
    words = f"Turned {told} (1: nothing moves; 0: as far as to another picture)."
    levels = [what.split(",")[0] for what in found if f"{POOLED}, {ANGLES[0]:g}°" in what]
    pictures = {
        "What stays where it is, by level": lines(
            {
                f"turned by {angle:g}°": {
                    name: (
                        range(len(levels)),
                        [row[f"{at}, {name}, {angle:g}°"].mean for at in levels],
                    )
                    for name in (POOLED, STRIDED)
                }
                for angle in ANGLES
            },
            "level, the pictures first and the code last",
        )
    }
    return Finding(judge_pooling(rows), words, pictures, rows, deviations(lab, of))


EXPERIMENTS = (pooling, inactive, longer)
