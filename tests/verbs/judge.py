"""Every verb with no option but its inputs, beside the obvious free alternative.

A verdict is

- ``better``: as good as the alternative, within the noise of so few pictures;
- ``said``: the result itself says that the alternative is better, or that this is no model for it
  (among its ``notes``, or in its ``conclusion``); of a model for something else a refusal says so too;
- ``worse``, or ``refused``: the verb does not take its own inputs;
- ``ran``, where there is no alternative.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

import narrows as nw
from narrows.applications import exhibits
from narrows.applications.map import map as map_of
from narrows.errors import NarrowsError
from narrows.measures import Pca, density_coverage, filters, psnr
from narrows.measures.neighbourhoods import neighbourhoods

NEAREST = 5  # of a search
QUERIES = 16
DRAWN = 256
HOLES = 64  # pictures with one


@dataclass
class Case:
    """Pictures of one kind, a model that ``train`` made of them with its defaults, and its Training.

    Attributes:
        train, test: what the model was trained on and what it has never seen.
        labels, test_labels: a class for each; None without.
        odd: pictures that do not belong; None without.
        restorers: models by the verb that they were trained for.
    """

    name: str
    folder: Path
    train: nw.images.Images
    test: nw.images.Images
    model: Any
    training: Any
    labels: Any = None
    test_labels: Any = None
    odd: nw.images.Images | None = None
    restorers: dict[str, Any] = field(default_factory=dict)

    @property
    def x(self) -> torch.Tensor:
        return self.test.batch(torch.arange(len(self.test)))


@dataclass
class Verdict:
    """Both numbers, higher is better, and what the result says of itself.

    Attributes:
        noise: how far apart the numbers may lie by chance.
    """

    verb: str
    kind: str
    what: str
    ours: float | None
    against: str
    other: float | None
    said: str = ""
    noise: float = 0.0
    refused: bool = False
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        if self.refused:
            return "said" if self.verb.endswith(OTHERS) else "refused"
        if self.ours is None or self.other is None:
            return "ran"
        if self.ours >= self.other - max(self.noise, 0.002 * abs(self.other)):
            return "better"
        return "said" if self.said else "worse"

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "outcome": self.outcome}


class Unjudged(Exception):
    """There is nothing to judge this verb by on these pictures."""


OTHERS = ", a model of train"  # which was not trained for this verb
# what, ours, against, other, said, noise
Found = tuple[str, float | None, str, float | None, str, float]


def judge(verb: str, case: Case) -> Verdict | None:
    """A verb on a case; None where it cannot be judged there."""
    began = time.process_time()
    try:
        found: Found = VERBS[verb](case)
    except Unjudged:
        return None
    except (NarrowsError, ValueError) as error:
        return Verdict(verb, case.name, "", None, "", None, str(error), refused=True)
    return Verdict(verb, case.name, *found, seconds=time.process_time() - began)


def _says(result: Any, *words: str) -> str:
    """The sentence of a result's notes or conclusion that holds one of the words; empty if none does."""
    sentences = [*result.notes, getattr(result, "conclusion", "")]
    return next((s for s in sentences if any(word in s for word in words)), "")


def _share_noise(share: float, n: int) -> float:
    """Two standard errors of the difference of two shares of ``n``."""
    return 2 * math.sqrt(2 * max(share * (1 - share), 1 / n) / n)


def _float(pixels: Any) -> torch.Tensor:
    return torch.stack(list(pixels)).float() / 255


def _psnr(x: torch.Tensor, other: torch.Tensor) -> float:
    return float(psnr(x, other.clamp(0, 1)).mean())


def _pca(case: Case) -> Pca:
    return Pca.fit(case.train, min(math.prod(case.model.code_shape), Pca.most(case.train)))


def _reconstruct(case: Case) -> Found:
    result = nw.reconstruct(case.model, case.test, progress=False)
    other = _psnr(case.x, _pca(case).reconstruct(case.x))
    said = case.training.conclusion if "with as many" in case.training.conclusion else ""
    said = "" if "better than PCA" in said else said
    return "PSNR, dB", float(result.psnr.mean()), "PCA", other, said, 0.0


def _evaluate(case: Case) -> Found:
    both = nw.images.Images(torch.cat([case.train.pixels, case.test.pixels]))
    result = nw.evaluate(case.model, both, progress=False)
    rows = {row["name"].split(",")[0]: row["psnr"] for row in result.measures.rows()}
    said = _says(result, "PCA with as many numbers is")
    return "PSNR, dB", rows["model"], "PCA", rows["PCA"], said, 0.0


def _noisy(case: Case) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return (case.x + 0.1 * torch.randn(case.x.shape, generator=draw)).clamp(0, 1)


def _denoise(case: Case, model: Any) -> Found:
    noisy = nw.images.Images((_noisy(case) * 255).round().byte())
    result = nw.denoise(model, noisy, progress=False)
    given = noisy.batch(torch.arange(len(noisy)))
    alternatives = {
        "median filter": filters.median(given),
        "cosine threshold": filters.cosine_threshold(given, 0.1),
    }
    name = max(alternatives, key=lambda each: _psnr(case.x, alternatives[each]))
    ours = _psnr(case.x, _float(result.outputs))
    said = _says(result, "not trained", "no model for", "better")
    return "PSNR at noise 0.1, dB", ours, name, _psnr(case.x, alternatives[name]), said, 0.0


def _inpaint(case: Case, model: Any) -> Found:
    side = case.test.shape[1]
    a, s = round(0.3 * side), round(0.4 * side)
    few = case.test.select(range(min(HOLES, len(case.test))))
    x = few.batch(torch.arange(len(few)))
    result = nw.inpaint(model, few, rectangle=(a, a, s, s), progress=False)
    hole = torch.zeros(len(few), 1, *few.shape[1:], dtype=torch.bool)
    hole[:, :, a : a + s, a : a + s] = True
    cut = (slice(None), slice(None), slice(a, a + s), slice(a, a + s))
    ours = _psnr(x[cut], _float(result.outputs)[cut])
    other = _psnr(x[cut], filters.telea(x, hole)[cut])
    said = _says(result, "not trained", "better")
    return "PSNR in the hole, dB", ours, "OpenCV (Telea)", other, said, 0.0


def _upscale(case: Case, model: Any, factor: int = 2) -> Found:
    from narrows.images.resizing import enlarged, reduced

    size = case.test.shape[1:]
    small = reduced(case.x, (size[0] // factor, size[1] // factor)).clamp(0, 1)
    given = nw.images.Images((small * 255).round().byte())
    result = nw.upscale(model, given, factor=factor, progress=False)
    back = given.batch(torch.arange(len(given)))
    other = _psnr(case.x, enlarged(back, tuple(size)))
    ours = _psnr(case.x, _float(result.outputs))
    said = _says(result, "not trained", "better")
    return f"PSNR, {factor} times larger, dB", ours, "bicubic", other, said, 0.0


def _compress(case: Case) -> Found:
    result = nw.compress(case.model, case.test, fit_on=case.train, progress=False)
    rows = {row["name"]: row for row in result.rows}
    own = rows.pop("narrows")
    name = min(rows, key=lambda each: rows[each]["bytes"])
    return (
        "bytes a picture, fewer is better", -own["bytes"], f"{name} at its nearest PSNR",
        -rows[name]["bytes"], _says(result, name, "smaller", "better"), 0.0,
    )  # fmt: skip


def _duplicates(case: Case) -> Found:
    found = exhibits.copies_found(case.train, progress=False)
    assert found.ours is not None
    noise = _share_noise(found.ours, 40)
    what = "F measure of hidden copies"
    return what, found.ours, "perceptual hash, best threshold", found.other, "", noise


def _small(images: Any, side: int = 16) -> np.ndarray:
    x = images.batch(torch.arange(len(images)))
    small = torch.nn.functional.interpolate(x, (side, side), mode="bilinear", antialias=True)
    return small.flatten(1).numpy()


def _histograms(images: Any) -> np.ndarray:
    x = images.batch(torch.arange(len(images))).flatten(2)
    counts = [torch.stack([torch.histc(c, 16, 0, 1) for c in one]).flatten() for one in x]
    return torch.stack(counts).sqrt().numpy()


def _search(case: Case) -> Found:
    if case.labels is None:
        raise Unjudged
    to = case.folder / f"{case.name}-codes"
    # with labels: who asks for the same kind has some, and without them nobody can know
    known = nw.images.Images(case.train.pixels, labels={"label": case.labels})
    nw.index(case.model, known, to, progress=False)  # ids are rows
    rows = range(min(QUERIES, len(case.test)))
    hits, notes = [], []
    for i in rows:
        result = nw.search(to, case.test.select([i]), model=case.model, progress=False)
        label = case.labels[[int(id_) for id_ in result.ids[:NEAREST]]]
        hits.append(np.mean(label == case.test_labels[i]))
        notes += result.notes
    best = {}
    for name, features in (("16×16 pixels", _small), ("colour histogram", _histograms)):
        ours, own = features(case.train), features(case.test)[list(rows)]
        away = np.square(own[:, None] - ours[None]).sum(2).argsort(1)[:, :NEAREST]
        right = case.labels[away] == case.test_labels[list(rows)][:, None]
        best[name] = float(right.mean())
    name = max(best, key=lambda each: best[each])
    said = next((note for note in notes if "pixels" in note or "better" in note), "")
    ours = float(np.mean(hits))
    noise = _share_noise(ours, len(rows) * NEAREST // 2)
    return f"same kind among {NEAREST} nearest", ours, name, best[name], said, noise


def _outliers(case: Case) -> Found:
    if case.odd is None:
        raise Unjudged
    asked = nw.images.Images(torch.cat([case.test.pixels, case.odd.pixels]))
    truth = np.r_[np.zeros(len(case.test)), np.ones(len(case.odd))]
    result = nw.outliers(case.model, asked, normal=case.train, progress=False)
    x = asked.batch(torch.arange(len(asked)))
    residual = (x - _pca(case).reconstruct(x)).square().flatten(1).mean(1)
    return (
        "AUROC", float(roc_auc_score(truth, result.scores[result.by])), "residual of PCA",
        float(roc_auc_score(truth, residual)), _says(result, "PCA", "small flaws", "better"), 0.02,
    )  # fmt: skip


def _map(case: Case) -> Found:
    if case.labels is None:
        raise Unjudged
    result = map_of(case.model, case.train, labels=case.labels, progress=False)
    rows = _small(case.train)
    flat = Pca.fit(case.train, 2).encode(case.train.batch(torch.arange(len(case.train)))).numpy()
    other = neighbourhoods(rows, flat, case.labels).same_label
    ours = result.neighbourhoods["t-SNE"].same_label
    assert ours is not None
    noise, what = _share_noise(ours, len(case.train)), "same kind among the nearest on the map"
    return what, ours, "PCA of pixels", other, _says(result, "better"), noise


def _classify(case: Case) -> Found:
    if case.labels is None:
        raise Unjudged
    both = nw.images.Images(
        torch.cat([case.train.pixels, case.test.pixels]),
        labels={"kind": np.r_[case.labels, case.test_labels]},
    )
    result = nw.classify(case.model, both, progress=False)
    best = {
        name: max(one.accuracy for one in kinds.values()) for name, kinds in result.tested.items()
    }
    ours = best.pop(next(iter(best)))
    name = max((each for each in best if "pixels" in each or "PCA" in each), key=lambda e: best[e])
    said, noise = _says(result, "pixels", "PCA", "better"), _share_noise(ours, len(case.test))
    return "accuracy", ours, name, best[name], said, noise


def _generate(case: Case) -> Found:
    result = nw.generate(case.training.folder or case.model, DRAWN, progress=False)
    drawn = nw.images.Images((result.pictures.clamp(0, 1) * 255).round().byte())
    other = _pca(case).sample(DRAWN, 0).clamp(0, 1)
    plain = nw.images.Images((other * 255).round().byte())
    both = nw.images.Images(torch.cat([case.train.pixels, case.test.pixels]))
    real = torch.from_numpy(_small(both))
    ours, theirs = (
        density_coverage(real, torch.from_numpy(_small(each)))[1] for each in (drawn, plain)
    )
    said, noise = _says(result, "better", "mixture"), _share_noise(ours, len(both))
    return "coverage of real pictures", ours, "a Gaussian of PCA", theirs, said, noise


def _prior(case: Case) -> Found:
    result = nw.prior(case.model, case.train, progress=False)
    rows = {row.name: row.discrepancy for row in result.rows}
    ours = -rows.pop(result.kind)
    simple = {name: -value for name, value in rows.items() if name in ("normal", "gaussian")}
    name = max(simple, key=lambda each: simple[each])
    said, what = _says(result, "better"), "discrepancy of codes, less is better"
    return what, ours, name, simple[name], said, 0.02  # what it scatters by of a hundred codes


def _morph(case: Case) -> Found:
    found = exhibits.morphed(case.model, case.test, case.train)
    made = nw.morph(case.model, case.test.select([0, 1]), progress=False)
    return (
        "distance of half-way pictures to real ones, less is better", found.ours, "a fade",
        found.other, _says(made, "fade", "better"), found.noise,
    )  # fmt: skip


def _painted(images: nw.images.Images) -> np.ndarray[Any, Any]:
    """The pictures with their middle inverted."""
    pixels = images.pixels.numpy().copy()
    high, wide = pixels.shape[2:]
    middle = (..., slice(high // 3, high // 2), slice(wide // 3, wide // 2))
    pixels[middle] = 255 - pixels[middle]
    return pixels


def _ran(call: Callable[[Case], Any]) -> Callable[[Case], Found]:
    def found(case: Case) -> Found:
        call(case)
        return "", None, "", None, "", 0.0

    return found


def _restorer(verb: str, judged: Callable[[Case, Any], Found]) -> Callable[[Case], Found]:
    """A verb with a model that was trained for it."""

    def found(case: Case) -> Found:
        if verb not in case.restorers:
            raise Unjudged
        return judged(case, case.restorers[verb])

    return found


VERBS: dict[str, Callable[[Case], Found]] = {
    "reconstruct": _reconstruct,
    "evaluate": _evaluate,
    "denoise": _restorer("denoise", _denoise),
    f"denoise{OTHERS}": lambda case: _denoise(case, case.model),
    "inpaint": _restorer("inpaint", _inpaint),
    f"inpaint{OTHERS}": lambda case: _inpaint(case, case.model),
    "upscale": _restorer("upscale", _upscale),
    f"upscale{OTHERS}": lambda case: _upscale(case, case.model),
    "compress": _compress,
    "duplicates": _duplicates,
    "search": _search,
    "outliers": _outliers,
    "map": _map,
    "classify": _classify,
    "prior": _prior,
    "generate": _generate,
    "morph": _morph,
    "steer": _ran(
        lambda case: nw.steer(
            case.model, case.test.select([0]), by="brightness", fit_on=case.train, progress=False
        )
    ),
    "edit": _ran(
        lambda case: nw.edit(
            case.model, case.test.select([0]), _painted(case.test.select([0])), progress=False
        )
    ),
    "kernels": _ran(lambda case: nw.kernels(case.model, case.test.select([0]), progress=False)),
}

RESTORERS: Sequence[tuple[str, str, dict[str, Any]]] = (
    ("denoise", "denoiser", {}),
    ("inpaint", "inpainter", {}),
    ("upscale", "upscaler", {"factor": 2.0}),
)
