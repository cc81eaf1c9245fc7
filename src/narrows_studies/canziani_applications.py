"""Canziani 2020, figures 2 to 11: what can be done with a code, on digits and on faces.

Interpolation goes through a dense variational autoencoder of digits; steering and in-painting share
a convolutional one of faces; upscaling begins as back-projection and ridge regression.
"""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from narrows.applications import (
    CodeGaussian,
    by_model,
    by_projection,
    class_names,
    decoder,
    fit_to_transform,
    inpaint_batch,
    inpainting_baselines,
    morph_codes,
    proximity,
    steer_codes,
    upscale_batch,
)
from narrows.autoencoder import Autoencoder
from narrows.figures import picture_grid, picture_rows
from narrows.images import split
from narrows.images.corruptions import Downscale, Rectangle
from narrows.images.resizing import reduced
from narrows.images.transforms import Brightness, Rotation, ShiftX, Zoom
from narrows.measures import Pca, Ridge, psnr, sharpness
from narrows.parts import Part
from narrows.randomness import Draws
from narrows.recipes import conv_vae, mlp_vae, upscaler
from narrows.training import Recipe

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab, across, few, places, through
from .verdicts import Verdict, verdict_of

__all__ = ["figure_9", "figures_2_to_4", "figures_5_to_8", "figures_10_11"]

FACES = "utkface"
CODE = 64
PAIRS = 200


def _faces(lab: Lab, size: int | None = None) -> tuple[Any, Any, str]:
    """Training faces, held-out ones, and how they deviate from the document's."""
    images = lab.images(FACES, size=size or lab.of(small=64, paper=128))
    parts = split(images, validation=0.1, seed=0)
    about = (
        f"The faces are {FACES}; the document names no set. Of {len(images):,}, a tenth is held "
        "out, and training sees them mirrored and moved a little."
    )
    return parts.train, parts.validation or parts.train, about


def _augmented() -> Part:
    return Part("chain", {"parts": (Part("flip"), Part("shift", {"reach": 0.0625}))})


def _face_model(lab: Lab, train: Any, seed: int) -> Autoencoder:
    """The variational autoencoder of faces that figures 5-8 and 10-11 share."""
    widths = lab.of(small=(16, 32, 64, 128), paper=(32, 64, 128, 256, 256))
    recipe = conv_vae(train.shape, CODE, widths=widths).with_(
        name="canziani-faces",
        augmentation=_augmented(),
        epochs=lab.of(small=30.0, paper=200.0),
    )
    return lab.model(recipe, train, seed=seed).model


def judge_between(rows: Sequence[Row]) -> Verdict:
    """Half-way, codes look like one digit more often than pixels do, and keep more of the edges."""
    return verdict_of(*(row.mean > row.baselines["pixels"] for row in rows))


@experiment(
    "figure 2",
    "figure 3",
    "figure 4",
    title="Interpolation in pixel space and in code space",
    claim="Between two pictures, pixels give a fading overlay of both, and codes a transformation of "
    "one into the other: latent space captures the structure of a picture better.",
    data=("mnist",),
    judge=judge_between,
)
def figures_2_to_4(lab: Lab) -> Finding:
    """Half-way pictures of pairs of digits: their edges, and whether they look like one digit."""
    train = lab.images("mnist", "train", limit=lab.of(small=30_000, paper=60_000))
    held = lab.images("mnist", "test", limit=2 * PAIRS)
    x, labels = held.batch(torch.arange(len(held))), held.label
    half = len(x) // 2
    other = [i for i in range(half) if labels[i] != labels[half + i]]
    first, second = x[other], x[half + torch.tensor(other)]
    known = train.select(slice(0, 10_000 if len(train) > 10_000 else len(train)))
    judge = _unanimous(known)
    clear: dict[str, list[float]] = {}
    edges: dict[str, list[float]] = {}
    shown: tuple[Tensor, Tensor] | None = None
    for seed in lab.seeds:
        recipe = mlp_vae(train.shape).with_(epochs=lab.of(small=12.0, paper=40.0))
        model = lab.model(recipe, train, seed=seed).model
        decode = decoder(model)
        codes = [model.encode(each).z for each in (first, second)]
        middle = decode((codes[0] + codes[1]) / 2)
        fade = (first + second) / 2
        ends = torch.cat([decode(each) for each in codes])
        clear.setdefault("codes", []).append(judge(middle))
        edges.setdefault("codes", []).append(_edges(middle, ends))
        if shown is None:
            clear["pixels"], edges["pixels"] = [judge(fade)], [_edges(fade, x)]
            clear["whole digits"] = [judge(x)]
            pair = _telling(labels, other)
            z = torch.stack([codes[0][pair], codes[1][pair]])
            made = morph_codes(decode, z, torch.stack([first[pair], second[pair]]), frames=16)
            shown = made.frames, made.fade
            two = torch.stack([first[pair], second[pair]])
    base = {name: clear[name][0] for name in ("pixels", "whole digits")}
    rows = [
        Row(
            "half-way pictures that look like one digit",
            clear["codes"],
            "",
            base,
            better="higher",
            limits=("whole digits",),
        ),
        Row(
            "edges half-way, of those at the ends",
            edges["codes"],
            "",
            {"pixels": edges["pixels"][0]},
        ),
    ]
    ours, sharp = (statistics.fmean(each["codes"]) for each in (clear, edges))
    words = (
        f"Of {len(other)} pairs of different digits, {ours:.0%} of the half-way pictures out of codes "
        f"have five nearest training digits of one class, {base['pixels']:.0%} of the overlays, and "
        f"{base['whole digits']:.0%} of digits themselves. Half-way, codes keep {sharp:.0%} of the "
        f"energy of edges, pixels {edges['pixels'][0]:.0%}. PCA, being linear, would fade as pixels do."
    )
    assert shown is not None
    pictures = {
        "Figure 2: two digits": picture_grid(two, 2),
        "Figure 3: in pixel space": picture_grid(shown[1], 4),
        "Figure 4: in code space": picture_grid(shown[0], 4),
    }
    about = "Two digits instead of a photographed dog and a bird, whose model the document does not name."
    return Finding(judge_between(rows), words, pictures, rows, (about,))


def _unanimous(known: Any) -> Callable[[Tensor], float]:
    """The share of pictures whose five nearest of known pictures are all of one class."""
    pixels = known.batch(torch.arange(len(known))).flatten(1)
    labels = torch.as_tensor(known.label)

    def share(x: Tensor) -> float:
        near = labels[torch.cdist(x.flatten(1), pixels).topk(5, largest=False).indices]
        return float((near == near[:, :1]).all(1).float().mean())

    return share


def _edges(x: Tensor, ends: Tensor) -> float:
    """The mean energy of edges of pictures, by that of others."""
    down, across = (torch.arange(size) for size in x.shape[2:])
    board = ((down[:, None] + across) % 2).float()
    of_x, of_ends = (sharpness(board.expand_as(each), each).mean() for each in (x, ends))
    return float(of_x / of_ends)


def _telling(labels: Any, pairs: list[int]) -> int:
    """Which pair is shown: the first of a 3 and a 5 or the like, digits of other lines."""
    half = len(labels) // 2
    wanted = ({0, 1}, {1, 5}, {2, 7}, {3, 6})
    for place, i in enumerate(pairs):
        if {int(labels[i]), int(labels[half + i])} in wanted:
            return place
    return 0


MOVES: dict[str, tuple[str, Any]] = {
    "Figure 5": ("zoom", Zoom()),
    "Figure 6": ("shift", ShiftX()),
    "Figure 7": ("brightness", Brightness()),
    "Figure 8": ("rotation", Rotation()),
}
SHARES = (-1.0, -0.5, 0.0, 0.5, 1.0)  # of a transform's reach
FITTED = 600


def judge_moves(rows: Sequence[Row]) -> Verdict:
    """Each of the steps brings faces nearer to the really transformed ones than no step does."""
    return verdict_of(*(row.mean > 0 for row in rows))


@experiment(
    "figure 5",
    "figure 6",
    "figure 7",
    "figure 8",
    title="Zoom, shift, brightness and rotation by moving codes",
    claim="A step in code space zooms, shifts, brightens or turns a picture.",
    data=(FACES,),
    judge=judge_moves,
)
def figures_5_to_8(lab: Lab) -> Finding:
    """How near steered faces come to those really transformed, beside not moving and PCA's codes."""
    train, held, deviation = _faces(lab)
    x = across(held, 100)
    fitted = few(train, FITTED)
    gains: dict[str, list[float]] = {}
    linear: dict[str, float] = {}
    most: dict[str, float] = {}
    pictures: dict[str, Any] = {}
    pca = Pca.fit(train, min(CODE, Pca.most(train)))

    def back(z: Tensor) -> Tensor:
        return pca.decode(z).clamp(0, 1)

    for seed in lab.seeds:
        model = _face_model(lab, train, seed)
        decode = decoder(model)

        def codes(some: Tensor, model: Autoencoder = model) -> Tensor:
            return model.encode(some).z

        for figure, (name, transform) in MOVES.items():
            step = fit_to_transform(codes, fitted, transform, as_map=True)
            far = 0.5 * transform.reach
            near = proximity(codes, decode, step, transform, x, far)
            gains.setdefault(name, []).append(near.steered - near.unmoved)
            if seed != lab.seeds[0]:
                continue
            most[name] = near.ceiling - near.unmoved
            straight = fit_to_transform(pca.encode, fitted, transform, as_map=True)
            other = proximity(pca.encode, back, straight, transform, x, far)
            linear[name] = other.steered - near.unmoved
            amounts = torch.tensor(SHARES) * transform.reach
            face, other_face = x[3 % len(x)][None], x[7 % len(x)][None]
            really = torch.cat([transform(face, t.expand(1)) for t in amounts])
            pictures[f"{figure}: {name}"] = picture_rows(
                [
                    ("codes moved", steer_codes(decode, step, codes(face), amounts)[:, 0]),
                    ("another face", steer_codes(decode, step, codes(other_face), amounts)[:, 0]),
                    ("really transformed", really),
                ],
                [f"{float(t):+.3g}" for t in amounts],
                corner=transform.unit,
            )
    mean = {name: statistics.fmean(values) for name, values in gains.items()}
    rows = [
        Row(
            f"{name}: nearer to the really transformed face than without a step",
            values,
            "",
            {"steps in PCA's codes": linear[name], "the transformed faces' own codes": most[name]},
            "dB",
        )
        for name, values in gains.items()
    ]
    words = (
        "At half of each transform's reach the moved code's face is nearer to the really transformed "
        "one than the unmoved by "
        + ", ".join(
            f"{value:+.1f} dB ({name}; at best {most[name]:+.1f}; PCA of as many numbers "
            f"{linear[name]:+.1f})"
            for name, value in mean.items()
        )
        + "."
    )
    about = "All steps are in the plane of the picture; a head that turns in space would need other data."
    return Finding(judge_moves(rows), words, pictures, rows, (deviation, about))


LOW, FACTOR = 16, 4  # pixels of what is given, at either scale, and how often they are enlarged
STRENGTH = 1e-3  # of ridge regression, as our own experiment of small faces chose


def _upscaler(lab: Lab, shape: tuple[int, ...]) -> Recipe:
    """Back-projection and ridge regression, which convolutions go on from."""
    recipe = upscaler(shape, float(FACTOR))
    ladder = recipe.ladder.with_(**lab.of(small={"channels": 32, "blocks": 2}, paper={}))
    recipe = dataclasses.replace(recipe, name="canziani-upscaling", ladder=ladder)
    return recipe.with_(epochs=lab.of(small=6.0, paper=60.0), precision="float32")


def judge_upscaling(rows: Sequence[Row]) -> Verdict:
    """Faces come back nearer than by bicubic interpolation, and those of the most frequent label gain more
    than those of the label that gains least."""
    error = by_name(rows)["PSNR of held-out faces"]
    facts = [error.mean > error.baselines["bicubic"]]
    shares = (re.match(r"gain over bicubic, .*\((\d+)% of the training", row.what) for row in rows)
    groups = sorted(
        ((int(each[1]), row.mean) for each, row in zip(shares, rows, strict=True) if each),
        reverse=True,
    )
    if len(groups) > 1:
        facts.append(groups[0][1] > min(gain for _, gain in groups[1:]))
    return verdict_of(*facts)


@experiment(
    "figure 9",
    title="Super-resolution of faces from 16×16",
    claim="From 16×16 a network gives back faces that bicubic interpolation cannot; it is biased "
    "towards the faces that it was trained on.",
    data=(FACES,),
    judge=judge_upscaling,
)
def figure_9(lab: Lab) -> Finding:
    """Bicubic, Lanczos, ridge regression and the network; the gain by group of the set's own labels."""
    size = FACTOR * LOW
    train, held, deviation = _faces(lab, size)
    x = held.batch(torch.arange(len(held)))
    known = train.batch(torch.arange(len(train)))
    small = reduced(x, (LOW, LOW)).clamp(0, 1)
    blurred = Downscale(FACTOR)(known, Draws())
    ridge = Ridge.fit(reduced(blurred, (LOW, LOW)), known, STRENGTH)
    ours: list[float] = []
    edges: list[float] = []
    each: Tensor | None = None
    base: dict[str, float] = {}
    shown: dict[str, Tensor] = {}
    for seed in lab.seeds:
        model = lab.model(_upscaler(lab, tuple(train.shape)), train, seed=seed).model
        found = upscale_batch(
            partial(through, model), small, FACTOR, (size, size), clean=x
        ).restored
        ours.append(float(psnr(x, found.output).mean()))
        edges.append(float(sharpness(x, found.output).nanmedian()))
        if each is None:
            each = psnr(x, found.output) - psnr(x, found.given)
            straight = ridge(reduced(found.given, (LOW, LOW))).clamp(0, 1)
            others = {"bicubic": found.given, **found.others, "ridge": straight}
            base = {name: float(psnr(x, y).mean()) for name, y in others.items()}
            sharp = {name: float(sharpness(x, y).nanmedian()) for name, y in others.items()}
            shown = {"bicubic": found.given, "ridge": straight, "network": found.output}
    assert each is not None
    rows = [
        Row("PSNR of held-out faces", ours, "", base, "dB", better="higher"),
        Row("sharpness, 1 is the original's", edges, "", sharp),
    ]
    groups = _groups(train, held, each)
    rows += [
        Row(
            f"gain over bicubic, label {name} ({share:.0%} of the training faces)",
            [gain],
            unit="dB",
        )
        for name, (share, gain) in groups.items()
    ]
    mean = statistics.fmean(ours)
    words = (
        f"Held-out faces: {mean:.2f} dB, "
        + ", ".join(f"{name} {value:.2f}" for name, value in base.items())
        + f" dB; sharpness {statistics.fmean(edges):.2f} of the originals', bicubic "
        f"{sharp['bicubic']:.2f}, ridge {sharp['ridge']:.2f}."
    )
    if len(groups) > 1:
        ordered = sorted(groups.values(), reverse=True)
        words += (
            f" By the set's label of ethnicity the gain over bicubic is {ordered[0][1]:.2f} dB for the "
            f"most frequent ({ordered[0][0]:.0%} of training) and "
            + ", ".join(f"{gain:.2f} ({share:.0%})" for share, gain in ordered[1:])
            + " for the others."
        )
    tiny = small.repeat_interleave(FACTOR, 2).repeat_interleave(FACTOR, 3)
    columns = {"16×16": tiny, **shown, "original": x}
    faces = [
        ("", torch.stack([column[i] for column in columns.values()])) for i in places(len(x), 5)
    ]
    pictures = {
        "Figure 9: input, bicubic, ridge regression, network, original": picture_rows(
            faces, list(columns)
        )
    }
    about = (
        "srez, which the document shows, is an adversarial network trained on 200,000 faces; here "
        "squared error is least, which blurs what cannot be known."
    )
    return Finding(judge_upscaling(rows), words, pictures, rows, (deviation, about))


def _groups(train: Any, held: Any, gain: Tensor) -> dict[str, tuple[float, float]]:
    """label → its share of the training pictures and the mean gain of its held-out ones."""
    if "ethnicity" not in train.labels:
        return {}
    names, own = (class_names(part.labels["ethnicity"]) for part in (train, held))
    return {
        str(name): (
            float((names == name).mean()),
            float(gain[torch.from_numpy(own == name)].mean()),
        )
        for name in sorted(set(own.tolist()) - {""})
    }


PATCH = Rectangle(0.3, 0.3, 0.4, 0.4)
FILLED = 48


@experiment(
    "figure 10",
    "figure 11",
    title="In-painting by minimising an energy",
    claim="A gray patch takes a face away from the manifold; the closest picture on it, found by "
    "minimising an energy, is the face without the patch.",
    data=(FACES,),
)
def figures_10_11(lab: Lab) -> Finding:
    """The hole filled by projection, beside Telea, Navier-Stokes and the conditional Gaussian."""
    train, held, deviation = _faces(lab)
    x = across(held, 4 if lab.tiny else FILLED)
    given = PATCH(x, Draws())
    hole = (PATCH(torch.zeros_like(x[:1]), Draws()) > 0)[:, :1]
    size = (x.shape[2], x.shape[3])
    pca = Pca.fit(train, min(200, Pca.most(train)))
    ours: list[float] = []
    amortised: list[float] = []
    off: dict[str, list[float]] = {"whole": [], "patched": []}
    base: dict[str, float] = {}
    pictures: dict[str, Any] = {}
    notes: list[str] = []
    for seed in lab.seeds:
        model = _face_model(lab, train, seed)
        prior = CodeGaussian.of(model.encode(train).z)

        def encode(some: Tensor, model: Autoencoder = model) -> Tensor:
            with model.evaluating():
                return model.posterior(some.to(model.device)).z.cpu()

        def decode(z: Tensor, model: Autoencoder = model) -> Tensor:
            return model.decode(z.to(model.device)).cpu()

        fill = by_projection(
            encode,
            decode,
            prior,
            evaluations=8 if lab.tiny else 60,
            starts=2 if lab.tiny else 4,
            seed=seed,
        )
        first = seed == lab.seeds[0]
        others = inpainting_baselines(pca) if first else {}
        others["the model itself"] = by_model(partial(through, model))
        found, told = inpaint_batch(fill, x, hole, size, clean=x, baselines=others)
        scores = {name: float(each["psnr"].mean()) for name, each in found.scores().items()}
        ours.append(scores.pop("model"))
        amortised.append(scores.pop("the model itself"))
        for name, some in (("whole", x), ("patched", given)):
            seen = (~hole).expand_as(x)
            error = ((through(model, some) - some) * seen).square().sum() / seen.sum()
            off[name].append(float(error))
        if first:
            base, notes = scores, told
            rows_of = {"Figure 10: with a patch": given, "Figure 11: energy": found.output}
            rows_of |= {**found.others, "original": x}
            at = places(len(x), 8)
            pictures["Figures 10 and 11: held-out faces, filled"] = picture_rows(
                [(name, row[at]) for name, row in rows_of.items()]
            )
    mean, wrong = statistics.fmean(ours), {k: statistics.fmean(v) for k, v in off.items()}
    rows = [
        Row("PSNR in the hole", ours, "", base, "dB", better="higher"),
        Row("PSNR in the hole, the model's own reconstruction", amortised, "", {}, "dB"),
        Row("squared error of what is known, patched ÷ whole faces",
            [a / b for a, b in zip(off["patched"], off["whole"], strict=True)]),
    ]  # fmt: skip
    classical = [base[name] for name in ("Telea", "Navier-Stokes") if name in base]
    facts = [wrong["patched"] > wrong["whole"], *(mean > value for value in classical)]
    words = (
        f"The patch makes the error of the pixels around it {wrong['patched'] / wrong['whole']:.1f} "
        f"times as large. The energy's minimum has {mean:.1f} dB in the "
        f"hole, reconstructing the patched face {statistics.fmean(amortised):.1f} dB, "
        + ", ".join(f"{name} {value:.1f} dB" for name, value in base.items())
        + "."
    )
    return Finding(verdict_of(*facts), words, pictures, rows, (deviation, *notes))
