"""Kovenko & Bogach 2020, section 4: variational autoencoders, their warm-up, and outliers."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from narrows.applications import FalseAlarms, Median, decide, detections
from narrows.figures import lines, picture_rows, score_histograms
from narrows.measures import density_coverage, edge_energy, frechet_distance, squared_error
from narrows.measures.anomaly_scores import anomaly_scores
from narrows.recipes import kovenko_2020_vae, kovenko_2020_vae_warm_up
from narrows.training import Recipe

from .experiment import Finding, Row, by_name, experiment
from .judges import Judges, classifier_recipe, random_convolutions
from .kovenko_faces import (
    EPOCHS,
    SET,
    Faces,
    deviations,
    drawn,
    faces,
    trained,
    warm_up_of,
)
from .lab import Lab, Trained, across, few
from .verdicts import Verdict, verdict_of

__all__ = ["CLASSIC", "EXPERIMENTS", "NORM", "WARM", "vae_of"]

VARIANCES = (0.1, 0.01, 0.001)
ANOMALIES = "utkface"
SHOWN = 40  # draws of each model
RATE = 0.05  # of false alarms, of the calibrated threshold
CLASSIC, NORM, WARM = "classic", "batch norm", "warm-up and batch norm"
BATCH_NORM = (
    "Theirs changes two things at once, the warm-up and batch normalisation; a model with batch "
    "normalisation and no warm-up stands beside both."
)
Curve = tuple[Sequence[float], Sequence[float]]


def _normalised(recipe: Recipe) -> Recipe:
    return recipe.with_(
        name="kovenko-2020-vae-batch-norm", ladder=recipe.ladder.with_(norm="batch")
    )


def vae_of(lab: Lab, of: Faces, name: str, seed: int) -> Trained:
    """Their model of variance 0.01: classic, with batch normalisation, or with that and the warm-up."""
    if name == CLASSIC:
        return trained(lab, of, kovenko_2020_vae, seed=seed, variance=0.01)
    if name == NORM:
        return trained(lab, of, kovenko_2020_vae, seed=seed, variance=0.01, changed=_normalised)
    return trained(
        lab, of, kovenko_2020_vae_warm_up, seed=seed, variance=0.01, warm_up=warm_up_of(lab)
    )


def _judges(lab: Lab, of: Faces) -> Judges:
    """Features of faces that no compared model made: pictures → (N, D), by name.

    As many as a covariance of the test faces can have; not those of PCA, whose own draws stand beside.
    """
    recipe = classifier_recipe(of.train).with_(epochs=EPOCHS["classifier"])
    classes = lab.model(recipe, of.train, seed=lab.seeds[0]).model
    most = max(1, len(of.x) - 2)
    convolutions = random_convolutions(of.x.shape[1])
    return {
        "random convolutions": lambda x: convolutions(x)[:, :most],
        "hair colour": lambda x: classes.encode(x).z[:, :most],
    }


def _judged(by: Judges, made: Tensor, real: Tensor) -> dict[str, float]:
    """How true and how varied drawn faces are beside real ones of the same number, by every judge."""
    found: dict[str, float] = {}
    for name, features in by.items():
        one, other = features(real), features(made)
        density, coverage = density_coverage(one, other)
        spread = float(one.var(0).sum())
        found |= {
            f"Fréchet distance ({name})": 100 * frechet_distance(one, other) / spread,
            f"density ({name})": density,
            f"coverage ({name})": coverage,
        }
    found["variance ÷ that of real faces"] = float(made.var(0).mean() / real.var(0).mean())
    found["sharpness ÷ that of real faces"] = float(
        edge_energy(made).mean() / edge_energy(real).mean()
    )
    return found


def _beside(by: Judges, of: Faces) -> dict[str, dict[str, float]]:
    """The same of draws of PCA, and of other real faces."""
    n = len(of.x)
    others = {"PCA": of.pca().sample(n, seed=0).clamp(0, 1), "real faces": few(of.train, n)}
    return {name: _judged(by, made, of.x) for name, made in others.items()}


def _spaces(rows: Sequence[Row], measure: str) -> list[str]:
    """The names of the judges that rows hold a measure of."""
    found = (re.match(rf".*{measure} \(([^)]+)\)", row.what) for row in rows)
    return list(dict.fromkeys(each[1] for each in found if each))


def judge_variances(rows: Sequence[Row]) -> Verdict:
    """0.01 is the nearest to real faces for every judge; 0.1 varies the least, and less than half of them."""
    row = by_name(rows)
    nearest = [
        min(VARIANCES, key=lambda v: row[f"Fréchet distance ({space}), variance {v:g}"].mean)
        for space in _spaces(rows, "Fréchet distance")
    ]
    varied = {v: row[f"variance ÷ that of real faces, variance {v:g}"].mean for v in VARIANCES}
    return verdict_of(
        *(v == 0.01 for v in nearest), varied[0.1] == min(varied.values()) and varied[0.1] < 0.5
    )


@experiment(
    "figure 12",
    title="Faces drawn from models of three variances",
    claim="A variance of 0.01 draws the most plausible faces; with 0.1 training ends in the average "
    "picture, with 0.001 the reconstruction is too large a part.",
    data=(SET,),
    judge=judge_variances,
)
def figure_12(lab: Lab) -> Finding:
    """Draws judged in features that no compared model made, beside draws of PCA and real training faces."""
    of = faces(lab)
    judge = _judges(lab, of)
    n = len(of.x)
    found: dict[float, dict[str, list[float]]] = {}
    shown = []
    for variance in VARIANCES:
        each = found[variance] = {"mean squared error": [], "KL": []}
        for seed in lab.seeds:
            vae = trained(lab, of, kovenko_2020_vae, seed=seed, variance=variance)
            made = drawn(lab, of, vae, n, seed)
            for name, value in _judged(judge, made, of.x).items():
                each.setdefault(name, []).append(value)
            back = vae.model.reconstruct(of.test)
            each["mean squared error"].append(float(squared_error(of.x, back).mean()))
            each["KL"].append(float(anomaly_scores(vae.model, of.test, ("kl",))["kl"].mean()))
            if seed == lab.seeds[0]:
                shown += _sprite(f"variance {variance:g}", made)
    base = _beside(judge, of)
    rows = [
        Row(f"{name}, variance {variance:g}", values, "", _of(base, name))
        for name in (*list(found[0.1])[2:], "mean squared error", "KL")
        for variance, values in ((v, found[v][name]) for v in VARIANCES)
    ]
    mean = {v: {n: statistics.fmean(x) for n, x in each.items()} for v, each in found.items()}
    varied = {v: each["variance ÷ that of real faces"] for v, each in mean.items()}
    words = (
        "Fréchet distance of drawn to real faces, in hundredths of the variance of real ones, for variances of "
        f"{', '.join(f'{v:g}' for v in VARIANCES)}: "
        + "; ".join(
            f"by {space} "
            + ", ".join(f"{mean[v][f'Fréchet distance ({space})']:.3g}" for v in VARIANCES)
            + f" (PCA {base['PCA'][f'Fréchet distance ({space})']:.3g}, other real faces "
            f"{base['real faces'][f'Fréchet distance ({space})']:.3g})"
            for space in judge
        )
        + ". Drawn faces vary by "
        + ", ".join(f"{value:.2f}" for value in varied.values())
        + " of what real ones do, and have "
        + ", ".join(f"{each['sharpness ÷ that of real faces']:.3f}" for each in mean.values())
        + " of their energy of edges; a code tells "
        + ", ".join(f"{each['KL']:.0f}" for each in mean.values())
        + " nats."
    )
    return Finding(
        judge_variances(rows),
        words,
        {"Figure 12: random draws of each model": picture_rows(shown)},
        rows,
        deviations(
            lab,
            of,
            "Plausible is read as near to held-out faces by the Fréchet distance in features of untrained "
            "convolutions and of a classifier of hair colour; the average as less than half of the variance "
            "of real faces.",
            vae=True,
        ),
    )


def _sprite(name: str, made: Tensor, rows: int = 2) -> list[tuple[str, Tensor]]:
    """The first draws in rows of ten; the name stands at the first row."""
    wide = SHOWN // 4
    return [
        (name if row == 0 else "", made[row * wide : (row + 1) * wide])
        for row in range(rows)
        if len(made) > row * wide
    ]


def _of(base: Mapping[str, Mapping[str, float]], name: str) -> dict[str, float]:
    return {who: values[name] for who, values in base.items() if name in values}


def _curve(model: Trained, key: str) -> Curve:
    return [line["epoch"] for line in model.records], [line[key] for line in model.records]


def _at(curve: Curve, epoch: float) -> float:
    """The value at an epoch, or the last one before it."""
    return [
        value for at, value in zip(*curve, strict=True) if at <= epoch + 1e-9 or at == curve[0][0]
    ][-1]


def judge_warm_up(rows: Sequence[Row]) -> Verdict:
    """The KL falls by more than a tenth in the warm-up, and rises after it."""
    row = by_name(rows)
    greatest, end, last = (
        row[f"validation KL, {name}"].mean
        for name in ("greatest", "at the end of the warm-up", "last")
    )
    return verdict_of(end < 0.9 * greatest, last > end)


@experiment(
    "figure 13",
    title="The KL during the warm-up",
    claim="The KL falls while its weight grows, and rises once the weight is 1.",
    data=(SET,),
    judge=judge_warm_up,
)
def figure_13(lab: Lab) -> Finding:
    """Its greatest value in the warm-up, at the warm-up's end, and at the end of training."""
    of = faces(lab)
    end = warm_up_of(lab)
    found: dict[str, list[float]] = {"greatest": [], "at the end of the warm-up": [], "last": []}
    panels: dict[str, dict[str, Curve]] = {}
    for seed in lab.seeds:
        model = vae_of(lab, of, WARM, seed)
        both = {name: _curve(model, key) for name, key in
                (("training", "kl"), ("validation", "validation_kl"))}  # fmt: skip
        epochs, values = both["validation"]
        within = [value for at, value in zip(epochs, values, strict=True) if at <= end]
        found["greatest"].append(max(within))
        found["at the end of the warm-up"].append(_at(both["validation"], end))
        found["last"].append(values[-1])
        if not panels:
            panels = {
                "KL in nats, during the warm-up": {
                    name: (at[: len(within)], kl[: len(within)]) for name, (at, kl) in both.items()
                },
                "KL in nats, the whole training": both,
            }
    mean = {name: statistics.fmean(values) for name, values in found.items()}
    rows = [Row(f"validation KL, {name}", values, "", {}, "nats") for name, values in found.items()]
    words = (
        f"The KL of validation faces falls from {mean['greatest']:.0f} nats to "
        f"{mean['at the end of the warm-up']:.0f} at the end of the warm-up and is "
        f"{mean['last']:.0f} at the end of training."
    )
    return Finding(
        judge_warm_up(rows),
        words,
        {"Figure 13: KL during the warm-up, on a log scale, and after it": lines(
            panels, "epoch", log=True
        )},
        rows,
        deviations(lab, of, f"The warm-up lasts {end:g} epochs.", vae=True),
    )  # fmt: skip


def judge_losses(rows: Sequence[Row]) -> Verdict:
    """The KL rises in both trainings; with warm-up both reconstruction losses are lower."""
    row = by_name(rows)
    lower = (
        row[f"{WARM}: last reconstruction loss, {part}"].mean
        < row[f"{CLASSIC}: last reconstruction loss, {part}"].mean
        for part in ("training", "validation")
    )
    return verdict_of(
        *(row[f"{name}: rise of the KL"].mean > 0 for name in (CLASSIC, WARM)), *lower
    )


@experiment(
    "figure 14",
    title="KL and reconstruction with and without warm-up",
    claim="The KL rises in both trainings; with warm-up the reconstruction loss is lower on both "
    "subsets.",
    data=(SET,),
    judge=judge_losses,
)
def figure_14(lab: Lab) -> Finding:
    """The last losses of both, and of batch normalisation alone."""
    of = faces(lab)
    end = warm_up_of(lab)
    keys = {"training": "", "validation": "validation_"}
    last: dict[str, dict[str, list[float]]] = {}
    rise: dict[str, list[float]] = {}
    curves: dict[str, dict[str, dict[str, Curve]]] = {"kl": {}, "reconstruction": {}}
    for name in (CLASSIC, WARM, NORM):
        each = last[name] = {}
        for seed in lab.seeds:
            model = vae_of(lab, of, name, seed)
            for part, prefix in keys.items():
                loss = _curve(model, f"{prefix}reconstruction")
                each.setdefault(part, []).append(loss[1][-1])
                kl = _curve(model, f"{prefix}kl")
                each.setdefault(f"{part} KL", []).append(kl[1][-1])
                if part == "validation":
                    begin = _at(kl, end if name == WARM else kl[0][0])
                    rise.setdefault(name, []).append(kl[1][-1] - begin)
                if seed == lab.seeds[0]:
                    for key, curve in (("kl", kl), ("reconstruction", loss)):
                        curves[key].setdefault(name, {})[part] = curve
    mean = {name: {k: statistics.fmean(v) for k, v in each.items()} for name, each in last.items()}
    risen = {name: statistics.fmean(values) for name, values in rise.items()}
    rows = [
        Row(f"{name}: last reconstruction loss, {part}", each[part], "", {}, "nats")
        for name, each in last.items()
        for part in keys
    ]
    rows += [Row(f"{name}: rise of the KL", rise[name], "", {}, "nats") for name in rise]
    words = (
        f"The KL of validation faces changes by {risen[CLASSIC]:+.0f} nats in classic training and "
        f"by {risen[WARM]:+.0f} after the warm-up. The reconstruction loss ends at "
        f"{mean[WARM]['training']:,.0f} nats (training) and {mean[WARM]['validation']:,.0f} "
        f"(validation) with warm-up and batch normalisation, {mean[CLASSIC]['training']:,.0f} and "
        f"{mean[CLASSIC]['validation']:,.0f} without both, {mean[NORM]['training']:,.0f} and "
        f"{mean[NORM]['validation']:,.0f} with batch normalisation alone."
    )
    titles = {"kl": "KL in nats", "reconstruction": "reconstruction loss in nats"}
    pictures = {
        f"Figure 14: {titles[key]}": lines(
            {f"{titles[key]}, {name}": _late(found) for name, found in each.items()}, "epoch"
        )
        for key, each in curves.items()
    }
    return Finding(
        judge_losses(rows),
        words,
        pictures,
        rows,
        deviations(lab, of, f"The warm-up lasts {end:g} epochs.", BATCH_NORM, vae=True),
    )


def _late(curves: Mapping[str, Curve]) -> dict[str, Curve]:
    """Curves without their first epoch, which dwarfs the rest, where there are others."""
    return {name: (x[1:] or x, y[1:] or y) for name, (x, y) in curves.items()}


def judge_draws(rows: Sequence[Row]) -> Verdict:
    """With warm-up draws are sharper, and denser among real faces for every judge."""
    row = by_name(rows)
    measures = ["sharpness ÷ that of real faces"]
    measures += [f"density ({space})" for space in _spaces(rows, "density")]
    return verdict_of(
        *(row[f"{WARM}: {each}"].mean > row[f"{CLASSIC}: {each}"].mean for each in measures)
    )


@experiment(
    "figure 15",
    title="Draws with and without warm-up",
    claim="Faces drawn with warm-up and batch normalisation are a bit sharper and have fewer "
    "artefacts; the difference is really hard to tell.",
    data=(SET,),
    judge=judge_draws,
)
def figure_15(lab: Lab) -> Finding:
    """Energy of edges beside that of held-out faces, and how many draws lie among real faces."""
    of = faces(lab)
    judge = _judges(lab, of)
    n = len(of.x)
    found: dict[str, dict[str, list[float]]] = {}
    shown = []
    for name in (CLASSIC, WARM, NORM):
        for seed in lab.seeds:
            made = drawn(lab, of, vae_of(lab, of, name, seed), n, seed)
            for what, value in _judged(judge, made, of.x).items():
                found.setdefault(name, {}).setdefault(what, []).append(value)
            if seed == lab.seeds[0]:
                shown += _sprite(name, made)
    base = _beside(judge, of)
    rows = [
        Row(f"{name}: {what}", values, "", _of(base, what))
        for what in found[CLASSIC]
        for name, values in ((name, each[what]) for name, each in found.items())
    ]
    mean = {n: {k: statistics.fmean(v) for k, v in each.items()} for n, each in found.items()}
    sharp = {name: each["sharpness ÷ that of real faces"] for name, each in mean.items()}
    words = (
        f"Draws with warm-up and batch normalisation have {sharp[WARM]:.4f} of the energy of edges "
        f"of held-out faces, classic ones {sharp[CLASSIC]:.4f}, batch normalisation alone "
        f"{sharp[NORM]:.4f}, draws of PCA {base['PCA']['sharpness ÷ that of real faces']:.4f}. "
        "Their density among real faces, low where there are artefacts, is "
        + "; ".join(
            f"by {space} {mean[WARM][name]:.2f} against {mean[CLASSIC][name]:.2f} ({NORM} "
            f"{mean[NORM][name]:.2f}, other real faces {base['real faces'][name]:.2f})"
            for space, name in ((space, f"density ({space})") for space in judge)
        )
        + "."
    )
    return Finding(
        judge_draws(rows),
        words,
        {"Figure 15: draws side by side": picture_rows(shown)},
        rows,
        deviations(
            lab,
            of,
            BATCH_NORM,
            "Artefacts are read as a low density (Naeem et al. 2020) in features of untrained convolutions and "
            "of a classifier of hair colour.",
            vae=True,
        ),
    )


def judge_median(rows: Sequence[Row]) -> Verdict:
    """The KL tells photographs from faces, and few faces are above the median threshold."""
    row = by_name(rows)
    return verdict_of(
        row["area under the ROC, kl"].mean > 0.7,
        row["faces above the median threshold"].mean < 0.1,
    )


@experiment(
    "figure 16",
    title="Outliers by the KL",
    claim="A picture whose KL exceeds the median of 10,000 samples is an outlier.",
    data=(SET, ANOMALIES),
    judge=judge_median,
)
def figure_16(lab: Lab) -> Finding:
    """The median and a calibrated threshold on held-out faces and on photographs of people."""
    of = faces(lab)
    photographs = across(lab.images(ANOMALIES, size=of.x.shape[2]), len(of.test))
    truth = [False] * len(of.test) + [True] * len(photographs)
    asked = torch.cat([of.x, photographs])
    rate = max(RATE, 1 / len(of.validation))
    shares: dict[str, list[float]] = {}
    areas: dict[str, list[float]] = {}
    pictures: dict[str, Any] = {}
    for seed in lab.seeds:
        model = vae_of(lab, of, CLASSIC, seed).model
        names = ("kl", "reconstruction", "elbo")
        normal = anomaly_scores(model, of.validation, names, samples=4)
        scores = anomaly_scores(model, asked, names, samples=4)
        for name, one in detections(scores, truth).items():
            areas.setdefault(name, []).append(one.auroc)
        kl = scores["kl"].numpy()
        for title, rule in (("median", Median()), ("calibrated", FalseAlarms(rate))):
            found = decide({"kl": normal["kl"]}, {"kl": kl}, rule)
            for who, part in (("faces", found.is_outlier[: len(of.x)]),
                              ("photographs", found.is_outlier[len(of.x) :])):  # fmt: skip
                shares.setdefault(f"{who} above the {title} threshold", []).append(
                    float(part.mean())
                )
            if f"{title} threshold" not in pictures:
                groups = {"test faces": kl[: len(of.x)], "photographs": kl[len(of.x) :]}
                pictures[f"{title} threshold"] = score_histograms(
                    groups, found.threshold, f"KL and the {title} threshold", "KL in nats"
                )
        if "figure" not in pictures:
            order = torch.from_numpy(kl[: len(of.x)]).argsort()
            pictures["figure"] = picture_rows(
                [
                    ("least KL", of.x[order[:SHOWN // 4]]),
                    ("around the median", of.x[order[len(order) // 2 :][: SHOWN // 4]]),
                    ("greatest KL", of.x[order.flip(0)[: SHOWN // 4]]),
                    ("photographs", photographs[:: max(1, len(photographs) // (SHOWN // 4))][: SHOWN // 4]),
                ]
            )  # fmt: skip
    pca = of.pca()
    linear = detections({"PCA": squared_error(asked, pca.reconstruct(asked))}, truth)["PCA"].auroc
    rows = [Row(name, values) for name, values in shares.items()]
    rows += [
        Row(f"area under the ROC, {name}", values, "", {"error of PCA": linear}, better="higher")
        for name, values in areas.items()
    ]
    mean = {name: statistics.fmean(values) for name, values in shares.items()}
    area = {name: statistics.fmean(values) for name, values in areas.items()}
    alarms = mean["faces above the median threshold"]
    words = (
        f"The median calls {100 * alarms:.0f} % of held-out faces outliers, as it must, and "
        f"{100 * mean['photographs above the median threshold']:.0f} % of photographs of people; the "
        f"threshold calibrated to {100 * rate:.0f} % of false alarms "
        f"{100 * mean['faces above the calibrated threshold']:.0f} % and "
        f"{100 * mean['photographs above the calibrated threshold']:.0f} %. The KL tells "
        f"photographs from faces with an area of {area['kl']:.2f}, the reconstruction error with "
        f"{area['reconstruction']:.2f}, the bound with {area['elbo']:.2f}, the error of PCA with "
        f"{linear:.2f}."
    )
    return Finding(
        judge_median(rows),
        words,
        {
            "Figure 16: faces by their KL, and photographs as anomalies": pictures["figure"],
            "The median as threshold": pictures["median threshold"],
            "A calibrated threshold": pictures["calibrated threshold"],
        },
        rows,
        deviations(
            lab,
            of,
            f"The median is of min(10,000, N) scores: of the {len(of.validation)} validation faces.",
            f"They show no anomalies with a label; photographs of people ({ANOMALIES}) are ours.",
            vae=True,
        ),
    )


EXPERIMENTS = (figure_12, figure_13, figure_14, figure_15, figure_16)
