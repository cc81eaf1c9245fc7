"""The README's picture, made again by `make pictures`: MNIST digits through a small model.

MNIST (LeCun, Cortes, Burges) is under CC BY-SA 3.0. Needs the set (NARROWS_DATA, or a network).
"""

from __future__ import annotations

from pathlib import Path

import torch

import narrows as nw


def main() -> None:
    images = nw.images.named("mnist")
    parts = nw.images.split(images, validation=0.1)
    recipe = nw.recipes.conv_vae(images.shape, 32)
    model = nw.fit(recipe, parts.train, validation=parts.validation, epochs=2)
    few = parts.test.batch(torch.arange(12))
    figure = nw.figures.comparison(few.numpy(), model.reconstruct(few).numpy())
    print(nw.figures.save(figure, Path(__file__).with_name("digits.png"), dpi=80))


if __name__ == "__main__":
    main()
