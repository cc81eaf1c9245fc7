"""Exhibits: what a trained model does with its pictures, each measured beside the obvious alternative.

model, pictures ──a verb──► a number of ours, a number of the best alternative ──► a section of a page

An exhibit is shown as an achievement only where its number is better: ``Exhibit.better``.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..figures import Picture, Section
from ..figures.live import bars, enlarged, film, framed, plane, slider, tiles
from ..images import Images
from ..measures import Pca, psnr
from ..progress import Progress, stage
from ..randomness import permutation
from ..training.standing import ERRORS, difference_error
from .close_codes import AUGMENTATIONS, augmented
from .codec import Codec, codec_model, pca_codec_model
from .decoding import decoder
from .duplicates import duplicates
from .inpaint import inpaint
from .map import map as map_of
from .morph import half_way, morph_codes
from .restored import MODEL

__all__ = [
    "Exhibit", "bytes_of_each", "copies_found", "hole_mended", "mapped", "medoids", "morphed",
    "plane_of_codes",
]  # fmt: skip

Array = np.ndarray[Any, Any]

JUDGED = 64  # pictures with a hole
HOLE = 0.42  # of a side
HIDDEN = 40  # copies
MAPPED = 2_000
STEPS = 8  # from one picture of the plane to the next
FRAMES = 12  # from one picture of a morph to the next
TABLES = 125_000  # pixel values that the entropy tables are fitted to, and at least 24 pictures
QUALITY = 70
OURS = "this model"


@dataclass(frozen=True)
class Exhibit:
    """One thing that a model does.

    Attributes:
        name: in a few words.
        section: of the page.
        ours, other: what was measured, higher is better; None where there is nothing to compare.
        against: what the other number is of.
        unit: of both numbers.
        noise: two standard errors of their difference, where it was measured pair by pair.
    """

    name: str
    section: Section
    ours: float | None = None
    other: float | None = None
    against: str = ""
    unit: str = ""
    noise: float = 0.0

    @property
    def better(self) -> bool | None:
        """Whether ours is better in the digits that are told; None where nothing was compared."""
        if self.ours is None or self.other is None:
            return None
        return float(f"{self.ours:.3g}") > float(f"{self.other:.3g}")

    def verdict(self) -> str:
        """Both numbers in a sentence without an end."""
        if self.ours is None or self.other is None:
            return self.name
        gap = " " if self.unit else ""
        return (
            f"{self.name}: {self.ours:.3g}{gap}{self.unit}, {self.against} "
            f"{self.other:.3g}{gap}{self.unit}"
        )


def medoids(images: Any, n: int, seed: int = 0) -> list[int]:
    """Positions of ``n`` pictures that differ: the middles of as many clusters, the largest first.

    Clusters are k-means' of at most 2,000 pictures, of their 16 first principal components.
    """
    from sklearn.cluster import KMeans

    rows = permutation(seed, "medoids", len(images))[:2000]
    if len(rows) <= n:
        return sorted(rows.tolist())
    x = images.batch(rows).cpu()
    codes = Pca.fit(x, min(16, Pca.most(x)), seed=seed).encode(x).numpy()
    found = KMeans(n, n_init=3, random_state=seed).fit(codes)
    order = np.argsort(-np.bincount(found.labels_, minlength=n), kind="stable")
    chosen = []
    for label in order:
        own = np.flatnonzero(found.labels_ == label)
        if len(own):
            away = np.square(codes[own] - found.cluster_centers_[label]).sum(1)
            chosen.append(int(rows[own[away.argmin()]]))
    return chosen


def hole_mended(
    model: Any, judged: Any, fitted: Any, seed: int = 0, progress: Progress = None
) -> Exhibit:
    """A hole in the middle of held-out pictures, filled from their codes; OpenCV's filling beside."""
    chosen = medoids(judged, min(6, len(judged)), seed)
    others = [i for i in permutation(seed, "holes", len(judged)).tolist() if i not in chosen]
    rows = torch.tensor([*chosen, *others[: JUDGED - len(chosen)]])
    x = judged.batch(rows).cpu()
    height, width = x.shape[2:]
    h, w = max(1, round(HOLE * height)), max(1, round(HOLE * width))
    box = ((width - w) // 2, (height - h) // 2, w, h)
    found = inpaint(
        model, Images((x * 255).round().byte()), rectangle=box, score=True, fit_on=fitted,
        seed=seed, progress=progress,
    )  # fmt: skip
    group = found.groups[0]
    scores = {name: float(each["psnr"].mean()) for name, each in group.scores().items()}
    ours = scores.pop(MODEL)
    known = {name: value for name, value in scores.items() if name in group.others}
    best = max(known, key=lambda name: known[name], default="")
    few = slice(0, len(chosen))
    given, filled = (tiles(each[few], 3) for each in (group.given, group.output))
    shown = (
        [Picture(tiles(group.others[best][few], 6), f"The same, filled by {best}.")] if best else []
    )
    shown.append(Picture(tiles(x[few], 6), "What was there."))
    text = (
        f"The middle of each picture was cut out, and the model put in what it expects there. Drag "
        f"the line. In the hole its PSNR is {ours:.1f} dB"
        + (f", that of the best alternative, {best}, {known[best]:.1f} dB" if best else "")
        + f": means over {len(rows)} pictures."
    )
    live = slider(given, filled, ("with a hole", "mended"), "Pictures with a hole, and mended")
    section = Section("A hole, mended", text, pictures=shown, live=live)
    return Exhibit("mending a hole", section, ours, known.get(best), best, "dB")


def plane_of_codes(model: Any, images: Any, seed: int = 0) -> Exhibit:
    """Nine pictures as a plane of codes, decoded in between."""
    places = medoids(images, min(9, len(images)), seed)
    side = 3 if len(places) == 9 else 2
    x = images.batch(torch.tensor((places * 4)[: side * side])).cpu()
    x = x[_sorted_in_plane(x, side)]
    with model.evaluating():
        z = model.encode(x).z.cpu()
        grid = z.reshape(side, side, -1).permute(2, 0, 1)[None]
        across = (side - 1) * STEPS + 1
        between = torch.nn.functional.interpolate(
            grid, (across, across), mode="bilinear", align_corners=True
        )
        codes = between[0].permute(1, 2, 0).reshape(-1, *z.shape[1:])
        decoded = decoder(model)(codes)
    text = (
        f"{len(places)} of the pictures are codes of {model.code_shape[0]:,} numbers at the crossings "
        f"of this plane. Between them the codes are mixed and decoded, {across} × {across} times; "
        "from one of these to the next your browser blends. Drag over it."
    )
    live = plane(decoded.numpy(), "what the code under the pointer decodes to", "A plane of codes")
    return Exhibit("a plane of codes", Section("A plane to walk on", text, live=live))


def _sorted_in_plane(x: Tensor, side: int) -> Tensor:
    """An order of side² pictures in which neighbours are alike: by two principal components."""
    flat = x.flatten(1) - x.flatten(1).mean(0)
    axes = flat @ torch.linalg.svd(flat, full_matrices=False)[2][:2].T
    order = axes[:, 0].argsort()
    rows = [part[axes[part, -1].argsort()] for part in torch.split(order, side)]
    return torch.cat(rows)


def mapped(model: Any, images: Any, seed: int = 0, progress: Progress = None) -> Exhibit:
    """All pictures where their codes lie."""
    found = map_of(model, images, limit=MAPPED, seed=seed, progress=progress)
    kept = found.neighbourhoods["t-SNE"]
    text = (
        f"{len(found.ids):,} pictures, each where its code lies: what is alike is near. Of the "
        f"{kept.k} nearest codes of a picture, {kept.kept:.0%} are among its nearest on this map. "
        "Scroll to go nearer, drag to move."
    )
    section = Section("A map", text, live=framed(found.page(), "A map of the pictures"))
    return Exhibit("a map", section)


def copies_found(images: Any, seed: int = 0, progress: Progress = None) -> Exhibit:
    """Altered copies hidden among the pictures and found again; a perceptual hash beside.

    The hash gets the threshold that is best for it, which nobody knows who has not hidden the copies.
    """
    rows = permutation(seed, "copies", len(images))[:MAPPED]
    pixels = (images.batch(rows).cpu() * 255).round().byte()
    n = len(rows)
    hidden = min(HIDDEN, n)
    copies = torch.stack(
        [_copy(pixels[i].numpy(), AUGMENTATIONS[i % len(AUGMENTATIONS)]) for i in range(hidden)]
    )
    everything = torch.cat([pixels, copies])
    found = duplicates(Images(everything), progress=progress)
    members = [[group.keeper, *group.others] for group in found.groups]
    pairs = {(a, b) for own in members for a in own for b in own if a < b}
    ours = _f_measure(pairs, n, hidden)
    hashes = _hashes(everything)
    away = (hashes[n:, None] != hashes[None]).sum(2)
    others = [
        _f_measure({(int(a), int(n + i)) for i, a in np.argwhere(away <= most)}, n, hidden)
        for most in range(13)
    ]
    own = [each for each in members if max(each) < n]
    first = {_told(each, n): each for each in reversed(members) if max(each) >= n}
    shown = [*own[:2], *(first[how] for how in AUGMENTATIONS if how in first)]
    strip = [everything[[*each, *each, *each][:3]] for each in shown if len(each) > 1]
    right = sum((i, n + i) in pairs for i in range(hidden))
    text = (
        f"Copies of {hidden} pictures were hidden among {n:,}: recompressed, smaller, cropped by 5 % "
        f"or brighter. {right} of the {hidden} were found, by a threshold that needs nobody. The F "
        f"measure is {ours:.2f}; that of a perceptual hash, at the threshold that suits it best, "
        f"{max(others):.2f}."
        + (
            f" {len(own)} more group{'s were' if len(own) > 1 else ' was'} there before."
            if own
            else ""
        )
    )
    pictures = [
        Picture(tiles(pair[: len(each)], len(each)), _told(each, n))
        for pair, each in zip(strip, shown, strict=True)
    ]
    section = Section("Two of them are the same", text, pictures=pictures, gallery=True)
    return Exhibit("finding copies", section, ours, max(others), "a perceptual hash", "")


def _told(group: Sequence[int], n: int) -> str:
    how = [AUGMENTATIONS[(i - n) % len(AUGMENTATIONS)] for i in group if i >= n]
    return " and ".join(how) if how else "among the pictures themselves"


def _copy(picture: Array, how: str) -> Tensor:
    """An altered copy, brought back to the picture's size."""
    from PIL import Image

    made = augmented(picture, how)
    if made.shape == picture.shape:
        return torch.from_numpy(np.array(made))
    image = Image.fromarray(made[0] if len(made) == 1 else made.transpose(1, 2, 0))
    image = image.resize(picture.shape[:0:-1], Image.Resampling.BICUBIC)
    back = np.array(image)
    return torch.from_numpy(back[None] if back.ndim == 2 else back.transpose(2, 0, 1))


def _f_measure(pairs: set[tuple[int, int]], n: int, hidden: int) -> float:
    """Of the pairs that a copy is part of; what the pictures have in common is not known."""
    found = {(a, b) for a, b in pairs if b >= n and a != b}
    right = len(found & {(i, n + i) for i in range(hidden)})
    return 2 * right / max(1, len(found) + hidden)


def _hashes(pixels: Tensor) -> Array:
    """The perceptual hash of each picture (N, 64): signs of its lowest cosine coefficients."""
    from scipy.fft import dctn

    gray = pixels.float().mean(1, keepdim=True)
    small = torch.nn.functional.interpolate(gray, (32, 32), mode="bilinear", antialias=True)
    low = dctn(small[:, 0].numpy(), axes=(1, 2))[:, :8, :8].reshape(len(pixels), -1)
    return np.asarray(low > np.median(low, axis=1, keepdims=True))


def morphed(model: Any, images: Any, fitted: Any, seed: int = 0) -> Exhibit:
    """A walk from picture to picture through their codes, beside the fade of their pixels.

    What is half-way is measured by how far the nearest real picture is from it; the fade by the
    better of two, of the pixels and of the reconstructions, whose blur alone brings them nearer.
    """
    x = images.batch(torch.tensor(medoids(images, min(4, len(images)), seed))).cpu()
    x = x[_alike_in_turn(x)]
    real = fitted.batch(torch.arange(min(len(fitted), 4000)))
    many = images.batch(torch.tensor(medoids(images, min(24, len(images)), seed + 1))).cpu()
    with model.evaluating():
        decode = decoder(model)
        made = morph_codes(decode, model.encode(x).z.cpu(), x, frames=FRAMES * (len(x) - 1) + 1)
    each, *faded = (-away for away in half_way(model, many, real).values())
    fade = max(faded, key=lambda one: float(one.mean()))
    ours, other = float(each.mean()), float(fade.mean())
    noise = ERRORS * difference_error(each.tolist(), fade.tolist())
    films = [enlarged(one.cpu().clamp(0, 1), 256) for one in (made.frames, made.fade)]
    gap = np.full((*films[0].shape[:2], 16, 3), 255, np.uint8)
    text = (
        "Left the codes are mixed and decoded, right the pixels are faded. Half-way between two "
        f"pictures the nearest real one is {-ours:.3f} away; from a fade, of the pixels or of the "
        f"reconstructions, {-other:.3f} (root mean square of a pixel in [0, 1], {len(many)} pairs)."
    )
    live = film(np.concatenate([films[0], gap, films[1]], 2), "A morph beside a fade")
    section = Section("From one to another", text, live=live)
    return Exhibit("a morph", section, ours, other, "a fade", "", noise)


def _alike_in_turn(x: Tensor) -> list[int]:
    """An order in which each picture is followed by the one most like it."""
    away = torch.cdist(x.flatten(1), x.flatten(1))
    order, left = [0], set(range(1, len(x)))
    while left:
        order.append(min(left, key=lambda i: float(away[order[-1], i])))
        left.remove(order[-1])
    return order


def bytes_of_each(
    model: Any, judged: Any, fitted: Any, seed: int = 0, progress: Progress = None
) -> Exhibit:
    """All judged pictures in one file: of codes, of principal components, and as one JPEG, WebP, AVIF.

    One file, as a header for each picture would cost JPEG more than the picture.
    """
    size = model.code_shape[0]
    most = max(24, TABLES // math.prod(model.shape))
    few = fitted.batch(permutation(seed, "tables", len(fitted))[:most]).cpu()
    few = Images((few * 255).round().byte())
    pca = Pca.fit(fitted, min(size, Pca.most(fitted)), seed=seed)
    reached = {}
    with stage(progress, "compressing") as step:
        for at, (name, functions) in enumerate(
            ((OURS, codec_model(model)), ("PCA", pca_codec_model(pca)))
        ):
            made = Codec.fit(functions, few, seed=seed).compress(judged, QUALITY, together=True)
            reached[name] = len(made.files[0]) / len(judged), float(made.psnr.mean())
            step(at + 1, 2)
    pixels = (judged.batch(torch.arange(len(judged))).cpu() * 255).round().byte()
    budget = reached[OURS][0]
    for kind in ("JPEG", "WebP", "AVIF"):
        best = _sheet_at(pixels, kind, budget)
        if best is not None:
            reached[kind] = best
    comparable = {
        name: each
        for name, each in reached.items()
        if name in ("PCA", "JPEG") or (name != OURS and each[0] <= 1.1 * budget)
    }
    best_name = max(comparable, key=lambda name: comparable[name][1])
    highest = max(value for _, value in reached.values())
    rows = [
        (name, value / highest, f"{value:.1f} dB, {each:,.0f} bytes")
        for name, (each, value) in reached.items()
    ]
    larger = [name for name, (each, _) in reached.items() if each > 1.1 * budget]
    text = f"PSNR of {len(judged)} pictures in one file of about {budget:.0f} bytes for each." + (
        f" {' and '.join(larger)} cannot be so small: their smallest file stands here."
        if larger
        else ""
    )
    section = Section("At the same bytes", text, live=bars(rows))
    ours, other = reached[OURS][1], comparable[best_name][1]
    return Exhibit("a few bytes", section, ours, other, best_name, "dB")


def _sheet_at(pixels: Tensor, kind: str, budget: float) -> tuple[float, float] | None:
    """(bytes, PSNR) a picture of all pictures as one sheet: the best within the budget, or the smallest."""
    from PIL import Image

    n, channels, height, width = pixels.shape
    across = max(1, round(n**0.5))
    down = -(-n // across)
    padded = torch.zeros(down * across, channels, height, width, dtype=torch.uint8)
    padded[:n] = pixels
    sheet = padded.reshape(down, across, channels, height, width).permute(0, 3, 1, 4, 2)
    array = sheet.reshape(down * height, across * width, channels).numpy()
    image = Image.fromarray(array[:, :, 0] if channels == 1 else array)
    tried = []
    for quality in (0, 2, 5, 10, 20, 30, 45, 60):
        out = io.BytesIO()
        try:
            image.save(out, kind, quality=quality)
        except (KeyError, OSError):  # Pillow was built without it
            return None
        back = torch.from_numpy(np.asarray(Image.open(out).convert(image.mode)).copy())
        back = back.reshape(down, height, across, width, channels).permute(0, 2, 4, 1, 3)
        again = back.reshape(-1, channels, height, width)[:n]
        tried.append((out.tell() / n, float(psnr(pixels, again).mean())))
    within = [each for each in tried if each[0] <= 1.05 * budget]
    return max(within, key=lambda each: each[1]) if within else min(tried)
