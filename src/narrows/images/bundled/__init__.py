"""Sets that every installation has, so that a first try needs no network.

``clothes.webp`` holds the first 100 test pictures of each class of Fashion-MNIST, class after class,
40 to a row; the WebP is within 44 dB of them.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from ..read import read
from ..source import Images

__all__ = ["clothes", "digits"]

CLOTHES = (
    "t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
)  # fmt: skip
EACH, ACROSS, SIDE = 100, 40, 28


def digits() -> Images:
    """The 1,797 digits of scikit-learn: values 0 to 16 become 0 to 255."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = np.rint(data.images * (255 / 16)).astype(np.uint8)[:, None]
    return Images(pixels, labels={"label": data.target.astype(np.int64)}, name="digits")


def clothes() -> Images:
    """1,000 pictures (1, 28, 28) of clothes with their kind: Fashion-MNIST, Zalando Research, MIT."""
    sheet = read(files(__name__).joinpath("clothes.webp").read_bytes(), mode="gray").numpy()[0]
    rows = sheet.reshape(-1, SIDE, ACROSS, SIDE).transpose(0, 2, 1, 3)
    pixels = np.ascontiguousarray(rows.reshape(-1, 1, SIDE, SIDE))
    kinds = np.repeat(CLOTHES, EACH)
    ids = [f"{kind} {i % EACH}" for i, kind in enumerate(kinds)]
    return Images(pixels, ids, labels={"kind": kinds}, name="clothes")
