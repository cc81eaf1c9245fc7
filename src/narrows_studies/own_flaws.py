"""Flaws of magnetic tiles: ``narrows flaws`` beside PCA of whole tiles, PCA of patches and codes of patches.

normal tiles ──┬──► painted flaws: which patches, of which size, by which score ──► tiles in question
               └──► PCA, autoencoders of patches ──► a map of each tile, chosen in the same way
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import narrows as nw
from narrows.images import Preprocessing, as_source, read_mask
from narrows.images.inputs import pictures
from narrows.images.painted import painted
from narrows.measures import Pca
from narrows.measures.detection import detection
from narrows.measures.scoring import Scorer, residual_of, residuals, scorer
from narrows.randomness import permutation

from .experiment import Experiment, Finding, Row, by_name, experiment
from .lab import Lab
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS"]

Array = np.ndarray[Any, Any]

TILES = "magnetic_tile"
GOOD = "good"
WHOLE, WHOLE_NUMBERS = 64, 64  # pixels of a side and components, of PCA of whole tiles
SIDE = 128  # of tiles whose patches are asked
SIDES = {8: 48, 16: 16, 32: 16}  # of patches → numbers of a code
RATE = 2e-5  # further from PCA, errors of brightness drown those of flaws
COMPONENTS, NEAR = 48, 10
PATCHES, NORMAL = 40_000, 5_000  # patches to learn from, and for neighbours
SHARES = (0.0001, 0.002, 0.01, 0.05)  # of a map's pixels, whose mean is the tile's score
PAINTED_ON = 50  # tiles
ABOVE = 0.05  # of AUROC
FLAWED, PIXELS = "flawed tiles", "flawed pixels"
RESIDUAL, PCA_PATCHES, CODES = "PCA of whole tiles", "PCA of patches", "codes of patches"


@dataclass(frozen=True)
class Tiles:
    """Files of tiles, the kind of each, and where it is flawed, bool (H, W); None where nobody marked it."""

    files: list[Path]
    kinds: Array
    masks: list[Array | None]

    def resized(self, side: int) -> Tensor:
        """uint8 (N, side, side)."""
        how = Preprocessing((1, side, side), "stretch")
        found: Tensor = pictures(self.files, how).pixels[:, 0]
        return found

    def marks(self, side: int) -> list[Array | None]:
        """The masks at that size, (side, side) each."""
        return [None if mask is None else _nearest(mask, side) for mask in self.masks]


def judge_flaws(rows: Sequence[Row]) -> Verdict:
    """Tiles and pixels well above all others; tiles of no kind below any."""
    row = by_name(rows)
    kinds = [what for what in row if what.startswith(f"{FLAWED}, ")]

    def others(what: str) -> float:
        return max(row[f"{CODES}: {what}"].mean, *row[what].baselines.values())

    return verdict_of(
        *(row[what].mean >= others(what) + ABOVE for what in (FLAWED, PIXELS)),
        all(row[what].mean >= others(what) for what in kinds),
    )


@experiment(
    "flaws of tiles",
    title="Flaws of magnetic tiles, found and marked",
    claim="`narrows flaws`, which has no network and chooses its patches on painted flaws, finds flawed tiles and "
    f"marks their pixels with an AUROC at least {ABOVE} above PCA of whole tiles, PCA of patches and codes of "
    "patches, and tiles of no kind of flaw below these.",
    data=(TILES,),
    judge=judge_flaws,
)
def flaws_of_tiles(lab: Lab) -> Finding:
    """AUROC of test tiles and of their pixels; all choices are made on normal tiles."""
    normal, asked = tiles(lab, "train"), tiles(lab, "test")
    truth = asked.kinds != GOOD
    beside = {RESIDUAL: {FLAWED: _residual(normal, asked, truth)}}
    by_pca, chosen = _by_patches(lab, normal, asked, None)
    beside[PCA_PATCHES] = by_pca
    ours: dict[str, list[float]] = {}
    codes: dict[str, list[float]] = {}
    told = [f"{PCA_PATCHES}: {chosen}"]
    shown = None
    for seed in lab.seeds:
        found, each = _by_flaws(lab, normal, asked, seed)
        shown = shown or found.figures()["flaws"]
        told.append(f"`narrows flaws` with seed {seed}: {found.how['pictures']}; maps: {found.how['maps']}")  # fmt: skip
        by_codes, chosen = _by_patches(lab, normal, asked, seed)
        told.append(f"{CODES} with seed {seed}: {chosen}")
        for into, values in ((ours, each), (codes, by_codes)):
            for what, value in values.items():
                into.setdefault(what, []).append(value)
    rows = flaws_rows(ours, codes, beside)
    small = "Every fifth tile, of 64×64 for `narrows flaws`; patches are fewer and trained on for 40 steps."
    return Finding(
        judge_flaws(rows),
        flaws_words(rows),
        {"The most anomalous test tiles, and where": shown},
        rows,
        (*lab.of(small=(small,), paper=()), f"Chosen on painted flaws. {'. '.join(told)}."),
    )


def flaws_rows(
    ours: Mapping[str, Sequence[float]],
    codes: Mapping[str, Sequence[float]],
    beside: Mapping[str, Mapping[str, float]],
) -> list[Row]:
    """Ours beside what has no network either, and codes of patches, by what is measured."""
    rows = []
    for prefix, found in (("", ours), (f"{CODES}: ", codes)):
        for what, values in found.items():
            base = {name: of[what] for name, of in beside.items() if what in of}
            better: Any = "" if prefix or not base else "higher"
            rows.append(Row(prefix + what, values, "", base, "", better))
    return rows


def flaws_words(rows: Sequence[Row]) -> str:
    """Tiles and pixels, by every method."""
    row = by_name(rows)
    said = []
    for what in (FLAWED, PIXELS):
        others = {**row[what].baselines, CODES: row[f"{CODES}: {what}"].mean}
        told = ", ".join(f"{name} {value:.3f}" for name, value in others.items())
        said.append(f"AUROC of {what}: {row[what].mean:.3f}; {told}.")
    return " ".join(said)


def tiles(lab: Lab, part: str) -> Tiles:
    """The tiles of the official part; at the small scale every fifth."""
    root = lab.folder_of(TILES)
    with open(root / "split.csv", newline="", encoding="utf-8") as opened:
        rows = [row for row in csv.DictReader(opened) if row["split"] == part]
    rows = rows[:: lab.of(small=5, paper=1)]
    kinds = np.array([row["class"] for row in rows])
    files = [root / row["image"] for row in rows]
    masks = [read_mask(root / row["mask"]).numpy() > 127 for row in rows]
    for mask, kind in zip(masks, kinds, strict=True):
        mask &= kind != GOOD
    marked = [m if m.any() or kind == GOOD else None for m, kind in zip(masks, kinds, strict=True)]
    return Tiles(files, kinds, marked)


def _nearest(mask: Array, side: int) -> Array:
    rows, columns = ((np.arange(side) + 0.5) * n / side for n in mask.shape)
    near: Array = mask[rows.astype(int)][:, columns.astype(int)]
    return near


def _of_kinds(scores: Array, kinds: Array) -> dict[str, float]:
    """The AUROC of flawed tiles, and of those of each kind."""
    truth = kinds != GOOD
    found = {FLAWED: detection(scores, truth).auroc}
    for kind in sorted(set(kinds[truth])):
        some = ~truth | (kinds == kind)
        found[f"{FLAWED}, {kind}"] = detection(scores[some], truth[some]).auroc
    return found


def _residual(normal: Tiles, asked: Tiles, truth: Array) -> float:
    """The AUROC of the squared error of PCA of whole tiles."""
    known, others = (part.resized(WHOLE)[:, None].float() / 255 for part in (normal, asked))
    pca = Pca.fit(known, min(WHOLE_NUMBERS, len(known) - 1))
    return detection(residuals(pca, others), truth).auroc


def _by_flaws(lab: Lab, normal: Tiles, asked: Tiles, seed: int) -> tuple[Any, dict[str, float]]:
    """What ``narrows flaws`` finds, and how well: of files as they are, at the small scale of 64×64."""
    truth = asked.kinds != GOOD
    if lab.scale == "paper":
        known, others, masks = normal.files, asked.files, asked.masks
    else:
        how = Preprocessing((1, WHOLE, WHOLE), "stretch")
        known, others = (pictures(part.files, how) for part in (normal, asked))
        masks = asked.marks(WHOLE)
    found = nw.flaws(others, normal=known, anomalies=truth, masks=masks, seed=seed, progress=False)
    assert found.detection is not None
    each = _of_kinds(found.scores["patches"], asked.kinds)
    each[PIXELS] = found.detection["pixels"].auroc
    each["painted tiles, by the best single way"] = max(one["pictures"] for one in found.choices)
    each["painted pixels, by the best single way"] = max(one["pixels"] for one in found.choices)
    each["flawed tiles called flawed"] = float(found.is_outlier[truth].mean())
    each["good tiles called flawed"] = float(found.is_outlier[~truth].mean())
    return found, each


# ---- maps of patches -----------------------------------------------------------------------------


def _by_patches(
    lab: Lab, normal: Tiles, asked: Tiles, seed: int | None
) -> tuple[dict[str, float], str]:
    """What maps of patches find, by codes trained with a seed or by PCA, and which were chosen on painted flaws."""
    order = permutation(0, TILES, len(normal.files)).numpy()
    known = normal.resized(SIDE)
    count = min(PAINTED_ON, len(order) // 2)
    held, fitted = known[order[:count]], known[order[count:]]
    made = [painted(tile[None], n) for n, tile in enumerate(held)]
    tried = torch.cat([held, *(tile for tile, _ in made)])
    where = torch.cat([torch.zeros(held.shape, dtype=torch.bool), *(mask[None] for _, mask in made)]).numpy()  # fmt: skip
    flawed = np.repeat([False, True], count)
    ways = _ways(lab, fitted, seed)
    maps = {name: way(tried) for name, way in ways.items()}
    for_pixels = max(maps, key=lambda name: detection(maps[name].ravel()[::3], where.ravel()[::3]).auroc)  # fmt: skip
    _, for_tiles, share = max(
        (detection(_of_tiles(one, share), flawed).auroc, name, share)
        for name, one in maps.items()
        for share in SHARES
    )
    x = asked.resized(SIDE)
    scores = _of_tiles(ways[for_tiles](x), share)
    found = _of_kinds(scores, asked.kinds)
    whole = detection(scores, asked.kinds != GOOD)
    found[f"{FLAWED}: average precision"] = whole.average_precision
    pairs = zip(ways[for_pixels](x), asked.marks(SIDE), strict=True)
    marked = [(one, mask) for one, mask in pairs if mask is not None]
    values, marks = (np.concatenate([pair[k].ravel() for pair in marked]) for k in (0, 1))
    found[PIXELS] = detection(values, marks).auroc
    return found, f"{for_tiles}, the most anomalous {share:.2%} of its pixels; maps: {for_pixels}"


def _ways(lab: Lab, fitted: Tensor, seed: int | None) -> dict[str, Callable[[Tensor], Array]]:
    """Tiles uint8 (N, H, W) to maps (N, H, W), by name."""
    found: dict[str, Callable[[Tensor], Array]] = {}
    for side, numbers in SIDES.items():
        known = _drawn(fitted, side, lab.of(small=4_000, paper=PATCHES), seed or 0)
        if seed is None:
            pca = residual_of(known, COMPONENTS)
            title = f"PCA of {len(pca)} of {side}×{side}"
            found[title] = partial(_maps, side, partial(residuals, pca))
            found[f"{title}, beside its median"] = partial(_beside, found[title])
            continue
        recipe = nw.recipes.outlier_codes((1, side, side), numbers, reach=0.0)
        recipe = recipe.with_(steps=lab.of(small=40, paper=120), learning_rate=RATE)
        model = lab.model(recipe, as_source(known), seed=seed).model
        ask = scorer(model, ("lof",), known[:NORMAL], neighbours=NEAR, seed=seed)
        found[f"lof of {side}×{side}"] = partial(_maps, side, partial(_lof, ask))
    return found


def _lof(ask: Scorer, patches: Tensor) -> Array:
    return ask(patches)["lof"]


def _beside(way: Callable[[Tensor], Array], x: Tensor) -> Array:
    """A map beside its own median."""
    maps = way(x)
    return maps / np.median(maps, (1, 2), keepdims=True)


def _cut(x: Tensor, side: int) -> Tensor:
    """Patches of tiles uint8 (N, H, W), a quarter of a side and at least 4 pixels apart: (N, P, side²) in [0, 1]."""
    return F.unfold(x[:, None].float() / 255, side, stride=_step(side)).transpose(1, 2)


def _step(side: int) -> int:
    return max(4, side // 4)


def _drawn(x: Tensor, side: int, most: int, seed: int) -> Tensor:
    rows = _cut(x, side).reshape(-1, 1, side, side)
    return rows[permutation(seed, "patches", len(rows))[:most]]


def _maps(side: int, score: Callable[[Tensor], Array], x: Tensor) -> Array:
    """A score of each patch → of each pixel the mean of the patches over it, (N, H, W)."""
    found = []
    for part in torch.split(x, 30):
        patches = _cut(part, side)
        values = torch.as_tensor(score(patches.reshape(-1, 1, side, side))).float()
        each = values.reshape(len(part), 1, -1).expand(-1, side * side, -1)
        total, over = (F.fold(one, x.shape[1:], side, stride=_step(side)) for one in (each, torch.ones_like(each)))  # fmt: skip
        found.append((total / over)[:, 0])
    return torch.cat(found).numpy()


def _of_tiles(maps: Array, share: float) -> Array:
    """The mean of the most anomalous share of the pixels, (N,)."""
    flat = np.sort(maps.reshape(len(maps), -1), 1)
    found: Array = flat[:, -max(1, int(share * flat.shape[1])) :].mean(1)
    return found


EXPERIMENTS: tuple[Experiment, ...] = (flaws_of_tiles,)
