"""Which scores find anomalies of any kind: what ``narrows outliers`` takes by default, and how it was chosen.

a class left out · one class · painted flaws ──► the default model ──► every set of up to four scores
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from narrows import recipes
from narrows.figures import picture_rows
from narrows.images import Images
from narrows.images.painted import painted
from narrows.measures.detection import detection
from narrows.measures.scoring import RESIDUAL, USUAL, scorer
from narrows.randomness import permutation

from .experiment import Experiment, Finding, Row, by_name, experiment
from .lab import Lab, few
from .own_outliers import AUROC, CLOTHES, DIGITS, mixed
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS"]

LEFT_OUT, ONE_CLASS, FLAWS = FAMILIES = ("left out", "one class", "painted flaws")
OVER_FAMILIES = "mean"
TRIED = ("lof", "cosine-knn", "knn", "mahalanobis", "local-excess", "reconstruction", "features", RESIDUAL)  # fmt: skip
LARGEST = 4  # scores of a set
NORMALS, HELD, ANOMALIES = 2_000, 600, 300
BEARABLE, BETTER = 0.02, 0.01  # of AUROC
BETTER_SETS = "sets that keep to it and are better on average"
Problem = tuple[str, Images, Images, Images]  # a family, normal pictures, held-out ones, anomalies


def judge_usual(rows: Sequence[Row]) -> Verdict:
    """On average above every single score, in no family far below PCA's residual, and no such set is better."""
    row, usual = by_name(rows), " + ".join(USUAL)
    mean = row[f"{usual}: {OVER_FAMILIES}"].mean
    return verdict_of(
        all(mean >= row[f"{one}: {OVER_FAMILIES}"].mean + BETTER for one in TRIED),
        all(
            row[f"{usual}: {family}"].mean >= row[f"{RESIDUAL}: {family}"].mean - BEARABLE
            for family in FAMILIES
        ),
        row[BETTER_SETS].mean == 0,
    )


@experiment(
    "usual scores",
    title="Which scores find anomalies of any kind",
    claim=f"The mean rank of {', '.join(USUAL)}, which `narrows outliers` takes, has over a class left out, one class "
    f"and painted flaws a mean AUROC at least {BETTER} above that of every single score. It is in none of the three "
    f"more than {BEARABLE} below PCA's residual alone, and of all sets of up to {LARGEST} scores that keep to this "
    "none is better.",
    data=("digits", DIGITS, CLOTHES, "magnetic_tile", "utkface"),
    judge=judge_usual,
)
def usual_scores(lab: Lab) -> Finding:
    """Every set of up to four scores on problems made of training pictures: no test picture is looked at."""
    sets = [each for n in range(1, LARGEST + 1) for each in itertools.combinations(TRIED, n)]
    found: dict[str, dict[str, list[list[float]]]] = {" + ".join(each): {} for each in sets}
    count = 0
    for family, normal, held, odd in _problems(lab):
        count += 1
        for seed in lab.seeds:
            half = len(held) // 2
            ask = scorer(_default(lab, normal, seed), TRIED, normal, seed=seed)
            own = ask(held.select(slice(0, half)))
            parts = [ask(held.select(slice(half, len(held)))), ask(odd)]
            asked = {name: np.concatenate([part[name] for part in parts]) for name in TRIED}
            truth = np.repeat([False, True], [len(held) - half, len(odd)])
            for each in sets:
                score = asked[each[0]] if len(each) == 1 else mixed(own, asked, each)
                of = found[" + ".join(each)].setdefault(family, [[] for _ in lab.seeds])
                of[lab.seeds.index(seed)].append(detection(score, truth).auroc)
    means = {
        name: {family: [statistics.fmean(run) for run in runs] for family, runs in of.items()}
        for name, of in found.items()
    }
    rows = usual_rows(means)
    return Finding(
        judge_usual(rows),
        usual_words(rows, len(sets), count),
        {"Clothes": picture_rows([("", few(lab.images(CLOTHES, "train"), 10))])},
        rows,
        (
            "The usual scores were chosen on such problems, with parts drawn by a program as a third set of painted "
            "flaws.",
            *lab.of(small=("A tenth of the pictures, one class of each set and 10 steps of training.",), paper=()),
        ),
    )  # fmt: skip


def _default(lab: Lab, normal: Images, seed: int) -> Any:
    """The model that ``narrows train`` makes, a tenth of the pictures kept to choose the weights by."""
    rows = permutation(seed, "validation", len(normal)).numpy()
    held, learnt = (np.sort(each) for each in np.split(rows, [max(1, len(rows) // 10)]))
    recipe, minutes = recipes.pca_vae(normal.shape), lab.of(small=None, paper=0.1)
    if minutes is None:
        recipe = recipe.with_(steps=10)
    parts = normal.select(learnt), normal.select(held)
    return lab.model(recipe, parts[0], validation=parts[1], minutes=minutes, seed=seed).model


def _problems(lab: Lab) -> Iterator[Problem]:
    """Classes and painted flaws, of pictures that no test part holds."""
    less = lab.of(small=10, paper=1)
    for name in ("digits", DIGITS, CLOTHES)[: 1 if lab.tiny else None]:
        whole = lab.images(name, None if name == "digits" else "train")
        yield from _of_labels(whole, less, lab.of(small=(1,), paper=(1, 8)))
    tiles = lab.images("magnetic_tile", "train", size=64, fit="stretch")
    faces = lab.images("utkface", size=64, limit=1_500 // less)
    for normal in (tiles, faces):
        rows = np.random.default_rng(0).permutation(len(normal))
        held = min(HELD, len(normal) // 4)
        odd = [painted(normal.pixels[i], n)[0] for n, i in enumerate(rows[held // 2 : held][:ANOMALIES])]  # fmt: skip
        # a picture that a flaw is painted on ranks no other
        left = np.r_[rows[: held // 2], rows[held // 2 + ANOMALIES : held]]
        yield FLAWS, normal.select(rows[held:]), normal.select(left), Images(torch.stack(odd))


def _of_labels(whole: Images, less: int, classes: Sequence[int]) -> Iterator[Problem]:
    kinds = np.unique(np.asarray(whole.label), return_inverse=True)[1]
    draw = np.random.default_rng(0)
    for one in classes:
        for family, own in ((LEFT_OUT, kinds != one), (ONE_CLASS, kinds == one)):
            rows, others = (draw.permutation(np.flatnonzero(each)) for each in (own, ~own))
            held = min(HELD // less, len(rows) // 4)
            yield (
                family,
                whole.select(rows[held : held + NORMALS // less]),
                whole.select(rows[:held]),
                whole.select(others[: ANOMALIES // less]),
            )


def usual_rows(means: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Row]:
    """Of the usual set, the best one, the best that keeps to the bound and each single score, by family.

    Args:
        means: AUROC by set, family and seed.
    """

    def mean(name: str) -> float:
        return statistics.fmean(statistics.fmean(each) for each in means[name].values())

    def least(name: str) -> float:
        return min(
            statistics.fmean(means[name][f]) - statistics.fmean(means[RESIDUAL][f])
            for f in FAMILIES
        )

    usual = " + ".join(USUAL)
    bearable = [name for name in means if least(name) >= -BEARABLE]
    better = [name for name in bearable if mean(name) > mean(usual)]
    names = dict.fromkeys((usual, max(means, key=mean), *better[:1], *TRIED))
    rows = []
    for name in names:
        for family in (*FAMILIES, OVER_FAMILIES):
            of = list(means[name].values()) if family == OVER_FAMILIES else [means[name][family]]
            values = [statistics.fmean(run) for run in zip(*of, strict=True)]
            rows.append(Row(f"{name}: {family}", values, unit=AUROC))
    return [*rows, Row(BETTER_SETS, [float(len(better))])]


def usual_words(rows: Sequence[Row], tried: int, problems: int) -> str:
    """The usual set beside the best single score."""
    row, usual = by_name(rows), " + ".join(USUAL)
    mean = {one: row[f"{one}: {OVER_FAMILIES}"].mean for one in (usual, *TRIED)}
    best = max(TRIED, key=mean.__getitem__)
    each = ", ".join(f"{family} {row[f'{usual}: {family}'].mean:.3f}" for family in FAMILIES)
    return (
        f"Of {tried} sets on {problems} problems {usual} has {mean[usual]:.3f} on average ({each}), the best single "
        f"score {mean[best]:.3f} ({best}); {row[BETTER_SETS].mean:.0f} sets that keep to the bound are better."
    )


EXPERIMENTS: tuple[Experiment, ...] = (usual_scores,)
