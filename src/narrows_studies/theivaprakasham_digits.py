"""The digits and the one model that all experiments of Theivaprakasham 2021 share."""

from __future__ import annotations

from typing import Any

from narrows.recipes import theivaprakasham_2021_vae

from .lab import Lab, Trained

__all__ = ["ANOMALY", "PLANE", "SET", "WIDE", "deviations", "known_digits", "test", "train", "vae"]  # fmt: skip

SET = "mnist"
ANOMALY = 9  # the digit of figures 4.4 to 4.8 that the model was not trained on
PLANE, WIDE = 2, 20  # units of the code: those of figure 4.1, and ours beside them

_NETWORK = (
    "The networks are figures 3.2 and 3.3, without numbers: widths, batch and the learning rate are "
    f"ours; of the code's size only the plane of figure 4.1 is known, so {WIDE} units stand beside "
    f"{PLANE}."
)
_SMALL = (
    "At the small scale 12,000 of the 60,000 training pictures and 20 epochs of 100; 3,000 of the "
    "10,000 test pictures."
)


def deviations(lab: Lab, *more: str) -> tuple[str, ...]:
    """Those of every experiment, then ``more``."""
    common = lab.of(small=(_SMALL, _NETWORK), paper=(_NETWORK,))
    return (*common, *more)


def train(lab: Lab) -> Any:
    """Digits to train on."""
    return lab.images(SET, "train", limit=lab.of(small=12_000, paper=None))


def test(lab: Lab) -> Any:
    """Digits to judge by."""
    return lab.images(SET, "test", limit=lab.of(small=3000, paper=None))


def known_digits(images: Any) -> Any:
    """Those that are no anomaly."""
    return images.select(images.label != ANOMALY)


def vae(lab: Lab, images: Any, units: int, seed: int) -> Trained:
    """The document's model with a code of so many units."""
    recipe = theivaprakasham_2021_vae(images.shape, units)
    return lab.model(recipe.with_(epochs=lab.of(small=20.0, paper=100.0)), images, seed=seed)
