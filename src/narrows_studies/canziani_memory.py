"""Canziani 2020: one number for each point, learnt by heart ("the model could simply associate …")."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from narrows.figures import lines, picture_rows
from narrows.measures import Pca, mean_picture, psnr
from narrows.parts import Part
from narrows.recipes import mlp_autoencoder
from narrows.training import Phase

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab, few, through
from .verdicts import Verdict, verdict_of

__all__ = ["one_number"]

KEPT = 40  # pictures that are learnt by heart
STEPS = 6000.0  # of all of them at once
SHOWN = 12
TRAINED, NEW, OTHERS = (
    "PSNR of the digits of the training",
    "PSNR of new digits",
    "new digits that come back nearer to one of the training than to themselves",
)


def judge_one_number(rows: Sequence[Row]) -> Verdict:
    """Known digits 6 dB better than PCA's with one number; new ones no better, and most as others."""
    row = by_name(rows)
    return verdict_of(
        row[TRAINED].mean > row[TRAINED].baselines["PCA, 1 number"] + 6,
        row[NEW].mean <= row[NEW].baselines["PCA, 1 number"] and row[OTHERS].mean > 0.5,
    )


@experiment(
    "one number per point",
    title="A code of one number learns a set by heart",
    claim="Given a powerful encoder and decoder, a model could associate one number to each point and "
    "learn the mapping: an under-complete layer can overfit too.",
    data=("digits",),
    judge=judge_one_number,
)
def one_number(lab: Lab) -> Finding:
    """Forty digits and forty others through D = 1, beside PCA with one number."""
    images = lab.images("digits", size=8)
    count = min(KEPT, len(images) // 2)
    train = images.select(torch.arange(count))
    x, others = few(train), images.batch(torch.arange(count, 2 * count))
    pca = Pca.fit(train, 1)
    base = {
        name: {"PCA, 1 number": _decibels(each, pca.reconstruct(each)), "the mean digit": _decibels(each, mean_picture(train).expand_as(each))}
        for name, each in ((TRAINED, x), (NEW, others))
    }  # fmt: skip
    nearest = x[torch.cdist(others.flatten(1), x.flatten(1)).argmin(1)]
    base[NEW]["the nearest digit of the training"] = _decibels(others, nearest)
    phase = Phase(steps=int(STEPS), batch_size=count, learning_rate=1e-3, precision="float32")
    recipe = mlp_autoencoder(train.shape, 1, widths=(512, 256, 128)).with_(
        name="one-number", likelihood=Part("gaussian", {"variance": 0.01}), phases=(phase,)
    )
    found: dict[str, list[float]] = {TRAINED: [], NEW: [], OTHERS: []}
    shown: list[tuple[str, Tensor]] = []
    walk: Tensor | None = None
    curve: tuple[list[float], list[float]] = ([], [])
    for seed in lab.seeds:
        made = lab.model(recipe, train, seed=seed)
        model = made.model
        back, back_others = through(model, x), through(model, others)
        found[TRAINED].append(_decibels(x, back))
        found[NEW].append(_decibels(others, back_others))
        own = (back_others - others).flatten(1).norm(dim=1)
        known = torch.cdist(back_others.flatten(1), x.flatten(1)).amin(1)
        found[OTHERS].append(float((known < own).double().mean()))
        if seed == lab.seeds[0]:
            z = model.encode(train).z.flatten()
            order = z.argsort()[:: max(1, count // SHOWN)][:SHOWN]
            shown = [
                ("training", x[order]), ("through one number", back[order]),
                ("new", others[:SHOWN]), ("through one number", back_others[:SHOWN]),
            ]  # fmt: skip
            line = torch.linspace(float(z.min()), float(z.max()), 3 * SHOWN)[:, None]
            with model.evaluating():
                walk = model.decode(line.to(model.device)).cpu()
            curve = ([r["step"] for r in made.records], [r["loss"] for r in made.records])
    rows = [
        Row(TRAINED, found[TRAINED], "", base[TRAINED], "dB"),
        Row(NEW, found[NEW], "", base[NEW], "dB"),
        Row(OTHERS, found[OTHERS]),
    ]
    row = by_name(rows)
    words = (
        f"The {count} digits of the training come back at {row[TRAINED].mean:.1f} dB, PCA with one number "
        f"gives {base[TRAINED]['PCA, 1 number']:.1f}; {count} others come back at {row[NEW].mean:.1f} dB "
        f"(PCA {base[NEW]['PCA, 1 number']:.1f}, the nearest digit of the training "
        f"{base[NEW]['the nearest digit of the training']:.1f}), {row[OTHERS].mean:.0%} of them nearer to "
        "one of the training than to themselves: the one number says which point it is, and no more."
    )
    assert walk is not None
    pictures = {
        "Digits by their one number, above what comes back; and digits that it has not seen": picture_rows(
            shown
        ),
        "Along the one number, from its lowest to its highest": picture_rows(
            [("", walk[start : start + SHOWN]) for start in range(0, len(walk), SHOWN)]
        ),
    }
    if len(curve[0]) > 1:
        pictures["The loss of the training, nats"] = lines({"loss": {"loss": curve}}, "steps")
    about = (
        f"The text names no set: ours are {count} digits of 8×8 pixels. The network is ours too: "
        "64-512-256-128-1 and back, trained with all of them in each step."
    )
    return Finding(judge_one_number(rows), words, pictures, rows, (about,))


def _decibels(x: Tensor, back: Tensor) -> float:
    return float(psnr(x, back.clamp(0, 1)).mean())
