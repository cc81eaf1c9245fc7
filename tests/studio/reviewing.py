"""A folder of digits with copies in it, and a studio of its own that tests may write to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from asking import Studio, of
from PIL import Image

import narrows as nw
from narrows.studio import studio

COPIES = 6  # pictures that lie there twice, the second time larger and under another name


def folder_of(digits: nw.images.Images, to: Path, count: int = 90) -> Path:
    """Digits as files of 32 × 32 pixels, the first of them twice."""
    to.mkdir(parents=True)
    pixels = (digits.batch(torch.arange(count))[:, 0] * 255).round().byte().numpy()
    for number, each in enumerate(pixels):
        large = Image.fromarray(each).resize((32, 32), Image.Resampling.BICUBIC)
        large.save(to / f"größe {number:03}.png")
        if number < COPIES:
            large.resize((64, 64), Image.Resampling.BICUBIC).save(to / f"zwei {number:03}.png")
    return to


@contextmanager
def reviewing(
    digits: nw.images.Images, model: Path, folder: Path, count: int = 90
) -> Iterator[Studio]:
    """A studio of such a folder, indexed by a model."""
    pictures = folder_of(digits, folder / "pictures", count)
    nw.index(model, pictures, folder / "codes", progress=False)
    made = of(studio(folder / "codes", cache=folder / "cache"))
    yield made
    made.session.close()
