"""Lingrand 2021, Classification: the softmax first, then everything."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from narrows.applications import class_names, evaluate_classifier, fit_classifier
from narrows.figures import bars
from narrows.randomness import permutation
from narrows.recipes import lingrand_2021_classifier

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab, few
from .lingrand_dense import DEEP
from .lingrand_pictures import CLOTHES, deviations, shorter, test, train
from .lingrand_uses import right_names
from .verdicts import Verdict, verdict_of

__all__ = ["softmax_first"]

FIRST, BOTH = "the softmax alone, then everything", "everything at once"
FEW, ALONE = 1000, 0.25  # labels; the share of the epochs with labels that the softmax has alone


def judge_softmax_first(rows: Sequence[Row]) -> Verdict:
    """No worse than everything at once, with few labels and with all."""
    pairs = by_name(rows)
    ahead = [
        one.mean >= pairs[name.replace(FIRST, BOTH)].mean
        for name, one in pairs.items()
        if FIRST in name
    ]
    return verdict_of(*ahead)


@experiment(
    "softmax first",
    title="The softmax first, then the whole network",
    claim="The output layer is trained with the labels, then the whole network is fine-tuned.",
    data=(CLOTHES,),
    judge=judge_softmax_first,
)
def softmax_first(lab: Lab) -> Finding:
    """The same layers and epochs with labels, of which the softmax has a quarter alone or none."""
    images, judged = train(lab), test(lab)
    truth, y = class_names(judged.label), few(judged)
    whole = shorter(lab, lingrand_2021_classifier(images.shape, DEEP))
    layers = whole.with_(name="lingrand-2021-layers", phases=whole.phases[:-1])
    tuned = whole.phases[-1]
    order = permutation(0, "labels", len(images))
    found: dict[str, list[float]] = {}
    base: dict[int, float] = {}
    counts = [n for n in (FEW, len(images)) if n <= len(images)]
    for count in counts:
        some = images.select(order[:count].sort().values)
        pixels = fit_classifier(
            few(some).flatten(1), class_names(some.label), "linear", choose=False
        )
        base[count] = evaluate_classifier(pixels, y.flatten(1), truth).accuracy
        epochs = tuned.epochs * min(8.0, len(images) / count)
        made = lingrand_2021_classifier(images.shape, DEEP, softmax_first=ALONE * epochs)
        alone, rest = (
            whole.with_(phases=(phase,))
            .with_(epochs=length, batch_size=min(256, count // 4))
            .phases[0]
            for phase, length in zip(
                made.phases[-2:], (ALONE * epochs, (1 - ALONE) * epochs), strict=True
            )
        )
        at_once = whole.with_(phases=(rest,)).with_(epochs=epochs)
        for seed in lab.seeds:
            for name, recipe in ((FIRST, whole.with_(phases=(alone, rest))), (BOTH, at_once)):
                begun = lab.model(layers, images, seed=seed).model
                model = lab.model(recipe, some, seed=seed, begin=begun).model
                key = f"accuracy, {name}, {count:,} labels"
                found.setdefault(key, []).append(right_names(model, y, truth))
    rows = [
        Row(key, values, "", {"linear on raw pixels": base[count]})
        for key, values in found.items()
        for count in counts
        if key.endswith(f", {count:,} labels")
    ]
    told = "; ".join(
        f"with {count:,} labels {statistics.fmean(found[f'accuracy, {FIRST}, {count:,} labels']):.1%} against "
        f"{statistics.fmean(found[f'accuracy, {BOTH}, {count:,} labels']):.1%} at once (linear on raw pixels "
        f"{base[count]:.1%})"
        for count in counts
    )
    more = f"The softmax has {ALONE:.0%} of the epochs with labels alone; the text gives no number."
    pictures = {"Share of right names on test pictures": bars(found, title="accuracy")}
    return Finding(
        judge_softmax_first(rows),
        f"The softmax first: {told}.",
        pictures,
        rows,
        deviations(lab, more),
    )
