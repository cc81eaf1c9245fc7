"""Kovenko & Bogach 2020, section 3.2: what the encoder finds in a face, and who can use it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from narrows.applications import (
    baseline_features,
    evaluate_classifier,
    extract_features,
    feature_maps,
    fit_classifier,
    label_efficiency,
    untrained,
)
from narrows.autoencoder import Autoencoder
from narrows.collection import nearest
from narrows.figures import kernel_grid, label_curves, picture_rows

from .experiment import Finding, Row, by_name, experiment
from .kovenko_faces import CODE, COLOURS, SET, Faces, coarse, deviations, faces, labels_of, trained
from .lab import Lab
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS"]

NEIGHBOURS = 6
MAPS = 8
CELLS = 4  # maps are averaged over so many cells along each side before a probe sees them


def _pooled(model: Autoencoder, level: int) -> Callable[[Tensor], Tensor]:
    """A level's maps averaged over cells, (B, C, H, W) → (B, K · cells)."""

    def rows(x: Tensor) -> Tensor:
        with model.evaluating():
            maps = model.ladder.descend(x.to(model.device)).levels[level]
        return F.adaptive_avg_pool2d(maps.cpu(), CELLS).flatten(1)

    return rows


def judge_levels(rows: Sequence[Row]) -> Verdict:
    """The last maps tell more than before training, and the most of all levels."""
    last = rows[-1]
    return verdict_of(
        last.mean > last.baselines["untrained"], last.mean == max(row.mean for row in rows)
    )


@experiment(
    "figure 7",
    title="Feature maps of the convolutions",
    claim="Training for reconstruction makes the encoder learn complex features; those of the last "
    "convolutions are the most complex.",
    data=(SET,),
    judge=judge_levels,
)
def figure_7(lab: Lab) -> Finding:
    """Maps of one face; the eye colour that a linear probe reads from each level."""
    of = faces(lab)
    known, truth = labels_of(of.train, "eyes"), labels_of(of.test, "eyes")
    right: dict[int, list[float]] = {}
    raw: dict[int, list[float]] = {}
    pictures: dict[str, Any] = {}
    for seed in lab.seeds:
        model = trained(lab, of, seed=seed).model
        depth = len(model.ladder) + 1
        for level in range(depth):
            for found, of_model in ((right, model), (raw, untrained(model, seed))):
                seen = _pooled(of_model, level)
                probe = fit_classifier(
                    extract_features(seen, of.train), known, "linear", choose=False
                )
                tested = evaluate_classifier(probe, extract_features(seen, of.test), truth)
                found.setdefault(level, []).append(tested.accuracy)
        if not pictures:
            pictures = _maps(model, of.x[:1])
    mean = {level: statistics.fmean(values) for level, values in right.items()}
    before = {level: statistics.fmean(values) for level, values in raw.items()}
    last = max(mean)
    rows = [
        Row(
            "pixels: eye colour" if level == 0 else f"level {level}: eye colour",
            values if level else values[:1],
            "",
            {"untrained": before[level]} if level else {},
            better="higher",
        )
        for level, values in right.items()
    ]
    words = (
        f"A linear probe tells the eye colour from the last maps with {100 * mean[last]:.0f} %, from "
        f"pixels averaged over as many cells with {100 * mean[0]:.0f} %, and from the last maps of "
        f"the encoder before its training with {100 * before[last]:.0f} %. Level by level: "
        + ", ".join(f"{100 * value:.0f} %" for value in mean.values())
        + "."
    )
    return Finding(
        judge_levels(rows),
        words,
        pictures,
        rows,
        deviations(
            lab,
            of,
            f"Complexity is read as what a linear probe finds in maps averaged over {CELLS}×{CELLS} "
            "cells.",
        ),
    )


def _maps(model: Autoencoder, x: Tensor) -> dict[str, Any]:
    def levels(batch: Tensor) -> list[Tensor]:
        return list(model.ladder.descend(batch.to(model.device)).levels)

    side = x.shape[2:]
    with model.evaluating():
        found = [feature_maps(levels, x, level)[0] for level in range(len(model.ladder) + 1)]
    rows: list[tuple[str, Tensor]] = [("face", x)]
    for level, maps in enumerate(found[1:], 1):
        liveliest = maps.flatten(1).var(1).argsort(descending=True)[:MAPS]
        size = "×".join(str(s) for s in maps.shape[2:])
        rows.append((f"convolution {level}, {size}", F.interpolate(maps[liveliest], side)))
    every = f"Figure 7: the last convolution, all {len(found[-1])} maps of one face"
    return {
        every: kernel_grid(found[-1]),
        "Each convolution's liveliest maps of that face": picture_rows(rows),
    }


def judge_neighbours(rows: Sequence[Row]) -> Verdict:
    """Of either colour, neighbours share it a quarter more often than any two faces."""
    return verdict_of(*(row.mean > 1.25 * row.baselines["any face"] for row in rows))


@experiment(
    "figure 8",
    title="Similar faces by the distance of codes",
    claim="Nearest neighbours among the codes are similar pictures.",
    data=(SET,),
    judge=judge_neighbours,
)
def figure_8(lab: Lab) -> Finding:
    """Whether the neighbours of a test face have its hair and eye colour."""
    of = faces(lab)

    def shares(known: Any, asked: Any) -> tuple[Any, dict[str, float]]:
        places, _ = nearest([known], asked, NEIGHBOURS)
        return places, {
            name: float(
                (labels_of(of.train, name)[places] == labels_of(of.test, name)[:, None]).mean()
            )
            for name in COLOURS
        }

    ours: dict[str, list[float]] = {name: [] for name in COLOURS}
    shown: list[tuple[str, Tensor]] = []
    for seed in lab.seeds:
        model = trained(lab, of, seed=seed).model
        both = (model.encode(images).z.numpy() for images in (of.train, of.test))
        places, found = shares(*both)
        for name, share in found.items():
            ours[name].append(share)
        for i in range(6) if not shown else ():
            near = of.train.batch(torch.from_numpy(places[i]))
            shown.append((f"query {i + 1}", torch.cat([of.x[i : i + 1], near])))
    pca = of.pca()
    others = {
        f"PCA, {len(pca)} numbers": shares(
            extract_features(pca.encode, of.train), pca.encode(of.x).numpy()
        ),
        "pixels at 16×16": shares(extract_features(coarse, of.train), coarse(of.x).numpy()),
    }
    base = {name: {other: found[name] for other, (_, found) in others.items()} for name in COLOURS}
    for name in COLOURS:
        known, truth = labels_of(of.train, name), labels_of(of.test, name)
        base[name]["any face"] = float((known[None, :] == truth[:, None]).mean())
    rows = [
        Row(f"neighbours of the same {words}", ours[name], "", base[name], better="higher")
        for name, words in COLOURS.items()
    ]
    mean = {name: statistics.fmean(values) for name, values in ours.items()}
    words = "; ".join(
        f"{100 * mean[name]:.0f} % of the {NEIGHBOURS} nearest have the same {what} ("
        + ", ".join(f"{other} {100 * value:.0f} %" for other, value in base[name].items())
        + ")"
        for name, what in COLOURS.items()
    )
    captions = ["query", *(str(i + 1) for i in range(NEIGHBOURS))]
    return Finding(
        judge_neighbours(rows),
        f"Of {len(of.test)} test faces {words}.",
        {"Figure 8: test faces and the nearest training faces": picture_rows(shown, captions)},
        rows,
        deviations(
            lab, of, "Similar is read as: the same colour a quarter more often than by chance."
        ),
    )


OURS = ("codes", "last maps")
PROBES = ("knn", "linear", "svm")


def _candidates(lab: Lab, of: Faces, seed: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """What colours are told from: functions of pictures (B, C, H, W) to rows (B, …)."""
    model = trained(lab, of, seed=seed).model
    raw = untrained(model, seed)
    beside = baseline_features(of.train, CODE, lambda x: raw.encode(x).z)
    del beside["raw pixels"]
    ours = (lambda x: model.encode(x).z, _pooled(model, len(model.ladder)))
    return {**dict(zip(OURS, ours, strict=True)), **beside, "pixels at 16×16": coarse}


def judge_transfer(rows: Sequence[Row]) -> Verdict:
    """Of either colour, the better of ours tells more than no training does, and than PCA."""
    row = by_name(rows)
    facts = []
    for what in COLOURS.values():
        ours = [row[f"{what} from {title}"] for title in OURS]
        base = ours[0].baselines
        linear = next(title for title in base if title.startswith("PCA"))
        best = max(each.mean for each in ours)
        facts += [best > base["encoder, untrained"], best > base[linear]]
    return verdict_of(*facts)


@experiment(
    "§3.2 transfer",
    title="Transfer learning: colours told from codes",
    claim="What the encoder learns without labels makes it a good candidate for transfer learning.",
    data=(SET,),
    judge=judge_transfer,
)
def transfer(lab: Lab) -> Finding:
    """Hair and eye colour from codes and from the last maps, beside PCA, pixels and no training."""
    of = faces(lab)
    rows: list[Row] = []
    words: list[str] = []
    curves: dict[str, Any] = {}
    whole = not lab.tiny
    for name, what in COLOURS.items():
        known, truth = labels_of(of.train, name), labels_of(of.test, name)
        found: dict[str, list[float]] = {}
        base: dict[str, float] = {}
        few: dict[str, Any] = {}
        for seed in lab.seeds:
            for title, function in _candidates(lab, of, seed).items():
                if seed != lab.seeds[0] and title not in OURS:
                    continue
                rows_of = extract_features(function, of.train), extract_features(function, of.test)
                best = max(
                    (fit_classifier(rows_of[0], known, kind) for kind in PROBES[: 3 * whole or 1]),
                    key=lambda made: made.held_out or 0.0,
                )
                right = evaluate_classifier(best, rows_of[1], truth).accuracy
                if title in OURS:
                    found.setdefault(title, []).append(right)
                else:
                    base[title] = right
                if seed == lab.seeds[0]:
                    few[title] = label_efficiency(
                        rows_of[0], known, rows_of[1], truth, draws=3 if whole else 1
                    )
        names, counts = np.unique(known, return_counts=True)
        base["the most frequent colour"] = float((truth == names[counts.argmax()]).mean())
        rows += [
            Row(f"{what} from {title}", values, "", base, better="higher")
            for title, values in found.items()
        ]
        mean = {title: statistics.fmean(values) for title, values in found.items()}
        words.append(
            f"{what}: {100 * mean['codes']:.0f} % from codes and {100 * mean['last maps']:.0f} % "
            "from the last maps, "
            + ", ".join(f"{other} {100 * value:.0f} %" for other, value in base.items())
        )
        curves[f"{what.capitalize()} by the number of labels"] = label_curves(
            few, title=f"{what.capitalize()}: accuracy by labels"
        )
    return Finding(
        judge_transfer(rows),
        "; ".join(words) + ".",
        curves,
        rows,
        deviations(
            lab,
            of,
            "The labels are the hair and eye colours of the same set of faces; the document names "
            "no set. The encoder is kept as it is, and the kind of classifier is chosen on a fifth "
            "of the training faces.",
        ),
    )


EXPERIMENTS = (figure_7, figure_8, transfer)
