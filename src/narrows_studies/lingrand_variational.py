"""Lingrand 2021, part 3: the variational autoencoder with 28 dimensions, and units that are to be apart."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows.applications import (
    baseline_encoders,
    decode_samples,
    decoder,
    decodings,
    disentangle,
    factor_alignments,
    morph_codes,
    traverse,
)
from narrows.figures import bars, comparison, picture_grid, picture_rows
from narrows.images import Sprites
from narrows.images.views import Subset
from narrows.measures import Disentanglement, Pca, evaluate, frechet_distance, nearest_rows
from narrows.priors import sample_codes
from narrows.randomness import permutation
from narrows.recipes import higgins_2017_beta_vae, lingrand_2021_beta_vae, lingrand_2021_vae

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab, Trained, few
from .lingrand_pictures import (
    DIGITS,
    deviations,
    linear_score,
    score,
    shorter,
    test,
    train,
)
from .verdicts import Verdict, verdict_of

__all__ = [
    "beta",
    "disentangled",
    "interpolations",
    "random_codes",
    "reconstructed",
    "several",
]

UNITS = 28
BETAS = (1.0, 4.0)
ACTIVE = 0.01  # variance of a unit's mean, from which it is in use (Burda et al. 2016)
SHOWN = 10
SILENT = "Her KL takes the logarithm of σ for that of σ²; ours takes both for σ² (see the recipe)."


def _vae(lab: Lab, images: Any, seed: int) -> Trained:
    return lab.model(shorter(lab, lingrand_2021_vae(images.shape, UNITS)), images, seed=seed)


@experiment(
    "VAE with 28 dimensions",
    title="Test digits and their decodings",
    claim="A variational autoencoder of 28 dimensions gives back test digits.",
    data=(DIGITS,),
)
def reconstructed(lab: Lab) -> Finding:
    """Score, KL and units in use, beside PCA of 28 numbers."""
    images, x = train(lab, DIGITS), few(test(lab, DIGITS))
    ours, kl, active = [], [], []
    pictures: dict[str, Any] = {}
    for seed in lab.seeds:
        model = _vae(lab, images, seed).model
        back = model.reconstruct(x)
        ours.append(score(x, back))
        found = evaluate(model, x[:500], seed=seed).kl
        assert found is not None
        kl.append(float(np.mean(found)))
        active.append(float((model.encode(x).z.var(0) > ACTIVE).sum()))
        if not pictures:
            pictures = {"Test digits and decodings": comparison(x[:10], back[:10], errors=False)}
    pca = linear_score(images, x, UNITS)
    mean, used = statistics.fmean(ours), statistics.fmean(active)
    as_many = linear_score(images, x, max(1, round(used)))
    rows = [
        Row(
            "score: squared error per pixel",
            ours,
            "",
            {f"PCA, {UNITS} numbers": pca},
            better="lower",
        ),
        Row("KL of the codes", kl, "", {}, "nats"),
        Row("units in use", active, "", {}, f"of {UNITS}"),
    ]
    words = (
        f"The score is {mean:.4f} with a KL of {statistics.fmean(kl):.1f} nats; {used:.1f} of {UNITS} "
        f"units are in use. PCA of {UNITS} numbers has {pca:.4f}, PCA of as many as are in use "
        f"{as_many:.4f}."
    )
    return Finding(verdict_of(mean < as_many), words, pictures, rows, deviations(lab, SILENT))


def judge_draws(rows: Sequence[Row]) -> Verdict:
    """A pixel deviates by more than 0.005, and less than 0.1 fewer draws than digits show their digit."""
    row = by_name(rows)
    kept = row["draws that show their digit"]
    return verdict_of(
        row["deviation of a pixel over the draws"].mean > 0.005,
        kept.mean > kept.baselines["the test digits themselves"] - 0.1,
    )


@experiment(
    "several decodings",
    title="Several codes of one picture, decoded",
    claim="Of one test picture several latent representations can be drawn, with like decodings.",
    data=(DIGITS,),
    judge=judge_draws,
)
def several(lab: Lab) -> Finding:
    """How much the decodings of draws differ, and whether they stay the digit that they were."""
    images, judged = train(lab, DIGITS), test(lab, DIGITS)
    real, labels = few(images).flatten(1), np.asarray(images.label)
    x, own = few(judged, 300), np.asarray(judged.label)[:300]
    spread, kept, still = [], [], []
    pictures: dict[str, Any] = {}
    for seed in lab.seeds:
        model = _vae(lab, images, seed).model
        found = decodings(model.encode, decoder(model), x, 6, seed=seed)
        spread.append(float(found.deviation.mean()))
        _, at = nearest_rows(found.samples.flatten(0, 1).flatten(1), real)
        kept.append(float((labels[at].reshape(6, -1) == own).mean()))
        _, at = nearest_rows(found.means.flatten(1), real)
        still.append(float((labels[at] == own).mean()))
        if not pictures:
            rows_of = [("digit", x[:SHOWN])]
            rows_of += [(f"draw {i + 1}", found.samples[i, :SHOWN]) for i in range(6)]
            pictures = {"Test digits and six decodings of each": picture_rows(rows_of)}
    away, at = nearest_rows(x.flatten(1), real)
    base = float((labels[at] == own).mean())
    rows = [
        Row("deviation of a pixel over the draws", spread),
        Row("draws that show their digit", kept, "", {"the test digits themselves": base}),
        Row("decodings of the mean that show it", still),
    ]
    words = (
        f"Over six draws a pixel deviates by {statistics.fmean(spread):.3f}; "
        f"{statistics.fmean(kept):.1%} of the draws show their digit (told by the nearest training "
        f"picture), {statistics.fmean(still):.1%} of the decodings of the mean, {base:.1%} of the "
        "digits themselves."
    )
    return Finding(judge_draws(rows), words, pictures, rows, deviations(lab, SILENT))


def judge_half_way(rows: Sequence[Row]) -> Verdict:
    """Half-way pictures are nearer to a digit than fades of the pixels, and have more of the edges."""
    row = by_name(rows)
    away = row["distance of the half-way picture to the nearest training digit"]
    edges = row["energy of edges half-way beside that of the ends"]
    return verdict_of(
        away.mean < away.baselines["fade of the pixels"], edges.mean > edges.baselines["fade"]
    )


@experiment(
    "interpolations",
    title="Between the codes of two digits",
    claim="Codes between those of two digits decode to digits.",
    data=(DIGITS,),
    judge=judge_half_way,
)
def interpolations(lab: Lab) -> Finding:
    """What lies half-way, beside the fade of the pixels."""
    images, judged = train(lab, DIGITS), test(lab, DIGITS)
    real = few(images).flatten(1)
    x = few(judged, 200)
    pairs = x.reshape(-1, 2, *x.shape[1:])
    fade = pairs.mean(1)
    base = float(nearest_rows(fade.flatten(1), real)[0].mean())
    usual = float(nearest_rows(x.flatten(1), real)[0].mean())
    away, sharp, faded = [], [], []
    pictures: dict[str, Any] = {}
    for seed in lab.seeds:
        model = _vae(lab, images, seed).model
        decode, z = decoder(model), model.encode(x).z
        middle = decode(z.reshape(-1, 2, UNITS).mean(1))
        away.append(float(nearest_rows(middle.flatten(1), real)[0].mean()))
        some = [morph_codes(decode, z[i : i + 2], x[i : i + 2], frames=9) for i in range(0, 40, 2)]
        sharp.append(statistics.fmean(one.sharpness for one in some))
        faded.append(statistics.fmean(one.fade_sharpness for one in some))
        if not pictures:
            shown = [(f"{i + 1}", one.frames) for i, one in enumerate(some[:5])]
            shown.append(("5, faded", some[4].fade))
            captions = [f"{a:.2f}" for a in some[0].alphas.tolist()]
            pictures = {"From one test digit to another": picture_rows(shown, captions, corner="α")}
    mean = statistics.fmean(away)
    rows = [
        Row(
            "distance of the half-way picture to the nearest training digit",
            away,
            "",
            {"fade of the pixels": base, "test digits": usual},
        ),
        Row("energy of edges half-way beside that of the ends", sharp, "", {"fade": faded[0]}),
    ]
    words = (
        f"Half-way pictures are {mean:.2f} from the nearest training digit, fades of the pixels "
        f"{base:.2f}, test digits {usual:.2f}; they have {statistics.fmean(sharp):.2f} of the edges of "
        f"their ends, fades {faded[0]:.2f}."
    )
    return Finding(judge_half_way(rows), words, pictures, rows, deviations(lab, SILENT))


def judge_random_codes(rows: Sequence[Row]) -> Verdict:
    """Drawings of N(0, I) are less than a fifth further from a digit than test digits, and nearer than PCA's."""
    away = by_name(rows)["N(0, I): distance of a drawing to the nearest training digit"]
    return verdict_of(
        away.mean < 1.2 * away.baselines["test digits"],
        away.mean < away.baselines[f"PCA, {UNITS} numbers"],
    )


@experiment(
    "random codes",
    title="Random codes, decoded",
    claim="A code drawn at random decodes to meaningful content.",
    data=(DIGITS,),
    judge=judge_random_codes,
)
def random_codes(lab: Lab) -> Finding:
    """Draws of N(0, I), and of Gaussians and a mixture fitted to the codes afterwards."""
    images, x = train(lab, DIGITS), few(test(lab, DIGITS), 1000)
    real = few(images).flatten(1)
    ruler = Pca.fit(images, min(50, len(images) // 3))
    features = ruler.encode(x)
    pca = Pca.fit(images, min(UNITS, Pca.most(images)))
    linear = pca.sample(len(x), seed=0).clamp(0, 1)
    away: dict[str, list[float]] = {}
    apart: dict[str, list[float]] = {}
    shown: list[tuple[str, Tensor]] = []
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "N(0, I)": ("normal", {}),
        "one Gaussian, fitted": ("gaussian", {}),
        "mixture, fitted": ("mixture", {"components": lab.of(small=20, paper=100)}),
    }
    for seed in lab.seeds:
        trained = _vae(lab, images, seed)
        for name, (kind, how) in kinds.items():
            given = {key: 4 for key in how} if lab.tiny else how
            prior = lab.prior(trained, images, kind, seed=seed, **given)
            sample = partial(sample_codes, trained.model, prior)
            made = decode_samples(decoder(trained.model), sample, len(x), seed=seed).pictures
            away.setdefault(name, []).append(float(nearest_rows(made.flatten(1), real)[0].median()))
            apart.setdefault(name, []).append(frechet_distance(features, ruler.encode(made)))
            if seed == lab.seeds[0]:
                shown.append((name, made[: 2 * SHOWN]))
    usual = float(nearest_rows(x.flatten(1), real)[0].median())
    base = {f"PCA, {UNITS} numbers": frechet_distance(features, ruler.encode(linear))}
    flat = float(nearest_rows(linear.flatten(1), real)[0].median())
    rows = [
        Row(
            f"{name}: distance of a drawing to the nearest training digit",
            values,
            "",
            {f"PCA, {UNITS} numbers": flat, "test digits": usual},
        )
        for name, values in away.items()
    ]
    rows += [
        Row(f"{name}: Fréchet distance in PCA's features", values, "", base)
        for name, values in apart.items()
    ]
    near = {name: statistics.fmean(values) for name, values in away.items()}
    far = {name: statistics.fmean(values) for name, values in apart.items()}
    gauss = base[f"PCA, {UNITS} numbers"]
    words = (
        f"Drawings of N(0, I) are {near['N(0, I)']:.2f} from the nearest training digit (test digits "
        f"{usual:.2f}, Gaussian drawings of PCA {flat:.2f}) and {far['N(0, I)']:.2f} from the digits "
        f"as a set (PCA {gauss:.2f}); with a mixture fitted to the codes {near['mixture, fitted']:.2f} "
        f"and {far['mixture, fitted']:.2f}."
    )
    pictures = {
        "Random codes of N(0, I), decoded": picture_grid(shown[0][1], SHOWN),
        "By prior": picture_rows([(name, some[:SHOWN]) for name, some in shown]),
    }
    return Finding(judge_random_codes(rows), words, pictures, rows, deviations(lab, SILENT))


def judge_correlation(rows: Sequence[Row]) -> Verdict:
    """With the larger β units in use correlate by less than 0.1, and less than with the smaller."""
    row = by_name(rows)
    low, high = (row[f"mean absolute correlation of units in use, β = {b:g}"].mean for b in BETAS)
    return verdict_of(high < 0.1, high < low)


@experiment(
    "β-VAE",
    title="The KL weighed β times, and traversals",
    claim="A weight β on the KL ensures that latent variables do not correlate.",
    data=(DIGITS,),
    judge=judge_correlation,
)
def beta(lab: Lab) -> Finding:
    """Correlation of the units in use, what it costs, and one unit at a time."""
    images, x = train(lab, DIGITS), few(test(lab, DIGITS))
    measured: dict[str, dict[float, list[float]]] = {
        title: {b: [] for b in BETAS}
        for title in ("mean absolute correlation of units in use", "units in use", "score")
    }
    pictures: dict[str, Any] = {}
    for weight in BETAS:
        for seed in lab.seeds:
            recipe = lingrand_2021_beta_vae(images.shape, UNITS, beta=weight)
            model = lab.model(shorter(lab, recipe), images, seed=seed).model
            z = model.encode(x).z
            used = z.var(0) > ACTIVE
            values = (_correlation(z[:, used]), float(used.sum()), score(x, model.reconstruct(x)))
            for title, value in zip(measured, values, strict=True):
                measured[title][weight].append(value)
            if seed == lab.seeds[0]:
                mean, deviation = torch.zeros(UNITS), torch.ones(UNITS)
                found = traverse(decoder(model), mean, deviation, steps=9, reach=2.5, most=8)
                shown = [
                    (f"unit {int(unit)}", row)
                    for unit, row in zip(found.units, found.pictures, strict=True)
                ]
                captions = [f"{at:g}" for at in found.deviations.tolist()]
                pictures[f"β = {weight:g}: one unit at a time"] = picture_rows(
                    shown, captions, corner="deviations"
                )
    pca = linear_score(images, x, UNITS)
    rows = [
        Row(
            f"{title}, β = {weight:g}",
            values,
            "",
            {f"PCA, {UNITS} numbers": {"score": pca}.get(title, 0.0)}
            if title != "units in use"
            else {},
        )
        for title, by in measured.items()
        for weight, values in by.items()
    ]
    told = {
        title: {weight: statistics.fmean(values) for weight, values in by.items()}
        for title, by in measured.items()
    }
    correlation, used_, error = told.values()
    low, high = BETAS
    words = (
        f"Units in use correlate by {correlation[low]:.3f} on average with β = {low:g} "
        f"({used_[low]:.1f} units) and by {correlation[high]:.3f} with β = {high:g} ({used_[high]:.1f} "
        f"units), where the score goes from {error[low]:.4f} to {error[high]:.4f}. PCA's numbers do "
        f"not correlate at all, by construction, with a score of {pca:.4f}: no correlation is less than "
        "disentanglement."
    )
    return Finding(judge_correlation(rows), words, pictures, rows, deviations(lab, SILENT))


def _correlation(z: Tensor) -> float:
    """The mean absolute correlation of two units; 0 for fewer than two."""
    if z.shape[1] < 2:
        return 0.0
    rows = np.corrcoef(z.numpy().T)
    return float(np.abs(rows[np.triu_indices(len(rows), 1)]).mean())


def judge_disentanglement(rows: Sequence[Row]) -> Verdict:
    """With the larger β MIG and DCI's disentanglement are higher than with the smaller, MIG also than PCA's."""
    row = by_name(rows)
    (low, high), (apart_low, apart_high) = (
        [row[f"{title}, β = {weight:g}"] for weight in BETAS]
        for title in ("MIG", "DCI, disentanglement")
    )
    linear = next(value for name, value in high.baselines.items() if name.startswith("PCA"))
    return verdict_of(high.mean > low.mean, apart_high.mean > apart_low.mean, high.mean > linear)


@experiment(
    "disentanglement",
    title="β-VAE where the factors are known: MIG, DCI, SAP, FactorVAE and β-VAE scores",
    claim="β-VAE's single units stand for single factors of what pictures are made of.",
    data=("sprites",),
    judge=judge_disentanglement,
)
def disentangled(lab: Lab) -> Finding:
    """β of 1 and of 4 on sprites, beside PCA and the encoder untrained."""
    whole = Sprites()
    n, m = lab.of(small=(15_000, 5000), paper=(200_000, 10_000))
    if lab.tiny:
        n, m = 96, 1000
    order = permutation(0, "sprites", len(whole))
    images = whole.sample(n, seed=0)
    judged = Subset(whole, order[n : n + m])  # none was trained on
    found: dict[str, list[Disentanglement]] = {}
    pictures: dict[str, Any] = {}
    for weight in BETAS:
        recipe = higgins_2017_beta_vae(
            images.shape, 10, widths=lab.of(small=(256,), paper=(1200, 1200)), beta=weight
        ).with_(epochs=lab.of(small=10.0, paper=20.0))
        for seed in lab.seeds:
            model = lab.model(recipe, images, seed=seed).model
            encoders = baseline_encoders(model, images, seed=seed)
            encoders = {f"β = {weight:g}": encoders.pop("model")} | (
                encoders if weight == BETAS[0] and seed == lab.seeds[0] else {}
            )
            for name, each in disentangle(
                encoders, judged, pictures=len(judged), seed=seed
            ).items():
                found.setdefault(name, []).append(each)
            if seed == lab.seeds[0] and weight == BETAS[-1]:
                pictures = _traversals(model, found[f"β = {weight:g}"][0], whole)
    base = {n: runs[0].numbers() for n, runs in found.items() if not n.startswith("β")}
    titles = {
        "mig": "MIG",
        "disentanglement": "DCI, disentanglement",
        "completeness": "DCI, completeness",
        "informativeness": "DCI, informativeness",
        "sap": "SAP",
        "factor_vae": "FactorVAE score",
        "beta_vae": "β-VAE score",
    }
    ours = {n: [each.numbers() for each in r] for n, r in found.items() if n.startswith("β")}
    rows = [
        Row(
            f"{title}, {name}",
            [each[key] for each in runs],
            "",
            {other: values[key] for other, values in base.items()},
        )
        for key, title in titles.items()
        for name, runs in ours.items()
    ]
    mean = {
        name: {key: statistics.fmean(each[key] for each in runs) for key in titles}
        for name, runs in ours.items()
    }
    low, high = (mean[f"β = {weight:g}"] for weight in BETAS)
    linear = next(iter(base.values()))
    more_of = [title for key, title in titles.items() if high[key] > low[key]]
    words = (
        f"With β = {BETAS[1]:g} MIG is {high['mig']:.3f} (β = {BETAS[0]:g}: {low['mig']:.3f}, PCA "
        f"{linear['mig']:.3f}), DCI's disentanglement {high['disentanglement']:.3f} "
        f"({low['disentanglement']:.3f}, {linear['disentanglement']:.3f}), SAP {high['sap']:.3f} "
        f"({low['sap']:.3f}, {linear['sap']:.3f}), the FactorVAE score {high['factor_vae']:.2f} "
        f"({low['factor_vae']:.2f}, {linear['factor_vae']:.2f}) and the β-VAE score "
        f"{high['beta_vae']:.2f} ({low['beta_vae']:.2f}, {linear['beta_vae']:.2f}). Higher with β = "
        f"{BETAS[1]:g}: {'; '.join(more_of) or 'none'}."
    )
    beside = {name: [each.numbers() for each in runs] for name, runs in found.items()}
    pictures["The five measures"] = bars(
        {
            f"{title}, {name}": [each[key] for each in runs]
            for key, title in titles.items()
            for name, runs in beside.items()
            if not name.startswith("encoder")
        },
        title="0 to 1, higher is better",
    )
    more = ("Her slide shows dSprites by Higgins et al.; these are generated by the same factors.",)
    small = (
        f"At the small scale {n:,} sprites, 10 epochs, one layer of 256 units; theirs are all 737,280 "
        "and two layers of 1,200.",
    )
    return Finding(
        judge_disentanglement(rows), words, pictures, rows, (*lab.of(small=small, paper=()), *more)
    )


def _traversals(model: Any, found: Disentanglement, whole: Sprites) -> dict[str, Any]:
    """One unit at a time, named by the factor that it tells most of."""
    known = factor_alignments(found, whole.factor_names)
    z = model.encode(whole.sample(500, seed=1)).z
    result = traverse(
        decoder(model), z.mean(0), z.std(0), [one.unit for one in known], steps=9, reach=2.0
    )
    shown = [
        (f"unit {one.unit}: {one.factor} {one.share:.2f}", row)
        for one, row in zip(known, result.pictures, strict=True)
    ]
    captions = [f"{at:g}" for at in result.deviations.tolist()]
    return {"β-VAE, one unit at a time": picture_rows(shown, captions, corner="deviations")}
