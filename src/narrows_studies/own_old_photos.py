"""Old photographs: made-old pictures restored, beside our own denoising and inpainting in sequence.

clean ──OldPhoto, mixtures that were never made in training──► old ─┬─ restore ────────────────► ours
                                                                   ├─ denoise, then inpaint ──► in sequence
                                                                   └─ the map's linear beginning, filters
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from narrows.applications import by_model, denoise_batch, inpaint_batch
from narrows.applications.restore import FOUND, OldPhotos, old_photo_baselines, with_real
from narrows.applications.restored import middle
from narrows.autoencoder import Autoencoder
from narrows.figures import methods
from narrows.images import Images, split
from narrows.images.ageing import KINDS, OldPhoto
from narrows.images.patches import patches
from narrows.measures import Ridge, psnr
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.recipes import denoiser, inpainter, old_photos
from narrows.training import Recipe, fit

from .experiment import Finding, Row, experiment
from .judges import pixels_of
from .lab import Lab, through
from .own_faces import faces
from .own_photographs import opened_photograph, photographs_in
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS", "judge_old"]

FACES = "utkface"
SIDE, PIECE = 128, 64  # of pieces of photographs, and of those of the sequence
PIECES = 2048
NOISE = 0.08  # that the denoiser of the sequence learns to take out
SEEN, UNSEEN = "four-fifths", OldPhoto(mixtures="fifth")  # of all mixtures of up to five kinds
TONES = {"fading", "sepia"}
STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
MINUTES = 8.0  # of ours, and of the two of the sequence together
SHOWN, SQUARE = 10, 384  # pictures of the sheet, and their middle
MARGIN = 2.0  # dB over the sequence
SEQUENCE, LINEAR = "denoise, then inpaint", "linear, 12×12 pixels"
GIVEN, MODEL, RIDGE = "as given", "restore", "ridge regression"
NEARER, MASKS, TOLD = (
    "PSNR",
    "average precision of the found masks",
    "made-old codes told from real old ones",
)
FEW, STEPS = 96, (4, 4, 16)  # pieces and steps of the small scale

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Pictures:
    """What is trained on, what keeps the weights, and what is judged, each of the last (1, C, H, W).

    Attributes:
        small: the first two for the models of the sequence.
        real: pictures that stand for real old ones, which only the adversary sees.
    """

    train: Any
    held: Any
    small: tuple[Any, Any]
    judged: list[Tensor]
    real: Any


def judge_old(rows: Sequence[Row]) -> Verdict:
    """Ours is two decibels nearer than the sequence, and nearer than every restorer without a network."""
    (row,) = (row for row in rows if row.what == NEARER)
    rest = [value for name, value in row.baselines.items() if name != SEQUENCE]
    return verdict_of(row.mean >= row.baselines[SEQUENCE] + MARGIN, row.mean > max(rest))


CLAIM = (
    "{} made old by mixtures of ageing that were never made in training are restored nearer to the truth by at least "
    "2 dB than by our own denoising and inpainting in sequence, and nearer than by the best linear restorer."
)


@experiment(
    "old photographs",
    title="Photographs made old, restored",
    claim=CLAIM.format("Photographs"),
    data=("kodak", "camvid"),
    shown=("kodak",),
    judge=judge_old,
)
def old_photographs(lab: Lab) -> Finding:
    """PSNR of Kodak's 15 to 24 by every method, with and without the kinds that change all colours."""
    found = _photographs(lab)
    trained = (
        f"Learnt from {len(found.train):,} pieces of Kodak's 1 to 12 and of every sixth of CamVid's training pictures, "
        "and kept by pieces of Kodak's 13 and 14, on which all else was chosen too."
    )
    real = (
        "CamVid's validation pictures, aged by the unseen mixtures, stand for real old photographs."
    )
    return _restored(lab, found, (trained, real))


@experiment(
    "old faces",
    title="Faces made old, restored",
    claim=CLAIM.format("Held-out faces"),
    data=(FACES,),
)
def old_faces(lab: Lab) -> Finding:
    """PSNR of held-out faces by every method, with and without the kinds that change all colours."""
    of = faces(lab, FACES, lab.of(small=5 * FEW, paper=None))
    inner = of.inner()
    halves = split(inner.train, validation=0.25, seed=2)
    both = (halves.train, inner.held)
    judged = pixels_of(of.held)[: 4 if lab.tiny else lab.of(small=40, paper=None)]
    found = Pictures(*both, both, list(judged[:, None]), _aged(halves.validation))
    real = "Other faces, aged by the unseen mixtures, stand for real old ones."
    return _restored(lab, found, (real,))


EXPERIMENTS = (old_photographs, old_faces)


def _photographs(lab: Lab) -> Pictures:
    kodak, streets = photographs_in(lab, "kodak"), photographs_in(lab, "camvid", "train")
    learnt = [*kodak[:12], *streets[::6]]  # as many of either
    most = 32 if lab.tiny else lab.of(small=FEW, paper=PIECES)
    side = lab.of(small=PIECE, paper=SIDE)
    judged = [opened_photograph(file) for file in kodak[14:]]
    if lab.tiny or lab.scale == "small":
        judged = [middle(x, SIDE) for x in judged[: 2 if lab.tiny else None]]
    return Pictures(
        patches(learnt, side, most=most),
        patches(kodak[12:14], side, most=24),
        (patches(learnt, PIECE, most=4 * most), patches(kodak[12:14], PIECE, most=64)),
        judged,
        _aged(patches(photographs_in(lab, "camvid", "val"), side, most=most // 4)),
    )


def _aged(images: Any) -> Images:
    """Pictures as real old ones: by mixtures that are never made in training."""
    rows = torch.split(torch.arange(len(images)), 64)
    made = [UNSEEN(images.batch(some), Draws(0, n, 5)) for n, some in enumerate(rows)]
    return Images((torch.cat(made) * 255).round().byte())


def _shorter(lab: Lab, recipe: Recipe) -> Recipe:
    """The recipe, at the small scale of so many steps of each phase."""
    if lab.scale == "paper":
        return recipe
    several = len(recipe.phases) > 1
    phases = tuple(
        dataclasses.replace(phase, steps=steps, ema_decay=0.9)
        for phase, steps in zip(recipe.phases, STEPS if several else STEPS[-1:], strict=True)
    )
    return dataclasses.replace(recipe, phases=phases)


def _restored(lab: Lab, of: Pictures, about: Sequence[str]) -> Finding:
    recipe = _shorter(lab, old_photos(of.train.shape, mixtures=SEEN))
    source = with_real(of.train, of.real)
    minutes = lab.of(small=None, paper=MINUTES)
    others = _others(lab, recipe, of, minutes)
    scores: dict[str, list[list[float]]] = {}  # method → seed → picture
    precision, hidden, before, after = [], [], [], []
    sheet: list[dict[str, Tensor]] = []
    for seed in lab.seeds:
        model = lab.model(recipe, source, validation=of.held, minutes=minutes, seed=seed).model
        change, masks, chances = OldPhotos(model), [], []
        for number, x in enumerate(of.judged):
            old, mask = UNSEEN.damage(x, Draws(0, number, 9))
            both = change(old)
            made = {MODEL: both[:, :-1]}
            if seed == lab.seeds[0]:
                made |= others(old, both[:, -1:] > FOUND)
                if number < SHOWN:
                    sheet.append({"original": x, **made})
            for name, y in made.items():
                by_seed = scores.setdefault(name, [])
                if number == 0:
                    by_seed.append([])
                by_seed[-1].append(float(psnr(x, y.clamp(0, 1))))
            masks.append(mask.flatten().numpy())
            chances.append(both[:, -1].flatten().numpy())
        truth = np.concatenate(masks)
        hidden.append(float(truth.mean()))
        precision.append(float(average_precision_score(truth, np.concatenate(chances))))
        told = _told_apart(model, of)
        before.append(told[0])
        after.append(told[1])
    rows = _rows(scores, _toned(len(of.judged)))
    rows += [
        Row(MASKS, precision, "", {"share of the pixels that are hidden": hidden[0]}, "", "higher"),
        Row(f"{TOLD}, before they are matched", before),
        Row(f"{TOLD}, after", after),
    ]
    row = rows[0]
    words = (
        f"{len(of.judged)} pictures: {row.mean:.2f} dB, "
        + ", ".join(f"{name} {value:.2f}" for name, value in row.baselines.items())
        + f". The found masks have an average precision of {statistics.fmean(precision):.3f} ({hidden[0]:.1%} of the "
        f"pixels are hidden). A linear classifier tells made-old codes from real old ones in "
        f"{statistics.fmean(before):.1%} of cases before they are matched, in {statistics.fmean(after):.1%} after."
    )
    small = f"At the small scale {len(of.train):,} pieces of {of.train.shape[1]} pixels, {sum(STEPS)} steps and no ridge regression of whole pictures."
    paper = f"{MINUTES:g} minutes of training, the two models of the sequence as long together."
    return Finding(
        judge_old(rows),
        words,
        {"Made old and restored, by each method": _sheet(sheet, scores)},
        rows,
        (lab.of(small=small, paper=paper), *about),
    )


def _others(
    lab: Lab, recipe: Recipe, of: Pictures, minutes: float | None
) -> Callable[[Tensor, Tensor], dict[str, Tensor]]:
    """What else restores an old picture whose hidden pixels are told: (1, C, H, W), (1, 1, H, W) → by method."""
    train, held = of.small
    size = train.shape
    each = None if minutes is None else minutes / 2
    quiet, fill = (
        partial(
            through,
            lab.model(
                _shorter(lab, one), train, validation=held, minutes=each, seed=lab.seeds[0]
            ).model,
        )
        for one in (denoiser(size, NOISE, patches=True), inpainter(size, patches=True))
    )
    linear = OldPhotos(_beginning(recipe, of.train))
    whole = of.train is train and lab.scale == "paper" and not lab.tiny  # it costs pixels³
    ridge = _ridge(of) if whole else None

    def found(old: Tensor, hole: Tensor) -> dict[str, Tensor]:
        made = {
            GIVEN: old,
            SEQUENCE: _in_sequence(quiet, fill, old, hole, size[1:]),
            LINEAR: linear(old)[:, :-1],
            **{name: by(old) for name, by in old_photo_baselines(hole).items()},
        }
        return made if ridge is None else {**made, RIDGE: ridge(old)}

    return found


def _toned(count: int) -> list[bool]:
    """Which of the judged pictures have a kind of ageing that changes all colours."""
    names = list(KINDS)
    chosen = [UNSEEN.chosen(1, Draws(0, number, 9))[0].tolist() for number in range(count)]
    return [
        bool(TONES & {n for n, there in zip(names, one, strict=True) if there}) for one in chosen
    ]


def _rows(scores: dict[str, list[list[float]]], toned: list[bool]) -> list[Row]:
    """Of all pictures, of those whose colours changed, and of the others."""
    kinds = {
        NEARER: [True] * len(toned),
        f"{NEARER} with fading or sepia": toned,
        f"{NEARER} without": [not each for each in toned],
    }
    rows = []
    for what, kept in kinds.items():
        if not any(kept):
            continue
        means = {
            name: [float(np.mean(np.array(one)[kept])) for one in by_seed]
            for name, by_seed in scores.items()
        }
        ours = means.pop(MODEL)
        beside = {name: values[0] for name, values in means.items()}
        rows.append(Row(what, ours, "", beside, "dB", "higher"))
    return rows


def _sheet(shown: list[dict[str, Tensor]], scores: dict[str, list[list[float]]]) -> Any:
    """What was given, what denoising and inpainting make of it, what the model does, and the original."""
    pictures = {
        name: torch.cat([middle(one[key], SQUARE) for one in shown]).clamp(0, 1).numpy()
        for key, name in ((GIVEN, "made old"), (SEQUENCE,) * 2, (MODEL,) * 2, ("original",) * 2)
    }
    decibels = {
        name: scores[key][0][: len(shown)]
        for key, name in ((GIVEN, "made old"), (SEQUENCE,) * 2, (MODEL,) * 2)
    }
    return methods(pictures, decibels)


def _beginning(recipe: Recipe, pictures: Any) -> Autoencoder:
    """The best linear restorer of pieces: the model with none of its steps taken."""
    last = dataclasses.replace(recipe.phases[-1], begin=Part("ridge-codes", {"tones": False}))
    begun = dataclasses.replace(recipe, phases=(*recipe.phases[:-1], last)).with_(steps=0)
    return fit(begun, pictures, report="quiet")


def _in_sequence(quiet: Change, fill: Change, old: Tensor, hole: Tensor, size: Any) -> Tensor:
    """Noise out, then holes filled, as ``narrows denoise`` and ``narrows inpaint`` do it."""
    made = denoise_batch(quiet, old, tuple(size))[0].output
    if not bool(hole.any()):
        return made
    return inpaint_batch(by_model(fill), made, hole, tuple(size), tiles=True)[0].output


def _ridge(of: Pictures) -> Ridge:
    """Ridge regression of whole pictures, its strength chosen on those that keep the weights."""
    train, held = pixels_of(of.train), pixels_of(of.held)
    old, other = OldPhoto(mixtures=SEEN)(train, Draws(0, 0, 7)), UNSEEN(held, Draws(0, 1, 7))

    def score(strength: float) -> float:
        return float(psnr(held, Ridge.fit(old, train, strength)(other).clamp(0, 1)).mean())

    return Ridge.fit(old, train, max(STRENGTHS, key=score))


def _told_apart(model: Any, of: Pictures) -> tuple[float, float]:
    """How often a linear classifier tells real old pictures from made-old ones by their codes.

    Codes are means and deviations over places; at first in the space of clean pictures, as which that of old ones
    began. Both kinds are as many; five folds.
    """
    count = min(len(of.real), len(of.train), 500)
    real = of.real.batch(torch.arange(count))
    made = OldPhoto(mixtures=SEEN)(
        of.train.batch(torch.arange(-count, 0) % len(of.train)), Draws(0, 3, 5)
    )
    rung = model.ladder.rung(0)
    kinds = np.repeat([0, 1], count)

    def right(space: Any) -> float:
        with model.evaluating(), torch.no_grad():
            codes = torch.cat([rung.encoded(x.to(model.device), space) for x in (made, real)]).cpu()
        rows = torch.cat([codes.mean((2, 3)), codes.std((2, 3)).log()], 1).numpy()
        classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        folds = min(5, count)
        return float(cross_val_score(classifier, rows, kinds, cv=folds).mean())

    return right(rung.clean), right(rung.old)
