"""Who does not belong: a class that was left out, and another set of pictures.

normal pictures ──► a short training ──► codes ──► scores, their mean rank ──► AUROC of what was never seen
               └──► PCA ──► the same scores: no network
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from narrows import recipes
from narrows.applications import detections, mean_rank
from narrows.figures import picture_rows
from narrows.images import Images
from narrows.measures import Pca
from narrows.measures.code_distances import CodeDistance, CosineKnn, Knn, LocalOutlierFactor
from narrows.measures.detection import Detection, detection
from narrows.measures.scoring import residual_of, residuals, scorer
from narrows.randomness import permutation
from narrows.training import Recipe

from .experiment import Experiment, Finding, Row, by_name, experiment
from .lab import Lab, few
from .verdicts import Verdict, verdict_of

__all__ = ["AUROC", "CLOTHES", "DIGITS", "EXPERIMENTS", "Scores", "mixed"]

Array = np.ndarray[Any, Any]
Scores = dict[str, Array]
Way = tuple[str, int, str]  # a training, how many neighbours, a score

DIGITS, CLOTHES = "mnist", "fashion_mnist"
CLASSES = 10
AUROC, PRECISION = "AUROC", ", average precision"  # a unit, and the end of a row's name
MEASURES = (("auroc", AUROC, ""), ("average_precision", "", PRECISION))
RANKED = 2_000  # normals that ranks are taken among
CHOSEN_ON = 15_000  # normals that models are trained on for a choice
STEPS = 120  # of batches of 128: longer, and codes learn what anomalies have in common with normals
VIEWS = "64, views"
USUAL_TRAINING = ("32, bent 0.05", 5)  # the recipe outlier-codes as it is
NEIGHBOURS = (5, 10)
SINGLE = ("lof", "cosine-knn", "knn", "mahalanobis", "reconstruction", "features")
MIXTURES = (("lof", "cosine-knn"), ("lof", "cosine-knn", "reconstruction"))
TO_CHOOSE = ("lof", "cosine-knn", *(" + ".join(each) for each in MIXTURES))
CHOSEN = "chosen on stand-ins"
COMPONENTS, NEAR = 50, 10  # of PCA without a network, and its neighbours
SHOWN_ALONE = (9, 1)  # classes with a row of their own for every score
RAPP = {CLOTHES: "0.737"}  # Kim et al. 2020, an autoencoder's own pathway
VARIATIONAL = ("reconstruction", "features", "kl", "elbo", "likelihood", "likelihood-ratio", "likelihood-regret")  # fmt: skip
MARGIN = 0.005  # of AUROC


# ---- a class left out ----------------------------------------------------------------------------


def judge_left_out(rows: Sequence[Row]) -> Verdict:
    """On average above each score without a network by the margin; of no class below the best of them."""
    each = _of_classes(rows)
    names = {name for row in each for name in row.baselines}
    above = (
        statistics.fmean(r.mean - r.baselines[name] for r in each if name in r.baselines)
        for name in names
    )
    return verdict_of(
        min(above) >= MARGIN, all(row.mean >= max(row.baselines.values()) for row in each)
    )


def _of_classes(rows: Sequence[Row]) -> list[Row]:
    """What was chosen, of each class."""
    return [r for r in rows if r.what.startswith(CHOSEN) and r.what.endswith(" left out")]


CLAIM = (
    "{} that the training leaves out is found by what is chosen on its two neighbours as stand-ins, with an AUROC "
    f"that is on average at least {MARGIN} above that of every score without a network and never below the best of them."
)


@experiment(
    "digits left out",
    title="A digit left out of MNIST",
    claim=CLAIM.format("A digit"),
    data=(DIGITS,),
    judge=judge_left_out,
)
def digits_left_out(lab: Lab) -> Finding:
    """AUROC and average precision of a digit among nine others, beside PCA and the nearest picture."""
    return _left_out(lab, DIGITS)


@experiment(
    "clothes left out",
    title="A kind of clothes left out of Fashion-MNIST",
    claim=CLAIM.format("A kind of clothes"),
    data=(CLOTHES,),
    judge=judge_left_out,
)
def clothes_left_out(lab: Lab) -> Finding:
    """The same of kinds of clothes, which are told from others less easily."""
    return _left_out(lab, CLOTHES)


def _left_out(lab: Lab, name: str) -> Finding:
    whole = lab.images(name, "train", limit=lab.of(small=4_000, paper=None))
    test = lab.images(name, "test", limit=lab.of(small=1_000, paper=None))
    classes = lab.of(small=SHOWN_ALONE, paper=tuple(range(CLASSES)))[: 1 if lab.tiny else None]
    trainings = _trainings(lab, whole.shape, mirror=name == CLOTHES)
    chosen = _chosen(lab, whole, trainings, classes)
    nearest = _nearest_of_each(whole, test)
    found: dict[str, dict[int, list[Detection]]] = {CHOSEN: {}}
    linear: dict[str, dict[int, list[Detection]]] = {}
    for left in classes:
        normal, truth = _without(whole, (left,)), test.label == left
        training, k, score = chosen[left]
        for way in dict.fromkeys((USUAL_TRAINING, (training, k))):
            for seed in lab.seeds:
                each = detections(_asked(lab, trainings[way[0]], normal, test, way[1], seed), truth)
                for title, one in each.items():
                    full = f"{title} ({way[0]}; {way[1]} neighbours)"
                    found.setdefault(full, {}).setdefault(left, []).append(one)
                if way == (training, k):
                    found[CHOSEN].setdefault(left, []).append(each[score])
        for title, one in _variational(lab, normal, test, left).items():
            found.setdefault(f"{title} (variational)", {})[left] = [one]
        for title, values in _without_network(normal, test, np.delete(nearest, left, 1)).items():
            linear.setdefault(title, {})[left] = [detection(values, truth)]
    rows = left_out_rows(found, linear, RAPP.get(name, ""))
    ways = "; ".join(f"{left}: {t}, {k} neighbours, {s}" for left, (t, k, s) in chosen.items())
    return Finding(
        judge_left_out(rows),
        left_out_words(rows),
        {"One of each class": picture_rows([("", _one_of_each(test))])},
        rows,
        (
            *(lab.of(small=(f"Classes {', '.join(map(str, classes))} only, 4,000 training pictures, 1,000 test "
                            "pictures, 40 steps of training and no codes of views.",), paper=())),
            f"Chosen, by the class left out: {ways}.",
        ),
    )  # fmt: skip


def _trainings(lab: Lab, shape: Sequence[int], mirror: bool) -> dict[str, Recipe]:
    """Ladders that begin as PCA, bent a little or not, and codes on which two views of a picture agree."""
    steps = lab.of(small=40, paper=STEPS)
    plain = {
        "64, plain": recipes.outlier_codes(shape, 64, reach=0.0).with_(learning_rate=2e-4),
        "64, bent 0.03": recipes.outlier_codes(shape, 64, reach=0.03).with_(learning_rate=2e-4),
        USUAL_TRAINING[0]: recipes.outlier_codes(shape),
    }
    found = {title: recipe.with_(steps=steps) for title, recipe in plain.items()}
    if lab.scale == "paper":
        found[VIEWS] = recipes.views(shape, 64, mirror=mirror).with_(steps=500)
    return found


def _chosen(
    lab: Lab, whole: Images, trainings: Mapping[str, Recipe], classes: Sequence[int]
) -> dict[int, Way]:
    """Of each class the way that is best on average for the two beside it, by models that saw none of the three."""
    cut = 5 * len(whole) // 6
    known, held = whole.select(slice(0, cut)), whole.select(slice(cut, len(whole)))
    labels = np.asarray(held.label)
    found: dict[int, dict[Way, list[float]]] = {}
    for first in sorted({*classes, *((left - 1) % CLASSES for left in classes)}):
        pair = (first, (first + 1) % CLASSES)
        normal = _without(known, pair, CHOSEN_ON + RANKED, 100)
        for training, recipe in trainings.items():
            for k in NEIGHBOURS:
                scores = _asked(lab, recipe, normal, held, k, 100)
                for left, other in (pair, pair[::-1]):
                    asked = (labels == other) | ~np.isin(labels, pair)
                    for name in TO_CHOOSE:
                        one = detection(scores[name][asked], labels[asked] == other)
                        ways = found.setdefault(left, {})
                        ways.setdefault((training, k, name), []).append(one.auroc)
    best = {left: {way: statistics.fmean(each) for way, each in found[left].items()} for left in classes}  # fmt: skip
    return {left: max(ways, key=ways.__getitem__) for left, ways in best.items()}


def _asked(lab: Lab, recipe: Recipe, normal: Images, asked: Images, k: int, seed: int) -> Scores:
    """Every single score and mixture, of a model of the normals but those that ranks are taken among."""
    ranked, known = _apart(normal, seed)
    model = lab.model(recipe, known, seed=seed).model
    ask = scorer(model, SINGLE, known, neighbours=k, seed=seed)
    own, found = ask(ranked), ask(asked)
    single = {name: values for name, values in found.items() if "/" not in name}
    return single | {" + ".join(of): mixed(own, found, of) for of in MIXTURES}


def mixed(own: Scores, asked: Scores, of: Sequence[str]) -> Array:
    """The mean rank of some scores among those of the model's own normals."""
    return mean_rank({name: own[name] for name in of}, {name: asked[name] for name in of})


def _without(images: Images, classes: Any, most: int | None = None, seed: int = 0) -> Images:
    """The pictures of the other classes, at most so many of them."""
    rows = np.flatnonzero(~np.isin(np.asarray(images.label), classes))
    if most is not None and most < len(rows):
        rows = np.sort(rows[permutation(seed, "normal", len(rows))[:most].numpy()])
    return images.select(rows)


def _apart(normal: Images, seed: int) -> tuple[Images, Images]:
    """Normals that ranks are taken among, and the others."""
    count = min(RANKED, len(normal) // 5)
    order = permutation(seed, "ranked", len(normal)).numpy()
    return normal.select(np.sort(order[:count])), normal.select(np.sort(order[count:]))


def _variational(lab: Lab, normal: Images, test: Images, left: int) -> dict[str, Detection]:
    """Scores in nats of a dense variational autoencoder, of every fifth test picture of either kind."""
    truth = test.label == left
    rows = np.concatenate([np.flatnonzero(each)[::5] for each in (truth, ~truth)])
    some = test.select(np.sort(rows))
    model = lab.model(_vae(normal.shape), normal).model
    scores = scorer(model, VARIATIONAL, samples=4)(some)
    found = detections(scores, some.label == left)
    return {name: one for name, one in found.items() if "/" not in name}


def _vae(shape: Sequence[int]) -> Recipe:
    return recipes.mlp_vae(shape).with_(epochs=2.0)


def _without_network(normal: Images, test: Images, nearest: Array) -> Scores:
    """Scores of pixels and of principal components, fitted to all normals."""
    pca = Pca.fit(normal, min(64, Pca.most(normal)))
    y = few(test)
    black = pca.encode(torch.zeros(1, *normal.shape))[0, :COMPONENTS].numpy()
    mine, theirs = (pca.encode(few(part))[:, :COMPONENTS].numpy() for part in (normal, test))
    ranked, known = (pca.encode(few(part))[:, :COMPONENTS].numpy() for part in _apart(normal, 0))
    fitted: dict[str, CodeDistance] = {
        "lof": LocalOutlierFactor(NEAR).fit(known),
        "cosine-knn": CosineKnn(NEAR, black).fit(known),
    }
    own, asked = ({name: one.score(z) for name, one in fitted.items()} for z in (ranked, theirs))
    return {
        "PCA-50, local outlier factor (20)": LocalOutlierFactor(20).fit(mine).score(theirs),
        "PCA-64, residual": (y - pca.reconstruct(y)).square().flatten(1).mean(1).numpy(),
        "PCA-50, nearest": Knn(1).fit(mine).score(theirs),
        "raw pixels, nearest": nearest.min(1),
        "PCA-50, cosine-knn": CosineKnn(NEAR, black).fit(mine).score(theirs),
        "PCA-50, lof + cosine-knn": mixed(own, asked, MIXTURES[0]),
    }


def _nearest_of_each(whole: Images, test: Images) -> Array:
    """The distance of each test picture to the nearest training picture of each class, (N, 10)."""
    y = few(test)
    each = [whole.select(whole.label == one) for one in range(CLASSES)]
    return np.stack([Knn(1).fit(few(part)).score(y) for part in each], 1)


def _one_of_each(test: Images) -> Any:
    rows = [int(np.flatnonzero(test.label == one)[0]) for one in range(CLASSES)]
    return test.batch(torch.tensor(rows))


def left_out_rows(
    found: Mapping[str, Mapping[int, Sequence[Any]]],
    linear: Mapping[str, Mapping[int, Sequence[Any]]],
    published: str,
) -> list[Row]:
    """What was chosen, of every class; every single score of two classes and on average.

    Args:
        found: a detection of each seed, by what found it and the class that was left out.
        linear: one detection, of what needs no network.
        published: the AUROC of others, on average.
    """
    rows = []
    for title, by_class in found.items():
        mine = title == CHOSEN
        alone = sorted(by_class) if mine else [left for left in SHOWN_ALONE if left in by_class]
        mean, first = f"mean of {len(by_class)}", f"{SHOWN_ALONE[0]} left out"
        groups = {f"{left} left out": [left] for left in alone} | {mean: list(by_class)}
        for said, classes in groups.items():
            for of, unit, more in MEASURES if said in (first, mean) else MEASURES[:1]:
                values, base = _over(by_class, classes, of), {}
                for name, each in linear.items() if mine else ():
                    if some := [left for left in classes if left in each]:
                        (base[name],) = _over(each, some, of)
                told = published if mine and said == mean and unit == AUROC else ""
                better: Any = "higher" if base else ""
                rows.append(Row(f"{title}: {said}{more}", values, told, base, unit, better))
    return rows


def _over(by_class: Mapping[int, Sequence[Any]], classes: Sequence[int], of: str) -> list[float]:
    """The mean over classes, of each seed."""
    runs = zip(*(by_class[left] for left in classes), strict=True)
    return [statistics.fmean(getattr(one, of) for one in run) for run in runs]


def left_out_words(rows: Sequence[Row]) -> str:
    """What was chosen beside the best without a network, on average."""
    mean = next(row for row in rows if row.what.startswith(f"{CHOSEN}: mean"))
    each = _of_classes(rows)
    best = max(mean.baselines, key=mean.baselines.__getitem__)
    above = sum(row.mean >= max(row.baselines.values()) for row in each)
    return (
        f"What is chosen on stand-ins has an AUROC of {mean.mean:.3f} on average over {len(each)} classes, the best "
        f"without a network {mean.baselines[best]:.3f} ({best}). In {above} of the classes it is "
        "not below the best without one."
    )


# ---- one set of pictures for another -------------------------------------------------------------

OF_SETS = (*VARIATIONAL[:-1], "knn", "lof", "cosine-knn", "mahalanobis")
REGRET = VARIATIONAL[-1]
RATIO_MENDED, MENDED = ("likelihood-ratio", "cosine-knn"), ("lof", "cosine-knn", "features")
BOTH_WAYS = ((CLOTHES, DIGITS), (DIGITS, CLOTHES))
OF_LIKELIHOOD = ("likelihood", "likelihood-ratio", REGRET)
WELL_ABOVE, ABOVE = 0.1, 0.01  # of AUROC


def _way(normal: str, other: str, score: str) -> str:
    return f"{normal} for normal, {other} anomalous: {score}"


def judge_sets(rows: Sequence[Row]) -> Verdict:
    """In its worse way well above the likelihoods', above every single score's, and above PCA's residual."""
    row = by_name(rows)
    mended = " + ".join(MENDED)
    worse = {
        score: min(row[_way(*way, score)].mean for way in BOTH_WAYS)
        for score in (*OF_SETS, REGRET, mended)
    }
    single = max(worse[name] for name in (*OF_SETS, REGRET))
    both = [row[_way(*way, mended)] for way in BOTH_WAYS]
    return verdict_of(
        worse[mended] >= WELL_ABOVE + max(worse[name] for name in OF_LIKELIHOOD),
        worse[mended] >= ABOVE + single,
        all(one.mean >= ABOVE + max(one.baselines.values()) for one in both),
    )


@experiment(
    "one set for another",
    title="Digits among clothes and clothes among digits",
    claim="The likelihood of a variational autoencoder takes digits for clothes. The mean rank of lof, cosine-knn and "
    f"features of the same model does not: in the worse of both ways its AUROC is at least {WELL_ABOVE} above that of "
    f"the likelihood, its ratio and its regret and {ABOVE} above that of every single score, and in each way {ABOVE} "
    "above that of PCA's residual.",
    data=(DIGITS, CLOTHES),
    judge=judge_sets,
)
def sets(lab: Lab) -> Finding:
    """AUROC and average precision of the other set's test pictures among as many of its own."""
    found: dict[tuple[str, str], dict[str, list[Detection]]] = {}
    linear: dict[tuple[str, str], float] = {}
    shown = []
    for way in BOTH_WAYS:
        whole = lab.images(way[0], "train", limit=lab.of(small=4_000, paper=None))
        tests = [lab.images(one, "test", limit=lab.of(small=500, paper=None)) for one in way]
        shown.append((way[0], few(tests[0], 10)))
        linear[way] = residual_between(whole, tests)
        for seed in lab.seeds:
            ranked, normal = _apart(whole, seed)
            model = lab.model(_vae(normal.shape), normal, seed=seed).model
            near = _without(normal, (), 20_000, seed)
            ask = scorer(model, OF_SETS, near, samples=4, seed=seed)
            own, scores = ask(ranked), [ask(test) for test in tests]
            both = {n: np.concatenate([s[n] for s in scores]) for n in own if "/" not in n}
            for of in (RATIO_MENDED, MENDED):
                both[" + ".join(of)] = mixed(own, both, of)
            each = detections(both, _second(tests))
            # thirty steps of gradient a picture: of every tenth
            some = [test.select(slice(0, len(test), 10)) for test in tests]
            ask = scorer(model, (REGRET,), samples=1, seed=seed)
            each[REGRET] = detection(np.concatenate([ask(t)[REGRET] for t in some]), _second(some))
            for name, one in each.items():
                found.setdefault(way, {}).setdefault(name, []).append(one)
    rows = sets_rows(found, linear)
    small = "4,000 pictures of either set to learn from, 500 test pictures."
    return Finding(
        judge_sets(rows),
        sets_words(rows),
        {"Test pictures": picture_rows(shown)},
        rows,
        lab.of(small=(small,), paper=()),
    )


def _second(tests: Sequence[Images]) -> Array:
    """Which pictures are of the second set."""
    return np.repeat([False, True], [len(test) for test in tests])


def residual_between(normal: Images, tests: Sequence[Images]) -> float:
    """The AUROC of the residual of PCA of 64 components of the normals."""
    pca = residual_of(normal, 64)
    return detection(np.concatenate([residuals(pca, one) for one in tests]), _second(tests)).auroc


def sets_rows(
    found: Mapping[tuple[str, str], Mapping[str, Sequence[Any]]],
    linear: Mapping[tuple[str, str], float],
) -> list[Row]:
    """Both ways of every score."""
    rows, mended = [], " + ".join(MENDED)
    for way, scores in found.items():
        for name, runs in sorted(scores.items(), key=lambda pair: pair[0] != mended):
            what, mine = _way(*way, name), name == mended
            base = {"PCA-64, residual": linear[way]} if mine else {}
            better: Any = "higher" if mine else ""
            rows += [
                Row(what, [one.auroc for one in runs], "", base, AUROC, better),
                Row(what + PRECISION, [one.average_precision for one in runs]),
            ]
    return rows


def sets_words(rows: Sequence[Row]) -> str:
    """The mean rank and the likelihood, both ways."""
    row = by_name(rows)
    said = []
    for way in BOTH_WAYS:
        mended = " + ".join(MENDED)
        of = {name: row[_way(*way, name)].mean for name in (mended, "likelihood", "cosine-knn")}
        (base,) = row[_way(*way, mended)].baselines.values()
        told = ", ".join(f"{name} {value:.3f}" for name, value in of.items())
        said.append(f"{way[0]} for normal: {told}, PCA's residual {base:.3f}.")
    return " ".join(said)


EXPERIMENTS: tuple[Experiment, ...] = (digits_left_out, clothes_left_out, sets)
