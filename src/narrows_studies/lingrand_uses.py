"""Lingrand 2021, part 2: what her autoencoders are for: road scenes, noise, classes, compression."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from narrows.applications import (
    Codec,
    class_names,
    codec_model,
    denoise_batch,
    denoising_baselines,
    evaluate_classifier,
    fine_tuned,
    fit_classifier,
    pca_codec_model,
    segment_batch,
    untrained,
)
from narrows.figures import bars, confusion_matrix, label_curves, methods, overlays, rate_curves
from narrows.images import stacked
from narrows.images.corruptions import GaussianNoise
from narrows.measures import (
    Pca,
    class_weights,
    formats,
    intersection_over_union,
    pixel_confusion,
    position_prior,
)
from narrows.networks.segnet import unpool
from narrows.parts import Part
from narrows.randomness import Draws, permutation
from narrows.recipes import (
    lingrand_2021_classifier,
    lingrand_2021_convolutional,
    lingrand_2021_multilayer,
    lingrand_2021_vanilla,
)
from narrows.recipes.lingrand import lingrand_2021_segmentation

from .experiment import Finding, Row, by_name, experiment
from .lab import Lab, few, places, through
from .lingrand_dense import DEEP, UNITS, vanilla_model
from .lingrand_pictures import CLOTHES, deviations, score, shorter, test, train
from .verdicts import Verdict, verdict_of

__all__ = [
    "classification", "compression", "denoising", "fine_tuning", "right_names", "segnet",
]  # fmt: skip

ROADS = "camvid"
POOLED = [[20, 14, 50, 94], [31, 78, 27, 23], [73, 12, 33, 47], [52, 45, 19, 17]]
PRINTED = [[78, 94], [73, 47]]
UNPOOLED = [[0, 0, 0, 94], [0, 78, 0, 0], [73, 0, 0, 47], [0, 0, 0, 0]]
SIGMA = 0.4
TOGETHER = 16  # pictures along the side of one large one
NAMES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
)  # fmt: skip


def judge_segnet(rows: Sequence[Row]) -> Verdict:
    """The overlap is above that of the most frequent class of each place; the worked example is as printed."""
    overlap = by_name(rows)["mean intersection over union"]
    return verdict_of(
        overlap.mean > overlap.baselines["most frequent class of each place"], _as_printed()
    )


def _as_printed() -> bool:
    """Whether pooling with indices gives the numbers of the worked example."""
    table = torch.tensor(POOLED, dtype=torch.float32)[None, None]
    small, pooling_indices = F.max_pool2d(table, 2, return_indices=True)
    back = unpool(small, pooling_indices, (4, 4))
    return small[0, 0].tolist() == PRINTED and back[0, 0].tolist() == UNPOOLED


@experiment(
    "SegNet",
    "pooling indices",
    title="Road scenes segmented, and the worked example of pooling with indices",
    claim="With the indices of max pooling a convolutional autoencoder segments road scenes; the "
    "example is 4×4 → 2×2 → 4×4 as printed.",
    data=(ROADS,),
    judge=judge_segnet,
)
def segnet(lab: Lab) -> Finding:
    """Intersection over union on the test pictures, beside the most frequent class of each place."""
    size = lab.of(small=(60, 80), paper=(360, 480))
    learnt, held = (lab.masked(ROADS, part, size) for part in ("train", "test"))
    names, count = learnt.names, len(learnt.names)
    weights = class_weights(learnt.masks, count).tolist()
    recipe = lingrand_2021_segmentation(learnt.images.shape, count, weights=weights)
    recipe = recipe.with_(epochs=lab.of(small=30.0, paper=200.0))
    truth, x = held.masks, held.images.pixels.float() / 255

    def judged(guess: Tensor) -> Tensor:
        return intersection_over_union(pixel_confusion(truth, guess, count))

    blind = position_prior(learnt.masks, count).expand(truth.shape)
    base = judged(blind)
    each: list[Tensor] = []
    pictures: dict[str, Any] = {}
    for seed in lab.seeds:
        model = lab.model(recipe, stacked(learnt), seed=seed).model
        found = segment_batch(partial(through, model), x, count, size).classes
        each.append(judged(found))
        if not pictures:
            at = places(len(x), 4)
            drawn = {"truth": truth[at].numpy(), "SegNet": found[at].numpy()}
            pictures["Test scenes and the class of each pixel"] = overlays(x[at], drawn, names)
    rows = [
        Row(
            "mean intersection over union",
            [float(one.mean()) for one in each],
            "",
            {"most frequent class of each place": float(base.mean())},
            better="higher",
        )
    ]
    rows += [
        Row(
            name,
            [float(one[k]) for one in each],
            "",
            {"most frequent class": float(base[k])},
            better="higher",
        )
        for k, name in enumerate(names)
    ]
    mean = statistics.fmean(float(one.mean()) for one in each)
    best = int(torch.stack(each).mean(0).argmax())
    words = (
        f"The mean intersection over union of {count} classes is {mean:.3f}; the most frequent class "
        f"of each place has {float(base.mean()):.3f}. Best is {names[best]} "
        f"({float(torch.stack(each).mean(0)[best]):.2f}). The worked example of pooling indices gives "
        f"{'the printed numbers' if _as_printed() else 'other numbers than printed'}."
    )
    more = (
        "Her slide shows pictures of a demonstration that is gone; the scenes are CamVid's, "
        f"{len(learnt.masks)} to train and {len(truth)} to test, without VGG's weights.",
        *lab.of(
            small=(f"At the small scale pictures of {size[0]}×{size[1]}, 30 epochs.",), paper=()
        ),
    )
    return Finding(judge_segnet(rows), words, pictures, rows, more)


def judge_denoising(rows: Sequence[Row]) -> Verdict:
    """It is nearer to the clean pictures than what was given, than the best linear filter, and than the
    model that was trained without noise."""
    row = by_name(rows)
    ours = row["trained with noise"]
    return verdict_of(
        *(ours.mean > ours.baselines[name] for name in ("as given", "PCA-Wiener")),
        ours.mean > row["trained without noise"].mean,
    )


@experiment(
    "denoising",
    title="Noisy clothes, denoised",
    claim="An autoencoder that is trained on noisy pictures takes the noise out.",
    data=(CLOTHES,),
    judge=judge_denoising,
)
def denoising(lab: Lab) -> Finding:
    """Trained on noisy inputs, beside the same model trained on clean ones and filters."""
    images, x = train(lab), few(test(lab), 200)
    plain = shorter(lab, lingrand_2021_vanilla(images.shape, 128))
    noise = GaussianNoise(SIGMA, clip=True)
    noisy = noise(x, Draws(0, 0))
    pca = Pca.fit(images, min(200, Pca.most(images)))
    ours, clean = [], []
    found: Any = None
    for seed in lab.seeds:
        corruption = Part("gaussian-noise", {"sigma": SIGMA, "clip": True})
        model = lab.model(plain.with_(corruption=corruption), images, seed=seed).model
        other = lab.model(plain, images, seed=seed).model
        restored, _ = denoise_batch(
            model.reconstruct,
            noisy,
            (x.shape[2], x.shape[3]),
            clean=x,
            baselines=denoising_baselines(SIGMA, pca) if found is None else None,
        )
        ours.append(float(restored.scores()["model"]["psnr"].mean()))
        clean.append(-10 * float(np.log10(score(x, other.reconstruct(noisy)))))
        found = found or restored
    scores = {name: float(each["psnr"].mean()) for name, each in found.scores().items()}
    base = {name: value for name, value in scores.items() if name != "model"}
    rows = [
        Row("trained with noise", ours, "", base, "dB", better="higher"),
        Row("trained without noise", clean, "", {}, "dB"),
    ]
    linear = base["PCA-Wiener"]
    filtered = max(value for name, value in base.items() if name not in ("as given", "PCA-Wiener"))
    mean = statistics.fmean(ours)
    words = (
        f"Of pictures with noise of σ = {SIGMA:g} ({base['as given']:.1f} dB) the model makes "
        f"{mean:.1f} dB; trained on clean pictures it would make {statistics.fmean(clean):.1f}. The "
        f"best linear filter has {linear:.1f}, the best other filter {filtered:.1f}."
    )
    rows_shown = {"clean": x[:8], "noisy": noisy[:8], "model": found.output[:8]}
    rows_shown |= {name: each[:8] for name, each in found.others.items() if name == "PCA-Wiener"}
    notes = {
        name: found.scores()[key]["psnr"][:8]
        for name, key in (("noisy", "as given"), ("model", "model"), ("PCA-Wiener", "PCA-Wiener"))
    }
    pictures = {"Test pictures with noise, denoised": methods(rows_shown, notes)}
    more = "Network (784-128-784) and noise are ours; her slide shows a picture."
    return Finding(judge_denoising(rows), words, pictures, rows, deviations(lab, more))


def judge_classes(rows: Sequence[Row]) -> Verdict:
    """An SVM and an MLP name less than 0.06 fewer by codes than by raw pixels; the SVM names more than by the
    untrained encoder, and at most 0.01 fewer than by PCA."""
    row = by_name(rows)
    svm, mlp = (row[f"{kind} on codes, {UNITS} numbers"] for kind in ("svm", "mlp"))
    return verdict_of(
        min(each.mean - each.baselines["raw pixels"] for each in (svm, mlp)) > -0.06,
        svm.mean > row[f"svm on encoder untrained, {UNITS} numbers"].mean,
        svm.mean >= svm.baselines[f"PCA, {UNITS} numbers"] - 0.01,
    )


@experiment(
    "classification",
    title="Classes from codes, by an MLP and an SVM",
    claim="Pictures can be represented by an autoencoder's codes and classified by any standard method.",
    data=(CLOTHES,),
    judge=judge_classes,
)
def classification(lab: Lab) -> Finding:
    """Codes of 32 and of 10 numbers beside PCA, raw pixels and the encoder untrained."""
    images, judged = train(lab), test(lab)
    learnt = images.select(torch.arange(min(len(images), lab.of(small=4000, paper=60_000))))
    known, other = (class_names(part.label) for part in (learnt, judged))
    x, y = few(learnt), few(judged)
    pca = Pca.fit(images, min(UNITS, Pca.most(images)))
    kinds = ("linear", "mlp", "svm")

    def accuracies(encode: Callable[[Tensor], Any], seed: int) -> dict[str, Any]:
        rows, others = encode(x), encode(y)
        return {
            kind: evaluate_classifier(
                fit_classifier(rows, known, kind, choose=False, seed=seed), others, other
            )
            for kind in kinds
        }

    linear = {
        f"PCA, {UNITS} numbers": accuracies(pca.encode, 0),
        "raw pixels": accuracies(lambda v: v.flatten(1), 0),
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for seed in lab.seeds:
        shallow = vanilla_model(lab, images, seed).model
        deep = shorter(lab, lingrand_2021_multilayer(images.shape, DEEP))
        for name, model in (
            (f"codes, {UNITS} numbers", shallow),
            (f"codes, {DEEP} numbers", lab.model(deep, images, seed=seed).model),
            (f"encoder untrained, {UNITS} numbers", untrained(shallow, seed)),
        ):
            found.setdefault(name, []).append(
                accuracies(lambda v, m=model: m.encode(v).z, seed)  # type: ignore[misc]
            )
    rows = [
        Row(
            f"{kind} on {name}",
            [run[kind].accuracy for run in runs],
            "",
            {title: each[kind].accuracy for title, each in linear.items()},
            better="higher",
        )
        for name, runs in found.items()
        for kind in kinds
    ]
    mean = {(row.what.split(" on ")[1], row.what.split(" on ")[0]): row.mean for row in rows}
    codes, raw = f"codes, {UNITS} numbers", {k: linear["raw pixels"][k].accuracy for k in kinds}
    of_pca = {k: linear[f"PCA, {UNITS} numbers"][k].accuracy for k in kinds}
    blank = f"encoder untrained, {UNITS} numbers"
    words = (
        f"With {UNITS} of 784 numbers an SVM names {mean[codes, 'svm']:.1%} of the test pictures, an "
        f"MLP {mean[codes, 'mlp']:.1%}; with raw pixels {raw['svm']:.1%} and {raw['mlp']:.1%}, with PCA "
        f"of {UNITS} numbers {of_pca['svm']:.1%} and {of_pca['mlp']:.1%}, with the encoder untrained "
        f"{mean[blank, 'svm']:.1%} and {mean[blank, 'mlp']:.1%}; from {DEEP} numbers "
        f"{mean[f'codes, {DEEP} numbers', 'svm']:.1%} and {mean[f'codes, {DEEP} numbers', 'mlp']:.1%}."
    )
    first = found[codes][0]["svm"]
    called = [NAMES[int(name)] if name.isdigit() else name for name in first.classes]
    shown = {f"{kind} on {n}": [run[kind].accuracy for run in runs] for n, runs in found.items() for kind in kinds}  # fmt: skip
    shown |= {f"{k} on {n}": [each[k].accuracy] for n, each in linear.items() for k in kinds}
    pictures = {
        "Accuracy on test pictures": bars(shown, title="accuracy"),
        f"SVM on {UNITS} numbers": confusion_matrix(first.confusion, called),
    }
    more = lab.of(small=("Classifiers learn from 4,000 pictures at the small scale.",), paper=())
    return Finding(judge_classes(rows), words, pictures, rows, deviations(lab, *more))


def judge_tuning(rows: Sequence[Row]) -> Verdict:
    """Of every number of labels the tuned network names more than the encoder left as it is, and of the
    fewest more than one from scratch."""
    tuned, left, scratch = (
        [row.mean for row in rows if row.what.startswith(f"accuracy, {name}, ")]
        for name in ("fine-tuned", "encoder left as it is", "from scratch")
    )
    return verdict_of(all(a > b for a, b in zip(tuned, left, strict=True)), tuned[0] > scratch[0])


@experiment(
    "fine-tuning",
    title="Layers without labels, then the whole network with them",
    claim="All layers are trained without labels and the output layer with them; then the whole "
    "network is fine-tuned.",
    data=(CLOTHES,),
    judge=judge_tuning,
)
def fine_tuning(lab: Lab) -> Finding:
    """Pre-trained and fine-tuned, from scratch, and with the encoder left as it is, by labels."""
    images, judged = train(lab), test(lab)
    truth = class_names(judged.label)
    y = few(judged)
    whole = shorter(lab, lingrand_2021_classifier(images.shape, DEEP))
    tuned = dataclasses.replace(whole, phases=whole.phases[-1:])
    layers = dataclasses.replace(whole, name="lingrand-2021-layers", phases=whole.phases[:-1])
    counts = [n for n in (200, 1000, len(images)) if n <= len(images)]
    right: dict[str, list[list[float]]] = {}
    order = permutation(0, "labels", len(images))
    for count in counts:
        some = images.select(order[:count].sort().values)
        known = class_names(some.label)
        # as many steps for few labels as they can use, never more than thrice those of all
        times = min(8.0, len(images) / count)
        short = tuned.with_(epochs=tuned.phases[0].epochs * times, batch_size=min(256, count // 4))
        pixels = fit_classifier(few(some).flatten(1), known, "linear", choose=False)
        plain = evaluate_classifier(pixels, y.flatten(1), truth).accuracy
        right.setdefault("linear on raw pixels", []).append([plain])
        by: dict[str, list[float]] = {}
        for seed in lab.seeds:
            begun = lab.model(layers, images, seed=seed).model
            frozen = fit_classifier(begun.encode(some).z, known, "linear", choose=False)
            by.setdefault("encoder left as it is", []).append(
                evaluate_classifier(frozen, begun.encode(y).z, truth).accuracy
            )
            by.setdefault("fine-tuned", []).append(
                right_names(lab.model(short, some, seed=seed, begin=begun).model, y, truth)
            )
            by.setdefault("from scratch", []).append(
                right_names(lab.model(short, some, seed=seed).model, y, truth)
            )
        for name, values in by.items():
            right.setdefault(name, []).append(values)
    base = {count: right["linear on raw pixels"][i][0] for i, count in enumerate(counts)}
    rows = [
        Row(
            f"accuracy, {name}, {count:,} labels",
            runs[i],
            "",
            {"linear on raw pixels": base[count]},
            better="higher",
        )
        for name, runs in right.items()
        if name != "linear on raw pixels"
        for i, count in enumerate(counts)
    ]
    mean = {name: [statistics.fmean(each) for each in runs] for name, runs in right.items()}
    tuned_, scratch, frozen_ = (
        mean[n] for n in ("fine-tuned", "from scratch", "encoder left as it is")
    )
    words = "; ".join(
        f"with {count:,} labels {tuned_[i]:.1%} fine-tuned, {scratch[i]:.1%} from scratch, "
        f"{frozen_[i]:.1%} with the encoder as it was, {base[count]:.1%} linear on pixels"
        for i, count in enumerate(counts)
    )
    order_of = ("fine-tuned", "from scratch", "encoder left as it is", "linear on raw pixels")
    pictures = {
        "Accuracy by the number of labels": label_curves(
            {
                name: ([c / 10 for c in counts], np.array([_wide(v, lab) for v in right[name]]))
                for name in order_of
            }
        )
    }
    more = (
        "The softmax and the layers move together from the first step; she begins with the softmax."
    )
    return Finding(judge_tuning(rows), f"{words[0].upper()}{words[1:]}.", pictures, rows, deviations(lab, more))  # fmt: skip


def _wide(values: list[float], lab: Lab) -> list[float]:
    """A value for each seed, where all are the same too."""
    return values * len(lab.seeds) if len(values) == 1 else values


def right_names(model: Any, x: Tensor, truth: Any) -> float:
    """The share of right names by a model with a softmax."""
    tuned = fine_tuned(model)
    assert tuned is not None  # its last phase trains one
    return float((class_names(tuned(x)) == truth).mean())


@experiment(
    "compression against JPEG",
    title="Codes as files, beside JPEG",
    claim="An autoencoder compresses, not as well as JPEG.",
    data=(CLOTHES,),
)
def compression(lab: Lab) -> Finding:
    """PSNR by bytes of 32 numbers and of a convolutional code; JPEG of single and of tiled pictures."""
    images, judged = train(lab), test(lab)
    side = min(TOGETHER, int(len(judged) ** 0.5))
    some = judged.select(torch.arange(side**2))
    x = (few(some) * 255).round().byte()
    pca = Pca.fit(images, min(UNITS, Pca.most(images)))
    conv = shorter(lab, lingrand_2021_convolutional(images.shape), 0.1)
    one = vanilla_model(lab, images, lab.seeds[0]).model
    two = lab.model(conv, images, seed=lab.seeds[0]).model
    codecs = {
        f"dense, {UNITS} numbers": Codec.fit(codec_model(one), images),
        "convolutions": Codec.fit(codec_model(two), images),
        f"PCA, {UNITS} numbers": Codec.fit(pca_codec_model(pca), images),
    }
    curves = {
        f"{name}, one file": _points(codec, some, together=True) for name, codec in codecs.items()
    }
    first = some.select(torch.arange(min(64, len(some))))
    own = _points(codecs[f"dense, {UNITS} numbers"], first)
    mosaic = x.reshape(side, side, *x.shape[1:]).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
    curves[f"dense, {UNITS} numbers, a file each"] = own
    curves["JPEG, tiled as one picture"] = _jpeg(mosaic[None], len(x))
    curves["JPEG, a file each"] = _jpeg(x[: len(first)], len(first))
    ours = f"dense, {UNITS} numbers, one file"
    small, good = curves[ours][2]
    tiled = curves["JPEG, tiled as one picture"]
    jpeg, alone = (_bytes_at(each, good) for each in (tiled, curves["JPEG, a file each"]))
    at = min(own, key=lambda point: abs(point[1] - good))
    linear = _bytes_at(curves[f"PCA, {UNITS} numbers, one file"], good)
    rows = [
        Row(f"bytes per picture at {good:.1f} dB, one file", [small], "", {"JPEG, tiled": jpeg, "PCA": linear}, better="lower"),
        Row(f"bytes per picture at {at[1]:.1f} dB, a file each", [at[0]], "", {"JPEG": alone}, better="lower"),
    ]  # fmt: skip
    most = max(point[1] for point in curves[ours])
    bare = _jpeg(torch.zeros_like(x[:1]), 1)[0][0]
    words = (
        f"At {good:.1f} dB {UNITS} numbers take {small:.1f} bytes per picture, JPEG of the pictures "
        f"tiled as one {jpeg:.1f}, PCA of as many numbers {linear:.1f}; a file each they take "
        f"{at[0]:.0f} and JPEG {alone:.0f} (a black picture: {bare:.0f}). {UNITS} numbers never come "
        f"above {most:.1f} dB; JPEG reaches {max(point[1] for point in tiled):.1f}."
    )
    facts = (small > jpeg, most < max(point[1] for point in tiled))
    more = "Clothes of 28×28 as in her listings; for photographs see `narrows compress`."
    pictures = {"Size and quality": rate_curves(curves)}
    return Finding(verdict_of(*facts), words, pictures, rows, deviations(lab, more))


def _points(codec: Codec, images: Any, *, together: bool = False) -> list[tuple[float, float]]:
    """Bytes and PSNR by quality."""
    found = [codec.compress(images, q, together=together) for q in (20, 40, 60, 80, 100)]
    return [(each.bytes, float(each.psnr.mean())) for each in found]


def _jpeg(pictures: Tensor, count: int) -> list[tuple[float, float]]:
    """Bytes of each of ``count`` pictures that these files hold, and PSNR, by quality."""
    found = [formats.written(pictures, "JPEG", quality) for quality in range(5, 96, 10)]
    return [(float(f.bytes.sum()) / count, float(f.psnr.mean())) for f in found if f is not None]


def _bytes_at(points: list[tuple[float, float]], decibels: float) -> float:
    """The bytes of a curve at a PSNR; at its ends those of the end."""
    bytes_, psnr = (
        np.array(each) for each in zip(*sorted(points, key=lambda p: p[1]), strict=True)
    )
    return float(np.interp(decibels, psnr, bytes_))
