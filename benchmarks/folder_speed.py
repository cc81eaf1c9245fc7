"""A folder of photographs to 128×128: Narrows beside Pillow on one core; and the second start.

    python benchmarks/folder_speed.py

200 JPEG files of 1500×1000 (crops of scikit-learn's two photographs, with noise, quality 90).
Narrows: ``narrows.images.folder`` into an empty cache, hashing and the packed file included.
Pillow: draft mode at 256, then the central square by LANCZOS, kept in memory, on one core.
Narrows runs as it is called (a thread per core), and once more on one core.
How faithful each is, is told against decoding the whole file, once with each side's own filter.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images
from torch.nn.functional import interpolate

import narrows as nw
from measuring import arguments, median, report, rounds

SIZE = 128
DRAFT = 256
TARGET, TARGET_SECONDS = 3.0, 1.0
Array = np.ndarray[Any, Any]


def make_photographs(folder: Path, number: int) -> list[Path]:
    """JPEG files of 1500×1000: each another crop, enlarged, with noise like a camera's."""
    photographs = [Image.fromarray(picture) for picture in load_sample_images().images]
    draw = np.random.default_rng(0)
    paths = []
    for i in range(number):
        photograph = photographs[i % 2]
        width = int(draw.integers(300, photograph.width))
        height = width * 2 // 3
        left = int(draw.integers(0, photograph.width - width + 1))
        top = int(draw.integers(0, max(1, photograph.height - height + 1)))
        crop = photograph.crop((left, top, left + width, top + height))
        large = np.asarray(crop.resize((1500, 1000), Image.Resampling.BICUBIC), np.float32)
        noisy = (large + 6 * draw.standard_normal(large.shape, np.float32)).clip(0, 255)
        paths.append(folder / f"{i:04d}.jpg")
        Image.fromarray(noisy.astype(np.uint8)).save(paths[-1], quality=90)
    return paths


def make_small(folder: Path, number: int) -> None:
    """Small files, each with a content of its own."""
    draw = np.random.default_rng(1)
    for i in range(number):
        pixels = draw.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:05d}.png", compress_level=1)


def narrows_side(folder: Path, workers: int | None = None) -> Callable[[], float]:
    """Seconds of the first start: no cache."""

    def run() -> float:
        with tempfile.TemporaryDirectory() as cache:
            began = time.perf_counter()
            nw.images.folder(folder, size=SIZE, cache=cache, workers=workers)
            return time.perf_counter() - began

    return run


def by_pillow(path: Path, draft: int | None = DRAFT) -> Array:
    """uint8 (H, W, C) by Pillow's quickest careful way, or from the whole file without a draft."""
    with Image.open(path) as opened:
        if draft:
            opened.draft("RGB", (draft, draft))
        picture = opened.convert("RGB")
    return np.asarray(ImageOps.fit(picture, (SIZE, SIZE), Image.Resampling.LANCZOS))


def pillow_side(paths: list[Path]) -> Callable[[], float]:
    """Seconds for all files."""

    def run() -> float:
        began = time.perf_counter()
        np.stack([by_pillow(path) for path in paths])
        return time.perf_counter() - began

    return run


def whole(path: Path) -> Array:
    """The whole file decoded, its central square, torch's antialiased bilinear resize."""
    with Image.open(path) as opened:
        pixels = torch.from_numpy(np.array(opened.convert("RGB"))).permute(2, 0, 1)[None]
    side = min(pixels.shape[2:])
    top, left = ((n - side) // 2 for n in pixels.shape[2:])
    square = pixels[..., top : top + side, left : left + side].float()
    small = interpolate(square, (SIZE, SIZE), mode="bilinear", antialias=True)
    return np.asarray(small[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8))


def psnr(a: Array, b: Array) -> float:
    """Decibels between two uint8 pictures."""
    error = float(np.square(a.astype(np.float64) - b.astype(np.float64)).mean())
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


def faithful(folder: Path, paths: list[Path]) -> dict[str, dict[str, float]]:
    """Each side against the whole file with its own filter: median and least PSNR."""
    with tempfile.TemporaryDirectory() as cache:
        images = nw.images.folder(folder, size=SIZE, cache=cache, workers=1)
        pixels = images.take(torch.arange(len(images))).permute(0, 2, 3, 1).numpy()
    mine = [psnr(picture, whole(path)) for picture, path in zip(pixels, paths, strict=True)]
    pillows = [psnr(by_pillow(path), by_pillow(path, draft=None)) for path in paths]
    return {
        side: {"median": round(median(values), 2), "least": round(float(min(values)), 2)}
        for side, values in (("narrows", mine), ("pillow", pillows))
    }


def second_start(folder: Path, times: int) -> dict[str, float]:
    """Seconds of the first start on ``folder`` and, in the middle, of those after it."""
    with tempfile.TemporaryDirectory() as cache:
        found = []
        for _ in range(times + 1):
            began = time.perf_counter()
            nw.images.folder(folder, size=32, cache=cache)
            found.append(time.perf_counter() - began)
    return {"first": found[0], "second": median(found[1:])}


@contextlib.contextmanager
def one_core() -> Any:
    """One core and one thread for as long as it is open, where the system can do that."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else None
    if allowed:
        os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if allowed:
            os.sched_setaffinity(0, allowed)


def pinned(run: Callable[[], float]) -> Callable[[], float]:
    """The same on one core."""

    def alone() -> float:
        with one_core():
            return run()

    return alone


def main() -> None:
    """Make the files, measure, print and write."""
    given = arguments(__doc__).parse_args()
    number, small = (12, 500) if given.quick else (200, 10_000)
    with tempfile.TemporaryDirectory() as made:
        photographs, many = Path(made) / "photographs", Path(made) / "small"
        photographs.mkdir()
        many.mkdir()
        paths = make_photographs(photographs, number)
        make_small(many, small)
        sides = {
            "narrows": narrows_side(photographs),
            "narrows_one_core": pinned(narrows_side(photographs, workers=1)),
            "pillow": pinned(pillow_side(paths)),
        }
        found = rounds(sides, 2 if given.quick else given.rounds)
        with one_core():
            decibels = faithful(photographs, paths)
        starts = second_start(many, 3)
    rate = {side: number / median(seconds) for side, seconds in found.items()}
    ratio, alone = (rate[side] / rate["pillow"] for side in ("narrows", "narrows_one_core"))
    rows = [
        [
            f"1500×1000 to 128×128, files per second, Narrows on {os.cpu_count()} cores",
            f"{rate['narrows']:,.0f}",
            f"{rate['pillow']:,.0f}",
            f"{ratio:.2f}×",
            f"≥ {TARGET}×",
        ],
        [
            "the same, Narrows on one core",
            f"{rate['narrows_one_core']:,.0f}",
            f"{rate['pillow']:,.0f}",
            f"{alone:.2f}×",
            "",
        ],
        *(
            [
                f"PSNR to the whole file decoded, {which}",
                f"{decibels['narrows'][which]:.1f} dB",
                f"{decibels['pillow'][which]:.1f} dB",
                "",
                "",
            ]
            for which in ("median", "least")
        ),
        [f"first start, {small:,} small files", f"{starts['first']:.2f} s", "", "", ""],
        [
            f"second start, {small:,} small files",
            f"{starts['second']:.2f} s",
            "",
            "",
            f"≤ {TARGET_SECONDS} s",
        ],
    ]
    measured = {
        "seconds": found,
        "files": number,
        "ratio": ratio,
        "ratio_one_core": alone,
        "psnr": decibels,
        **starts,
    }
    report(given, "folder_speed", ["what", "narrows", "Pillow", "ratio", "wanted"], rows, measured)


if __name__ == "__main__":
    main()
