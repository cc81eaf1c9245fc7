"""Anomalies among normal pictures: a digit left out, another set of pictures, and flaws of magnetic tiles.

    python benchmarks/outliers/run.py --part digits --choose     which training and score, on stand-ins
    python benchmarks/outliers/run.py --part baselines digits    ten digits × three seeds
    python benchmarks/outliers/run.py --part papers              the same digits by variational scores
    python benchmarks/outliers/run.py --set fashion_mnist --part baselines digits --choose, then without
    python benchmarks/outliers/run.py --part sets                MNIST and Fashion-MNIST, each for the other
    python benchmarks/outliers/run.py --part tiles               magnetic tiles, chosen on painted flaws
    python benchmarks/outliers/run.py --quick                    tiny runs of all: do they work?

Digits: the model sees the other nine digits of the training set, less 2,000 pictures that ranks are taken
among, and is asked about the 10,000 test pictures. ``--choose`` looks at training pictures only: for each
neighbouring pair of digits a model is trained on the other eight, and both are anomalies among 10,000
pictures held out. A digit's training and score are those that do best on its two neighbours, by models
that saw neither them nor the digit itself. Kinds of clothes (``--set fashion_mnist``) go the same way, by
their numbers, into a file of their own.

Baselines are fitted to the same normals in the same run. A row that is there already is kept.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

import narrows as nw
from narrows import files
from narrows.applications import detections, mean_rank
from narrows.measures import Pca, scorer
from narrows.measures.code_distances import CosineKnn, Knn, LocalOutlierFactor
from narrows.measures.detection import detection
from narrows.randomness import permutation
from narrows.training import Recipe

HERE = Path(__file__).parent
RESULTS = {"mnist": "results.json", "fashion_mnist": "fashion_mnist.json"}
MIRRORED = ("fashion_mnist",)  # what stays what it is in a mirror
SEEDS = (0, 1, 2)
RANKED = 2_000
CHOSEN_ON = 15_000
STEPS = 120  # of batches of 128: longer, and codes learn what anomalies have in common with normals
# trainings of a ladder that begins as PCA: numbers of a code, how far a digit is bent, rate; and codes on
# which two views of a digit agree, with steps of their own
CANDIDATES: dict[str, dict[str, float]] = {
    "64, plain": {"width": 64, "rate": 2e-4},
    "64, bent 0.03": {"width": 64, "reach": 0.03, "rate": 2e-4},
    "32, bent 0.05": {"width": 32, "reach": 0.05, "rate": 5e-4},
    "64, views": {"width": 64, "steps": 500},
}
MIXTURES: dict[str, tuple[str, ...]] = {
    "lof": ("lof",),
    "cosine-knn": ("cosine-knn",),
    "lof + cosine-knn": ("lof", "cosine-knn"),
    "lof + cosine-knn + reconstruction": ("lof", "cosine-knn", "reconstruction"),
}
SCORES = ("lof", "cosine-knn", "knn", "mahalanobis", "reconstruction", "features")
CHOSEN = "chosen on stand-ins"
K = 10  # of patches, and of PCA's directions
OF_PAPERS = (
    "reconstruction",
    "features",
    "kl",
    "elbo",
    "likelihood",
    "likelihood-ratio",
    "likelihood-regret",
)
MENDED = (("likelihood-ratio", "cosine-knn"), ("lof", "cosine-knn", "features"))
OF_SETS = (*OF_PAPERS[:-1], "knn", "lof", "cosine-knn", "mahalanobis")
TILE = 128
SIDES = (8, 16, 32)
WIDTHS = {8: 48, 16: 16, 32: 16}
PATCH_RATE = 2e-5  # further from PCA, errors of brightness drown those of flaws
OF_PATCHES = ("local-excess", "reconstruction", "lof")
SHARES = (0.0001, 0.002, 0.01, 0.05)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {one.__name__: one for one in (baselines, digits, papers, sets, tiles)}
    options.add_argument("--part", choices=parts, nargs="+", default=list(parts))
    options.add_argument("--set", choices=RESULTS, default="mnist", help="of classes left out")
    options.add_argument("--seed", type=int, nargs="+", default=list(SEEDS))
    options.add_argument("--digit", type=int, nargs="+", default=list(range(10)), help="left out")
    options.add_argument("--training", choices=CANDIDATES, help="this one, whatever was chosen")
    options.add_argument("--neighbours", type=int, default=5, help="of all scores that have some")
    options.add_argument("--choose", action="store_true")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--results", type=Path, help="default: beside this file, by the set")
    given = options.parse_args()
    given.results = given.results or HERE / RESULTS[given.set]
    torch.set_num_threads(given.threads)
    if given.quick:
        given.seed, given.digit = [0], [9]
    for part in given.part:
        parts[part](given)


# ---- a digit left out ----------------------------------------------------------------------------


def digits(given: argparse.Namespace) -> None:
    whole, test = classes(given)
    if given.choose or given.quick:
        choose(given, whole)
    if given.choose:
        return
    for seed in given.seed:
        for digit in given.digit:
            name, k = given.training, given.neighbours
            if given.quick:  # of another set nothing may be chosen yet
                name = "32, bent 0.05"
            elif name is None:
                name, k, _ = chosen(read(given.results), digit)

            def made(digit: int = digit, seed: int = seed, name: str = name, k: int = k) -> Any:
                return digit_row(name, k, digit, seed, whole, test, given.set in MIRRORED)

            key = {"digit": digit, "seed": seed, "training": name, "neighbours": k}
            keep(given, "digits", key, made)


def baselines(given: argparse.Namespace) -> None:
    whole, test = classes(given)
    for digit in given.digit:
        keep(given, "baselines", {"digit": digit}, lambda d=digit: baseline(d, whole, test))


def classes(given: argparse.Namespace) -> tuple[Any, Any]:
    whole, test = (nw.images.named(given.set, split=part) for part in ("train", "test"))
    if given.quick:
        return whole.select(slice(0, 3000)), test.select(slice(0, 500))
    return whole, test


def recipe_of(shape: tuple[int, ...], candidate: str, n: int, mirror: bool) -> Recipe:
    """The recipe ``outlier-codes`` with a candidate's numbers, as long as it is for many pictures.

    Or the recipe ``views``, which has no decoder that was trained; clothes may be mirrored, digits not.
    """
    one = CANDIDATES[candidate]
    if candidate.endswith("views"):
        views = nw.recipes.views(shape, int(one["width"]), mirror=mirror)
        return views.with_(steps=int(one["steps"]))
    recipe = nw.recipes.outlier_codes(shape, int(one["width"]), reach=one.get("reach", 0.0))
    return recipe.with_(epochs=STEPS * 128 / n, learning_rate=one["rate"])


def trained(candidate: str, normal: Any, seed: int, mirror: bool) -> Any:
    """A ladder that begins as PCA of the normals; convolutions and all else are trained."""
    recipe = recipe_of(tuple(normal.shape), candidate, len(normal), mirror)
    return nw.fit(recipe, normal, seed=seed, report="quiet")


def choose(given: argparse.Namespace, whole: Any) -> None:
    """AUROC of each training and mixture for both of each neighbouring pair, by a model of neither."""
    known = whole.select(slice(0, len(whole) * 5 // 6))
    held = whole.select(slice(len(whole) * 5 // 6, len(whole)))
    for first in given.digit if not given.quick else [8, 9]:
        pair = (first, (first + 1) % 10)
        for candidate in list(CANDIDATES) if not given.quick else ["32, bent 0.05"]:

            def judged(pair: Any = pair, candidate: str = candidate) -> dict[str, Any]:
                normal = without(known, pair, CHOSEN_ON + RANKED, 100)
                ranked, normal = apart(normal, 100)
                model = trained(candidate, normal, 100, given.set in MIRRORED)
                ask = scorer(model, (*SCORES[:2], "reconstruction"), normal, neighbours=given.neighbours)  # fmt: skip
                own, scores = ask(ranked), ask(held)
                return {
                    "auroc": {
                        str(digit): {
                            name: auroc(mixed(own, scores, of), held.label, digit, pair)
                            for name, of in MIXTURES.items()
                        }
                        for digit in pair
                    }
                }

            key = {"pair": list(pair), "candidate": candidate, "neighbours": given.neighbours}
            keep(given, "choice", key, judged)


def chosen(known: dict[str, Any], digit: int) -> tuple[str, int, str]:
    """Training, neighbours and mixture of the best mean over the two digits beside this one."""
    means: dict[tuple[str, int, str], list[float]] = {}
    for row in known.get("choice", []):
        if digit in row["pair"]:
            (other,) = (d for d in row["pair"] if d != digit)
            for name, value in row["auroc"][str(other)].items():
                key = (row["candidate"], row["neighbours"], name)
                means.setdefault(key, []).append(value)
    if not means:
        raise SystemExit(f"nothing is chosen for {digit} yet: run with --choose first")
    most = max(map(len, means.values()))  # a candidate that one neighbour has not judged yet waits
    return max(
        (k for k in means if len(means[k]) == most), key=lambda k: statistics.fmean(means[k])
    )


def digit_row(
    candidate: str, k: int, digit: int, seed: int, whole: Any, test: Any, mirror: bool
) -> dict[str, Any]:
    ranked, normal = apart(without(whole, (digit,)), seed)
    began = time.process_time()
    model = trained(candidate, normal, seed, mirror)
    took = time.process_time() - began
    ask = scorer(model, SCORES, normal, neighbours=k, seed=seed)
    own, scores = ask(ranked), ask(test)
    whole_scores = {key: value for key, value in scores.items() if "/" not in key}
    for title, of in MIXTURES.items():
        if len(of) > 1:
            whole_scores[title] = mixed(own, scores, of)
    found = detections(whole_scores, test.label == digit)
    return {
        "processor_seconds": round(took, 1),
        "found": {key: one.document() for key, one in found.items()},
    }


def baseline(digit: int, whole: Any, test: Any) -> dict[str, Any]:
    """PCA, neighbours and a local outlier factor, fitted to all normals."""
    normal = without(whole, (digit,))
    x, y = (part.batch(torch.arange(len(part))) for part in (normal, test))
    pca = Pca.fit(normal, 64)
    mine, theirs = pca.encode(x).numpy(), pca.encode(y).numpy()
    black = pca.encode(torch.zeros(1, *normal.shape))[0].numpy()
    fifty = LocalOutlierFactor(20).fit(mine[:, :50])
    scores = {
        "PCA-50, local outlier factor (20)": fifty.score(theirs[:, :50]),
        "PCA-64, residual": (y - pca.reconstruct(y)).square().flatten(1).mean(1).numpy(),
        "PCA-50, nearest": Knn(1).fit(mine[:, :50]).score(theirs[:, :50]),
        "raw pixels, nearest": np.delete(nearest_by_digit(whole, test), digit, 1).min(1),
        "PCA-50, cosine-knn": CosineKnn(K, black[:50]).fit(mine[:, :50]).score(theirs[:, :50]),
        "PCA-50, lof + cosine-knn": mixed_of_pca(pca, normal, theirs[:, :50], black[:50]),
    }
    return {"found": {k: v.document() for k, v in detections(scores, test.label == digit).items()}}


def mixed_of_pca(pca: Pca, normal: Any, asked: Any, black: Any) -> Any:
    """Our mixture with no network: of 50 principal components instead of a trained code."""
    rows = (pca.encode(part.batch(torch.arange(len(part)))) for part in apart(normal, 0))
    own, known = (part.numpy()[:, :50] for part in rows)
    fitted = {
        "lof": LocalOutlierFactor(K).fit(known),
        "cosine-knn": CosineKnn(K, black).fit(known),
    }
    scores = ({name: one.score(z) for name, one in fitted.items()} for z in (own, asked))
    return mixed(*scores, ("lof", "cosine-knn"))


@functools.cache
def nearest_by_digit(whole: Any, test: Any) -> Any:
    """The distance of each test picture to the nearest training picture of each digit (N, 10)."""
    y = test.batch(torch.arange(len(test)))
    rows = [np.flatnonzero(whole.label == digit) for digit in range(10)]
    each = [Knn(1).fit(whole.batch(torch.from_numpy(one))).score(y) for one in rows]
    return np.stack(each, 1)


def without(images: Any, digits: Any, most: int | None = None, seed: int = 0) -> Any:
    """The pictures of the other digits, at most so many of them."""
    rows = np.flatnonzero(~np.isin(images.label, digits))
    if most is not None and most < len(rows):
        rows = np.sort(rows[permutation(seed, "normal", len(rows))[:most].numpy()])
    return images.select(rows)


def apart(normal: Any, seed: int) -> tuple[Any, Any]:
    """2,000 normals that ranks are taken among, and the others."""
    count = min(RANKED, len(normal) // 5)
    order = permutation(seed, "ranked", len(normal)).numpy()
    return normal.select(np.sort(order[:count])), normal.select(np.sort(order[count:]))


def mixed(own: Any, scores: Any, of: tuple[str, ...]) -> Any:
    if len(of) == 1:
        return scores[of[0]]
    return mean_rank({name: own[name] for name in of}, {name: scores[name] for name in of})


def auroc(scores: Any, labels: Any, digit: int, pair: Any) -> float:
    asked = (labels == digit) | ~np.isin(labels, pair)
    return round(detection(scores[asked], labels[asked] == digit).auroc, 5)


# ---- the same digits by scores of papers ---------------------------------------------------------


def papers(given: argparse.Namespace) -> None:
    """A dense variational autoencoder of the other nine digits; every fifth test picture."""
    whole, test = classes(given)
    some = test.select(slice(0, len(test), 5))
    for digit in given.digit:

        def made(digit: int = digit) -> dict[str, Any]:
            normal = without(whole, (digit,))
            model = variational(normal, 0, given.quick)
            ask = scorer(model, OF_PAPERS, samples=4)
            found = detections(ask(some), some.label == digit)
            return {"found": {k: v.document() for k, v in found.items() if "/" not in k}}

        keep(given, "papers", {"digit": digit}, made)


def variational(normal: Any, seed: int, quick: bool) -> Any:
    recipe = nw.recipes.mlp_vae(normal.shape)
    return nw.fit(recipe, normal, epochs=0.2 if quick else 2, seed=seed, report="quiet")


# ---- one set of pictures for another -------------------------------------------------------------


def sets(given: argparse.Namespace) -> None:
    """A variational autoencoder of one set, asked about the test pictures of both."""
    for seed in given.seed:
        for name, other in (("fashion_mnist", "mnist"), ("mnist", "fashion_mnist")):

            def made(name: str = name, other: str = other, seed: int = seed) -> dict[str, Any]:
                normal = nw.images.named(name, split="train")
                tests = [nw.images.named(one, split="test") for one in (name, other)]
                if given.quick:
                    normal, tests = normal.select(slice(0, 2000)), [t.select(slice(0, 200)) for t in tests]  # fmt: skip
                ranked, normal = apart(normal, seed)
                model = variational(normal, seed, given.quick)
                near = without(normal, (), 20_000, seed)
                ask = scorer(model, OF_SETS, near, samples=4, seed=seed)
                own, scores = ask(ranked), [ask(test) for test in tests]
                both = {k: np.concatenate([s[k] for s in scores]) for k in own if "/" not in k}
                for of in MENDED:
                    both[" + ".join(of)] = mixed(own, {k: both[k] for k in own if k in both}, of)
                truth = np.repeat([False, True], [len(test) for test in tests])
                found = detections(both, truth)
                # thirty steps of gradient a picture: a tenth of them
                ask = scorer(model, ("likelihood-regret",), samples=1, seed=seed)
                few = [test.select(slice(0, len(test), 10)) for test in tests]
                regret = np.concatenate([ask(test)["likelihood-regret"] for test in few])
                truth = np.repeat([False, True], [len(test) for test in few])
                found["likelihood-regret"] = detection(regret, truth)
                return {"found": {k: v.document() for k, v in found.items()}}

            keep(given, "sets", {"normal": name, "anomalies": other, "seed": seed}, made)


# ---- flaws of magnetic tiles ---------------------------------------------------------------------


def tiles(given: argparse.Namespace) -> None:
    """Maps of patches of several sides: chosen on painted flaws, then asked about real ones."""
    pictures, masks, kinds, test = tile_pictures()
    good = pictures[~test]
    order = permutation(0, "tiles", len(good)).numpy()
    held, fitted = good[order[:50]], good[order[50:]]
    if given.quick:
        held, fitted = held[:6], fitted[:8]
    flaws, where = painted(held)
    asked = np.concatenate([held, flaws])
    marks = np.concatenate([np.zeros_like(where[: len(held)]), where])

    def choice() -> dict[str, Any]:
        maps = {**pca_maps(fitted, asked), **patch_maps(fitted, held, asked, 100)}
        return {"found": {name: judged(m, marks, marks.any((1, 2))) for name, m in maps.items()}}

    keep(given, "tiles_choice", {"pictures": "painted flaws"}, choice)
    if given.choose or given.quick:
        return
    (found,) = (row["found"] for row in read(given.results)["tiles_choice"])
    asked, kinds, marks = pictures[test], kinds[test], masks[test]
    truth = kinds != "good"
    seen = ~(truth & ~marks.any((1, 2)))  # four masks are empty

    def row(of_pca: bool, make: Any) -> dict[str, Any]:
        mine = {name: one for name, one in found.items() if name.startswith("PCA") == of_pca}
        for_pixels = max(mine, key=lambda name: mine[name]["pixels"])
        tried = [(value, name, share) for name in mine for share, value in mine[name]["pictures"].items()]  # fmt: skip
        _, for_pictures, share = max(tried)
        maps = make({for_pixels, for_pictures})
        by_picture = of_pictures(maps[for_pictures], float(share))
        by_kind = {}
        for kind in sorted(set(kinds[truth])):
            some = ~truth | (kinds == kind)
            by_kind[str(kind)] = round(detection(by_picture[some], truth[some]).auroc, 4)
        pixels = detection(maps[for_pixels][seen].ravel(), marks[seen].ravel())
        return {
            "maps": {"pixels": for_pixels, "pictures": for_pictures},
            "share": share,
            "pixels": round(pixels.auroc, 4),
            "pictures": detection(by_picture, truth).document(),
            "by_kind": by_kind,
        }

    def baseline() -> dict[str, Any]:
        return row(True, lambda names: pca_maps(fitted, asked))

    keep(given, "tiles", {"method": "PCA on patches"}, baseline)
    for seed in given.seed:

        def ours(seed: int = seed) -> dict[str, Any]:
            return row(False, lambda names: patch_maps(fitted, held, asked, seed, names))

        keep(given, "tiles", {"method": "codes of patches", "seed": seed}, ours)


def tile_pictures() -> tuple[Any, Any, Any, Any]:
    """uint8 (N, 128, 128), masks of the same shape, classes (N,), and who is of the test (N,)."""
    folder = Path(os.environ["NARROWS_DATA"]) / "magnetic_tile"
    with open(folder / "split.csv", newline="") as opened:
        rows = list(csv.DictReader(opened))

    def read_one(name: str) -> Any:
        with Image.open(folder / name) as opened:
            return np.asarray(opened.convert("L").resize((TILE, TILE), Image.Resampling.BOX))

    pictures = np.stack([read_one(row["image"]) for row in rows])
    masks = np.stack([read_one(row["mask"]) > 127 for row in rows])
    kinds = np.array([row["class"] for row in rows])
    masks[kinds == "good"] = False
    return pictures, masks, kinds, np.array([row["split"] == "test" for row in rows])


def painted(pictures: Any) -> tuple[Any, Any]:
    """A made flaw on each picture: a spot, a crack, a stain or a broken edge."""
    draws = np.random.default_rng(1)
    made, where = [], []
    for picture in pictures:
        mask, factor = a_flaw(draws)
        while not mask.any():
            mask, factor = a_flaw(draws)
        made.append(np.clip(picture * np.where(mask, factor, 1), 0, 255).astype(np.uint8))
        where.append(mask)
    return np.stack(made), np.stack(where)


def a_flaw(draws: Any) -> tuple[Any, float]:
    """Where it is (128, 128), and what it multiplies brightness by."""
    y, x = np.mgrid[:TILE, :TILE] / TILE
    down, across = draws.uniform(0.1, 0.9, 2)
    kind = draws.integers(4)
    if kind == 0:  # a spot
        (a, b), turn = draws.uniform(0.012, 0.05, 2), draws.uniform(0, np.pi)
        u = (x - across) * np.cos(turn) + (y - down) * np.sin(turn)
        v = (y - down) * np.cos(turn) - (x - across) * np.sin(turn)
        return (u / a) ** 2 + (v / b) ** 2 < 1, draws.uniform(0.3, 0.75)
    if kind == 1:  # a crack
        at, turn, wide = np.array([down, across]), draws.uniform(0, 2 * np.pi), draws.uniform(0.004, 0.01)  # fmt: skip
        mask = np.zeros((TILE, TILE), bool)
        for _ in range(draws.integers(60, 200)):
            turn += draws.normal() * 0.3
            at = at + 0.005 * np.array([np.sin(turn), np.cos(turn)])
            mask |= (y - at[0]) ** 2 + (x - at[1]) ** 2 < wide**2
        return mask, draws.uniform(0.3, 0.75)
    if kind == 2:  # a stain, darker or brighter
        a, b = draws.uniform(0.15, 0.5, 2)
        factor = draws.choice([draws.uniform(0.5, 0.75), draws.uniform(1.3, 1.8)])
        return ((x - across) / a) ** 2 + ((y - down) / b) ** 2 < 1, factor
    coarse = Image.fromarray(draws.normal(size=(6, 6)).astype(np.float32))
    rough = np.asarray(coarse.resize((TILE, TILE), Image.Resampling.BICUBIC)) > 0.3
    mask = (np.minimum(x, 1 - x) < 0.12) & rough
    return (mask if draws.random() < 0.5 else mask.T), draws.uniform(0.2, 0.6)


def cut(pictures: Any, side: int) -> Any:
    """Patches of one side, half a side or 4 pixels apart: (N, P, side²) in [0, 1]."""
    x = torch.from_numpy(pictures)[:, None].float() / 255
    return F.unfold(x, side, stride=step_of(side)).transpose(1, 2)


def step_of(side: int) -> int:
    return max(4, side // 4)


def spread(values: Any, side: int) -> Any:
    """A value of each patch (N, P) → of each pixel, the mean of the patches over it (N, 128, 128)."""
    each = torch.as_tensor(values).float()[:, None].expand(-1, side * side, -1)
    shape, step = (TILE, TILE), step_of(side)
    total = F.fold(each, shape, side, stride=step)
    return (total / F.fold(torch.ones_like(each[:1]), shape, side, stride=step))[:, 0].numpy()


def some_patches(pictures: Any, side: int, most: int, seed: int) -> Any:
    rows = cut(pictures, side).reshape(-1, side * side)
    return rows[permutation(seed, "patches", len(rows))[:most]]


def pca_maps(fitted: Any, asked: Any) -> dict[str, Any]:
    """Squared residuals of patches, plain and beside the picture's own median."""
    found = {}
    for side in SIDES:
        known = some_patches(fitted, side, 40_000, 0)
        mean = known.mean(0)
        vectors = torch.linalg.eigh(torch.cov(known.T)).eigenvectors
        for k in (4, 16, 48):
            basis = vectors[:, -k:]

            def residual(x: Any, mean: Any = mean, basis: Any = basis) -> Any:
                x = x - mean
                return (x - x @ basis @ basis.T).square().mean(2)

            values = torch.cat([residual(cut(part, side)) for part in pieces(asked)])
            one = spread(values, side)
            found[f"PCA {k} of {side}×{side}"] = one
            middle = np.median(one, (1, 2), keepdims=True)
            found[f"PCA {k} of {side}×{side}, beside its median"] = one / middle
    return found


def patch_maps(
    fitted: Any, held: Any, asked: Any, seed: int, wanted: set[str] | None = None
) -> dict[str, Any]:
    """Scores of an autoencoder of patches for each side, and their mean ranks over the sides."""
    maps: dict[str, Any] = {}
    ranks: dict[str, list[Any]] = {}
    for side in SIDES:
        known = some_patches(fitted, side, 40_000, seed).reshape(-1, 1, side, side)
        names = [
            name
            for name in OF_PATCHES
            if wanted is None or {f"{name} of {side}×{side}", f"{name}, mean ranks"} & wanted
        ]
        if not names:
            continue
        recipe = nw.recipes.outlier_codes((1, side, side), WIDTHS[side], reach=0.0)
        recipe = recipe.with_(epochs=STEPS * 128 / len(known), learning_rate=PATCH_RATE)
        model = nw.fit(recipe, known, seed=seed, report="quiet")
        ask = scorer(model, names, known[:5000], neighbours=K, seed=seed)

        def of_patches(part: Any, ask: Any = ask, side: int = side) -> dict[str, Any]:
            x = cut(part, side)
            found = ask(x.reshape(-1, 1, side, side))
            return {name: values.reshape(len(part), -1) for name, values in found.items()}

        parts = [of_patches(part) for part in pieces(np.concatenate([held, asked]))]
        for name in names:
            both = spread(np.concatenate([part[name] for part in parts]), side)
            maps[f"{name} of {side}×{side}"] = both[len(held) :]
            normal = np.sort(both[: len(held)].ravel()[::7])
            rank = np.searchsorted(normal, both[len(held) :].ravel()) / len(normal)
            ranks.setdefault(name, []).append(rank.reshape(asked.shape))
    for name, several in ranks.items():
        maps[f"{name}, mean ranks"] = np.mean(several, axis=0)
    return maps


def pieces(pictures: Any) -> Any:
    return np.array_split(pictures, max(1, len(pictures) // 30))


def of_pictures(maps: Any, share: float) -> Any:
    """The mean of the most anomalous share of the pixels (N,)."""
    flat = np.sort(maps.reshape(len(maps), -1), 1)
    return flat[:, -max(1, int(share * flat.shape[1])) :].mean(1)


def judged(maps: Any, marks: Any, truth: Any) -> dict[str, Any]:
    return {
        "pixels": round(detection(maps.ravel()[::3], marks.ravel()[::3]).auroc, 4),
        "pictures": {
            str(share): round(detection(of_pictures(maps, share), truth).auroc, 4)
            for share in SHARES
        },
    }


# ---- results -------------------------------------------------------------------------------------


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


def keep(given: argparse.Namespace, table: str, key: dict[str, Any], made: Any) -> None:
    """Make a row that is not there yet, and add it to what is in the file by then."""
    if any(key.items() <= row.items() for row in read(given.results).get(table, [])):
        return
    row = {**key, **made()}
    print(table, json.dumps(row), flush=True)
    if given.quick:
        return
    known = read(given.results)
    known.setdefault(table, []).append(row)
    whose = "" if given.set == "mnist" else f"--set {given.set} "
    known["command"] = (
        f"python benchmarks/outliers/run.py {whose}--part digits --choose, then without"
    )
    known["what"] = "anomalies among normal pictures; the prevalence stands beside each number"
    known["summary"] = summary(known)
    known["torch"] = torch.__version__
    files.write_bytes(given.results, (json.dumps(known, indent=1) + "\n").encode())


def summary(known: dict[str, Any]) -> list[dict[str, Any]]:
    """Per score and digit the means over the seeds, the one chosen on stand-ins first."""
    values: dict[str, dict[int, list[dict[str, float]]]] = {}
    for row in known.get("digits", []):
        digit, found = row["digit"], row["found"]
        if any(digit in r["pair"] for r in known.get("choice", [])):
            training, k, by = chosen(known, digit)
            if (row["training"], row["neighbours"]) == (training, k):
                values.setdefault(CHOSEN, {}).setdefault(digit, []).append(found[by])
        for name, one in found.items():
            values.setdefault(
                f"{name} ({row['training']}; {row['neighbours']} neighbours)", {}
            ).setdefault(digit, []).append(one)
    for table in ("baselines", "papers"):
        for row in known.get(table, []):
            for name, one in row["found"].items():
                title = f"{name} (variational)" if table == "papers" else name
                values.setdefault(title, {}).setdefault(row["digit"], []).append(one)
    return [
        {
            "score": title,
            "digits": {
                str(digit): {
                    "auroc": round(statistics.fmean(one["auroc"] for one in several), 4),
                    "average_precision": round(
                        statistics.fmean(one["average_precision"] for one in several), 4
                    ),
                    "prevalence": round(several[0]["prevalence"], 4),
                    "seeds": len(several),
                }
                for digit, several in sorted(by_digit.items())
            },
        }
        for title, by_digit in sorted(values.items(), key=lambda pair: pair[0] != CHOSEN)
    ]


if __name__ == "__main__":
    main()
