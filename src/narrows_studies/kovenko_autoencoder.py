"""Kovenko & Bogach 2020, section 3: the autoencoder's training, reconstructions and morphs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from narrows.applications import (
    decoder,
    extract_features,
    fit_classifier,
    morph_codes,
)
from narrows.figures import lines, picture_rows
from narrows.measures import mean_picture, sharpness, squared_error

from .experiment import Finding, Row, by_name, experiment
from .kovenko_faces import (
    COLOURS,
    SET,
    coarse,
    deviations,
    error_curves,
    faces,
    labels_of,
    mse_of,
    trained,
)
from .lab import Lab
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS"]

SHOWN = 8  # faces in a row
FACES = "of the faces themselves"


def judge_fit(rows: Sequence[Row]) -> Verdict:
    """Validation faces within a tenth of training faces; their loss within 2 % of its least."""
    row = by_name(rows)
    return verdict_of(
        row["validation ÷ training"].mean < 1.1, row["last validation loss ÷ its least"].mean < 1.02
    )


@experiment(
    "figure 4",
    title="Loss on training and validation faces",
    claim="The autoencoder does not overfit in its ten epochs.",
    data=(SET,),
    judge=judge_fit,
)
def figure_4(lab: Lab) -> Finding:
    """Mean squared error by epoch; at the end, of the same weights on all three parts."""
    of = faces(lab)
    parts = {"training": of.train, "validation": of.validation, "test": of.test}
    errors: dict[str, list[float]] = {name: [] for name in parts}
    risen: list[float] = []
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for seed in lab.seeds:
        model = trained(lab, of, seed=seed)
        for name, images in parts.items():
            errors[name].append(mse_of(model.model, images))
        epochs = [line["epoch"] for line in model.records]
        found = error_curves(of, model)
        risen.append(found["validation"][-1] / min(found["validation"]))
        if not curves:
            curves = {name: (epochs, values) for name, values in found.items()}
    gaps = [v / t for t, v in zip(errors["training"], errors["validation"], strict=True)]
    gap, rise = statistics.fmean(gaps), statistics.fmean(risen)
    pca = float(squared_error(of.x, of.pca().reconstruct(of.x)).mean())
    mean = float(squared_error(of.x, mean_picture(of.train).expand_as(of.x)).mean())
    base = {f"PCA, {len(of.pca())} numbers": pca, "mean picture": mean}
    rows = [
        Row(
            f"{name} faces: mean squared error",
            values,
            "",
            base if name == "test" else {},
            better="lower",
        )
        for name, values in errors.items()
    ]
    rows.append(Row("validation ÷ training", gaps))
    rows.append(Row("last validation loss ÷ its least", risen))
    words = (
        f"At the end the error on validation faces is {gap:.2f} times that on training faces, and "
        f"the validation loss is {100 * (rise - 1):.1f} % above its least. Test faces: "
        f"{statistics.fmean(errors['test']):.4f}, PCA of as many numbers {pca:.4f}, the mean "
        f"picture {mean:.4f}."
    )
    figure = lines({"mean squared error": curves}, "epoch")
    return Finding(
        judge_fit(rows),
        words,
        {
            "Figure 4: loss; that of training is averaged over each epoch as the weights move": figure
        },
        rows,
        deviations(lab, of, "No overfitting is read as: a gap below 10 %, and no rise above 2 %."),
    )


def judge_reconstructions(rows: Sequence[Row]) -> Verdict:
    """Less than half of the edges; nine tenths of what is told of the faces themselves."""
    row = by_name(rows)
    told = [row[f"{words} told from reconstructions"] for words in COLOURS.values()]
    return verdict_of(
        row["sharpness (1 is the original's)"].mean < 0.5,
        *(each.mean > 0.9 * each.baselines[FACES] for each in told),
    )


@experiment(
    "figure 5",
    title="Faces and their reconstructions",
    claim="Reconstructions are quite blurry, but hair colour, the size of the eyes and so on are kept.",
    data=(SET,),
    judge=judge_reconstructions,
)
def figure_5(lab: Lab) -> Finding:
    """Sharpness, and whether a classifier of colours says of the reconstruction what it says of the face."""
    of = faces(lab)
    pca = of.pca()
    by_pca = pca.reconstruct(of.x).clamp(0, 1)
    judges = {
        name: fit_classifier(
            extract_features(coarse, of.train), labels_of(of.train, name), "linear"
        )
        for name in COLOURS
    }
    on_faces = {name: judge(coarse(of.x)) for name, judge in judges.items()}
    clear: list[float] = []
    agreed: dict[str, list[float]] = {name: [] for name in COLOURS}
    right: dict[str, list[float]] = {name: [] for name in COLOURS}
    shown = []
    for seed in lab.seeds:
        back = trained(lab, of, seed=seed).model.reconstruct(of.test)
        clear.append(float(sharpness(of.x, back).nanmedian()))
        for name, judge in judges.items():
            said = judge(coarse(back))
            agreed[name].append(float((said == on_faces[name]).mean()))
            right[name].append(float((said == labels_of(of.test, name)).mean()))
        shown.append(back[:SHOWN])
    known = {name: float((on_faces[name] == labels_of(of.test, name)).mean()) for name in COLOURS}
    pca_right = {
        name: float((judge(coarse(by_pca)) == labels_of(of.test, name)).mean())
        for name, judge in judges.items()
    }
    linear = f"PCA, {len(pca)} numbers"
    pca_clear = float(sharpness(of.x, by_pca).nanmedian())
    rows = [Row("sharpness (1 is the original's)", clear, "", {linear: pca_clear})]
    for name, words in COLOURS.items():
        base = {FACES: known[name], linear: pca_right[name]}
        rows.append(
            Row(
                f"{words} told from reconstructions",
                right[name],
                "",
                base,
                better="higher",
                limits=(FACES,),
            )
        )
        rows.append(Row(f"{words}: same answer for face and reconstruction", agreed[name]))
    mean = {name: statistics.fmean(values) for name, values in right.items()}
    words = (
        f"Reconstructions have {statistics.fmean(clear):.2f} of the originals' energy of edges "
        f"(PCA {pca_clear:.2f}). Hair colour is told from {100 * mean['hair']:.0f} % of them where "
        f"it is from {100 * known['hair']:.0f} % of the faces, eye colour from "
        f"{100 * mean['eyes']:.0f} % against {100 * known['eyes']:.0f} %."
    )
    figure = picture_rows(
        [("real", of.x[:SHOWN]), ("reconstruction", shown[0]), (linear, by_pca[:SHOWN])]
    )
    return Finding(
        judge_reconstructions(rows),
        words,
        {"Figure 5: real faces and their reconstructions": figure},
        rows,
        deviations(
            lab,
            of,
            "The size of eyes has no label; the colours of hair and eyes have one, told by a linear "
            "classifier of pixels at 16×16. Kept means nine tenths of its accuracy.",
        ),
    )


def judge_morphs(rows: Sequence[Row]) -> Verdict:
    """Sharper half-way than a fade of pixels, and within a tenth of the even mixture's place."""
    row = by_name(rows)
    edges = row["edges half-way ÷ those of the ends"]
    off = row["distance of the half-way picture from the even mixture's place"]
    return verdict_of(edges.mean > edges.baselines["fade of pixels"], off.mean < 0.1)


@experiment(
    "figure 6",
    title="Morphing between two faces",
    claim="Linear combinations of two codes decode to pictures with attributes of both (eq. 3).",
    data=(SET,),
    judge=judge_morphs,
)
def figure_6(lab: Lab) -> Finding:
    """Half-way pictures: an even mixture, and no double exposure, which a fade of pixels is."""
    of = faces(lab)
    n = min(len(of.x) // 2, 64)
    alphas = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    sharp: list[float] = []
    fade: list[float] = []
    uneven: list[float] = []
    shares: list[float] = []
    shown: list[tuple[str, Any]] = []
    for seed in lab.seeds:
        model = trained(lab, of, seed=seed).model
        codes, decode = model.encode(of.x[: 2 * n]).z, decoder(model)
        found, mixed = [], []
        for i in range(n):
            two = slice(2 * i, 2 * i + 2)
            found.append(morph_codes(decode, codes[two], of.x[two], frames=11))
            first, middle, last = found[-1].frames[[0, 5, 10]]
            a, b = (float((end - middle).norm()) for end in (first, last))
            mixed.append(a / max(a + b, 1e-9))
        sharp.append(statistics.median(each.sharpness for each in found))
        fade.append(statistics.median(each.fade_sharpness for each in found))
        uneven.append(statistics.median(each.uneven for each in found))
        shares.append(statistics.median(abs(share - 0.5) for share in mixed))
        for i in range(3) if not shown else ():
            two = slice(2 * i, 2 * i + 2)
            made = morph_codes(decode, codes[two], of.x[two], alphas=alphas)
            shown += [(f"codes, pair {i + 1}", made.frames), ("pixels", made.fade)]
    mean, other = statistics.fmean(sharp), statistics.fmean(fade)
    off = statistics.fmean(shares)
    rows = [
        Row("edges half-way ÷ those of the ends", sharp, "", {"fade of pixels": other}),
        Row("largest step ÷ mean step", uneven, "", {"fade of pixels": 1.0}),
        Row("distance of the half-way picture from the even mixture's place", shares),
    ]
    words = (
        f"Over {n} pairs the half-way picture has {mean:.2f} of its ends' energy of edges, a fade "
        f"of pixels {other:.2f} (two unlike drawings on top of each other have a half); its "
        f"place between the ends is {off:.2f} off the middle."
    )
    return Finding(
        judge_morphs(rows),
        words,
        {
            "Figure 6: three morphs through codes, each above its fade": picture_rows(
                shown, [f"{alpha:g}" for alpha in alphas], corner="alpha"
            )
        },
        rows,
        deviations(lab, of),
    )


EXPERIMENTS = (figure_4, figure_5, figure_6)
