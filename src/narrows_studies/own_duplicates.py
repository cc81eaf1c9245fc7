"""What is there twice: made copies of photographs, found by ``narrows duplicates`` and by perceptual hashes.

photographs ──five files of each──► narrows duplicates ──► groups ─┐
  original · resized · recompressed · cropped · brightened         ├─► pairs: F1
                  └──► four hashes ──► bits apart ─────────────────┘
"""

from __future__ import annotations

import contextlib
import itertools
import random
import statistics
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.fft import dctn
from torch import Tensor

import narrows as nw
from narrows.applications.close_codes import close_groups, close_pairs
from narrows.figures import picture_rows
from narrows.randomness import permutation

from .experiment import Experiment, Finding, Row, by_name, experiment
from .lab import Lab
from .verdicts import Verdict, verdict_of

__all__ = ["EXPERIMENTS"]

Array = np.ndarray[Any, Any]
Pairs = set[tuple[int, int]]

SETS = {"lfw_gray": 250, "utkface": 200}  # pixels of a side, as the files have them
WAYS = ("original", "resized", "recompressed", "cropped", "brightened")
LEARNT = 64  # pixels, of the model whose codes say whom to compare
COUNT = 500  # photographs, of the paper scale
MOST, DEFAULT = 20, 10  # bits: the largest distance that is tried, and imagededup's own
BETTER, LESS = 0.02, 0.02


def judge_duplicates(rows: Sequence[Row]) -> Verdict:
    """On each set the F1 is well above that of every hash; no way of copying is found much less often."""
    row = by_name(rows)
    ways = [row[f"{name}: {way} copies found"] for name in SETS for way in WAYS[1:]]
    return verdict_of(
        *(
            row[f"{name}: F1"].mean >= max(row[f"{name}: F1"].baselines.values()) + BETTER
            for name in SETS
        ),
        all(each.mean >= max(each.baselines.values()) - LESS for each in ways),
    )


@experiment(
    "copies of photographs",
    title="Copies of photographs found again",
    claim="Among photographs and four altered copies of each, `narrows duplicates` has with its own threshold an F1 at "
    f"least {BETTER} above that of four perceptual hashes, whose distance was chosen on other photographs with their "
    f"copies, and finds of no kind of copies more than {LESS} less than these.",
    data=tuple(SETS),
    judge=judge_duplicates,
)
def copies_of_photographs(lab: Lab) -> Finding:
    """Precision, recall and F1 of pairs of files of one photograph, and what is found of each kind of copies."""
    ours: dict[str, list[float]] = {}
    hashed: dict[str, dict[str, list[float]]] = {}
    shown: dict[str, Any] = {}
    for name, side in SETS.items():
        whole = lab.images(name, size=side)
        count = min(lab.of(small=30, paper=COUNT), len(whole) // 4)
        for seed in lab.seeds:
            order = permutation(seed, "photographs", len(whole)).numpy()
            tune, test, rest = np.split(order, [count, 2 * count])
            learnt = lab.images(name, size=LEARNT).select(np.sort(rest[: 4 * count]))
            recipe = nw.recipes.conv_autoencoder(learnt.shape).with_(epochs=2.0)
            model = lab.model(recipe, learnt, seed=seed).model
            draw = random.Random(seed)
            with tempfile.TemporaryDirectory() as made:
                files = copies(Path(made) / "test", whole.pixels[test], draw)
                others = copies(Path(made) / "tune", whole.pixels[tune], draw)
                found = nw.duplicates(Path(made) / "test", model=model, progress=False)
                bits, seen = _bits(files), _bits(others)
            shown.setdefault(f"{name}: photographs", whole.pixels[test[:8]])
            place = {path.name: row for row, path in enumerate(files)}
            at = [place[Path(str(id_)).name] for id_ in found.columns["id"]]
            groups = [[at[row] for row in (each.keeper, *each.others)] for each in found.groups]
            for what, value in judged(within(groups), len(files)).items():
                ours.setdefault(f"{name}: {what}", []).append(value)
            for title in bits:
                for what, value in _hashed(seen[title], bits[title]).items():
                    into = hashed.setdefault(f"{name}: {what.partition('@')[0]}", {})
                    into.setdefault(title + what.partition("@")[2], []).append(value)
    rows = duplicates_rows(ours, hashed)
    small = "Thirty photographs of each set and as many to choose the distance of the hashes on."
    return Finding(
        judge_duplicates(rows),
        duplicates_words(rows),
        {caption: picture_rows([("", x)]) for caption, x in shown.items()},
        rows,
        lab.of(small=(small,), paper=()),
    )


def duplicates_rows(
    ours: Mapping[str, Sequence[float]], hashed: Mapping[str, Mapping[str, Sequence[float]]]
) -> list[Row]:
    """Ours beside the mean of each hash."""
    return [
        Row(
            what,
            values,
            "",
            {title: statistics.fmean(each) for title, each in hashed[what].items()},
            better="higher",
        )
        for what, values in ours.items()
    ]


def duplicates_words(rows: Sequence[Row]) -> str:
    """The F1 of each set beside the best hash."""
    row = by_name(rows)
    said = []
    for name in SETS:
        base = row[f"{name}: F1"].baselines
        best = max(base, key=base.__getitem__)
        said.append(f"{name} has an F1 of {row[f'{name}: F1'].mean:.3f}, the best hash {base[best]:.3f} ({best}).")  # fmt: skip
    return " ".join(said)


def copies(folder: Path, photographs: Tensor, draw: random.Random) -> list[Path]:
    """Five files of each photograph (N, C, H, W), one after the other."""
    folder.mkdir()
    written = []
    for number, pixels in enumerate(photographs.numpy()):
        image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
        for way in WAYS:
            target = folder / f"{number:04}-{way}{'.jpg' if way == 'recompressed' else '.png'}"
            quality = draw.randint(30, 80) if way == "recompressed" else 100  # of a JPEG
            _altered(image, way, draw).save(target, quality=quality)
            written.append(target)
    return written


def _altered(image: Image.Image, way: str, draw: random.Random) -> Image.Image:
    """40 to 90 % of its sides, 5 % of each side cut off anywhere, or 5 to 30 % brighter."""
    width, height = image.size
    if way == "resized":
        factor = draw.uniform(0.4, 0.9)
        size = round(width * factor), round(height * factor)
        return image.resize(size, Image.Resampling.BICUBIC)
    if way == "cropped":
        kept = round(0.95 * width), round(0.95 * height)
        x, y = draw.randint(0, width - kept[0]), draw.randint(0, height - kept[1])
        return image.crop((x, y, x + kept[0], y + kept[1]))
    if way == "brightened":
        factor = draw.uniform(1.05, 1.3)
        return image.point(lambda value: min(255, round(value * factor)))
    return image


def within(groups: Iterable[Sequence[int]]) -> Pairs:
    """All pairs of members."""
    return {pair for group in groups for pair in itertools.combinations(sorted(group), 2)}


def judged(pairs: Pairs, files: int) -> dict[str, float]:
    """Precision, recall and F1 of pairs, and of each way how many copies are paired with the original."""
    many = len(WAYS)
    right = sum(a // many == b // many for a, b in pairs)
    precision, recall = right / max(len(pairs), 1), right / (files * (many - 1) // 2)
    found = {
        f"{way} copies found": sum((at, at + k) in pairs for at in range(0, files, many))
        * many
        / files  # fmt: skip
        for k, way in enumerate(WAYS)
        if k
    }
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return {"precision": precision, "recall": recall, "F1": f1, **found}


# ---- perceptual hashes ---------------------------------------------------------------------------


def _bits(files: Sequence[Path]) -> dict[str, Array]:
    """Each file's 64 bits by four hashes, (N, 64) float32; as the package imagehash computes them."""
    found: dict[str, list[Array]] = {}
    for path in files:
        with Image.open(path) as opened:
            for title, bits in hashes(opened.convert("L")).items():
                found.setdefault(title, []).append(bits.ravel())
    return {title: np.array(rows, np.float32) for title, rows in found.items()}


def hashes(gray: Image.Image) -> dict[str, Array]:
    """By cosine coefficients, by differences in a row, by the mean, and by Haar wavelets: 8×8 booleans each."""

    def small(width: int, height: int) -> Array:
        return np.asarray(gray.resize((width, height), Image.Resampling.LANCZOS), np.float64)

    side = max(8, 2 ** int(np.log2(min(gray.size))))
    low, row, mean = dctn(small(32, 32))[:8, :8], small(9, 8), small(8, 8)
    blocks = small(side, side).reshape(8, side // 8, 8, side // 8).mean((1, 3))
    return {
        "phash": low > np.median(low),
        "dhash": row[:, 1:] > row[:, :-1],
        "ahash": mean > mean.mean(),
        "whash": blocks > np.median(blocks),
    }


def _hashed(seen: Array, asked: Array) -> dict[str, float]:
    """A hash at the distance that is best on other photographs, and its F1 at the default one."""
    choices: dict[tuple[int, bool], float] = {}
    for distance, as_groups in itertools.product(range(MOST + 1), (False, True)):
        with contextlib.suppress(ValueError):  # more pairs than can be duplicates
            near = _close(seen, distance, as_groups)
            choices[distance, as_groups] = judged(near, len(seen))["F1"]
    found = judged(_close(asked, *max(choices, key=choices.__getitem__)), len(asked))
    by_default = judged(_close(asked, DEFAULT, False), len(asked))["F1"]
    return found | {f"F1@, {DEFAULT} bits": by_default}


def _close(bits: Array, distance: int, as_groups: bool) -> Pairs:
    """Files at most so many bits apart; the squared distance of bits is their number."""
    reach = (distance + 0.5) ** 0.5
    if as_groups:
        return within([[one.keeper, *one.others] for one in close_groups(bits, reach)])
    a, b, _ = close_pairs(bits, reach)
    return set(zip(a.tolist(), b.tolist(), strict=True))


EXPERIMENTS: tuple[Experiment, ...] = (copies_of_photographs,)
