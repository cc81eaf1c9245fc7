"""Canziani 2020, figure 12: captions become pictures, of sprites and of digits."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from narrows.applications import (
    AttributeClassifier,
    PromptFidelity,
    caption_to_image,
    decoder,
    fit_attribute_classifier,
)
from narrows.figures import bars, picture_rows
from narrows.images import Sprites
from narrows.parts import Part
from narrows.priors import sample_codes
from narrows.recipes import conv_autoencoder, mlp_autoencoder
from narrows.training import Recipe, history_of

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab
from .verdicts import Verdict, verdict_of

__all__ = ["figure_12"]

LIMITS = ("held-out pictures", "held-out, reconstructed", "mean code")
DRAWN = 12  # of each caption in the figure
WANTED = {"sprites": 0.9, "mnist": 0.95}  # the share that agrees
CAPTIONS = {
    "sprites": (
        "a small heart at the top left",
        "a large square at the bottom right",
        "a medium ellipse in the top right",
        "a big heart",
        "small square, bottom left",
    ),
    "mnist": ("a seven", "the digit 3", "a handwritten 4", "zero", "a picture of an eight"),
}


@dataclass(frozen=True)
class Asked:
    """Pictures with captions, the model of some, and the numbers of its flow and of its judge.

    Attributes:
        train, apart, held: pictures of the model, of the judge, and of neither.
        recipe: of the model.
        prior, judge: numbers of the caption flow, and of the judge.
        each: pictures that are drawn of every combination of attributes.
    """

    train: Any
    apart: Any
    held: Any
    recipe: Recipe
    prior: Mapping[str, Any]
    judge: Mapping[str, Any]
    each: int


def _sprites(lab: Lab) -> Asked:
    n, m, held = lab.of(small=(40_000, 40_000, 5000), paper=(200_000, 100_000, 10_000))
    if lab.tiny:
        n, m, held = 400, 96, 96
    whole = Sprites().sample(n + m + held, seed=0)
    train, apart = whole.select(range(n)), whole.select(range(n, n + m))
    # a plain autoencoder: one that is variational fills the ball, and its shapes lie folded in it
    widths = lab.of(small=(8, 16, 32, 64), paper=(16, 32, 64, 128))
    recipe = conv_autoencoder(whole.shape, 12, widths=widths)
    return Asked(
        train,
        apart,
        whole.select(range(n + m, len(whole))),
        recipe.with_(likelihood=Part("bernoulli"), epochs=lab.of(small=15.0, paper=30.0)),
        {"steps": lab.of(small=12_000, paper=30_000), "guidance": 2.5},
        {"widths": (16, 32, 64, 128), "epochs": lab.of(small=4.0, paper=10.0)},
        50,
    )


def _digits(lab: Lab) -> Asked:
    whole = lab.images("mnist", "train")
    half = len(whole) // 2
    return Asked(
        whole.select(range(half)),
        whole.select(range(half, len(whole))),
        lab.images("mnist", "test"),
        mlp_autoencoder(whole.shape, 16).with_(epochs=lab.of(small=10.0, paper=40.0)),
        {},
        {"epochs": lab.of(small=2.0, paper=10.0)},
        200,
    )


def _judge(lab: Lab, asked: Asked) -> AttributeClassifier:
    """The classifier apart, trained now or before."""
    numbers = dict(asked.judge) | ({"epochs": 1.0} if lab.tiny else {})
    folder = lab.place("judge", asked.apart.fingerprint, str(sorted(numbers.items())))
    judge = fit_attribute_classifier(
        asked.apart, to=folder, device=lab.device, report=lab.report, **numbers
    )
    lab.seconds += sum(line["seconds"] for line in history_of(folder))
    return judge


def judge_captions(rows: Sequence[Row]) -> Verdict:
    """Of each set the wanted share of the draws shows all of its caption, more than twice that without one."""
    row = by_name(rows)
    facts = []
    for name, wanted in WANTED.items():
        right = row[f"{name}: everything right"]
        facts += [right.mean >= wanted, right.mean > 2 * right.baselines["no caption"]]
    return verdict_of(*facts)


@experiment(
    "figure 12",
    title="Captions become pictures",
    claim="Features of a text, decoded, are a picture that shows what the text says.",
    data=("sprites", "mnist"),
    judge=judge_captions,
)
def figure_12(lab: Lab) -> Finding:
    """The share of draws that show what was asked for, by a classifier that saw no drawing."""
    rows: list[Row] = []
    pictures: dict[str, Any] = {}
    told_of = []
    for name, asked in (("sprites", _sprites(lab)), ("mnist", _digits(lab))):
        judge = _judge(lab, asked)
        found: dict[str, list[PromptFidelity]] = {}
        for seed in lab.seeds if name == "mnist" else lab.seeds[:1]:
            trained = lab.model(asked.recipe, asked.train, seed=seed)
            prior: Any = lab.prior(trained, asked.train, "caption-flow", seed=seed, **asked.prior)
            each = 1 if lab.tiny else asked.each
            for one in caption_to_image(
                trained.model, prior, judge, asked.train, asked.held, each=each, seed=seed
            ):
                found.setdefault(one.name, []).append(one)
            if seed == lab.seeds[0]:
                decode = decoder(trained.model)
                drawn = [
                    (text, decode(sample_codes(trained.model, prior, DRAWN, seed, caption=text)))
                    for text in CAPTIONS[name]
                ]
                pictures[f"Figure 12: {name}, {DRAWN} draws of each caption"] = picture_rows(drawn)
        share = {key: [one.share for one in runs] for key, runs in found.items()}
        mean = {key: statistics.fmean(values) for key, values in share.items()}
        ours, *others = share
        rows += [
            Row(
                f"{name}: everything right",
                share[ours],
                "",
                {k: mean[k] for k in others},
                better="higher",
                limits=LIMITS,
            ),
            *(
                Row(
                    f"{name}: {part} right",
                    [one.each[part] for one in found[ours]],
                    "",
                    {k: statistics.fmean(one.each[part] for one in found[k]) for k in others},
                    better="higher",
                    limits=LIMITS,
                )
                for part in found[ours][0].each
                if len(found[ours][0].each) > 1
            ),
            Row(
                f"{name}: variety beside real pictures'",
                [one.variety for one in found[ours]],
                "",
                {k: statistics.fmean(one.variety for one in found[k]) for k in others},
            ),
        ]
        pictures[f"{name}: the share that shows what was asked for"] = bars(share)
        least = min((one.worst for one in found[ours]), key=lambda worst: worst[1])
        told_of.append(
            f"of {name} {mean[ours]:.1%} show all that their caption says (without a caption "
            f"{mean['no caption']:.1%}, one Gaussian of their codes {mean['one Gaussian']:.1%}, real "
            f"pictures {mean['held-out pictures']:.1%}, those through the model "
            f"{mean['held-out, reconstructed']:.1%}); least prompt_fidelity: {least[0]} ({least[1]:.0%})"
        )
    words = f"Judged by a classifier that was trained apart, {'; '.join(told_of)}."
    ours_only = (
        "One seed of the sprites, whose model and flow take longer than all else.",
        "Draws are guided (Ho & Salimans 2022), and so more typical than real pictures.",
        "The document shows text features that are decoded and names no model; a flow over the codes "
        "that reads the caption is ours, and so are the sets.",
    )
    return Finding(judge_captions(rows), words, pictures, rows, ours_only)
