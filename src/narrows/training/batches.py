"""Batches that are too small for a model, found before there is anything on disk."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from ..autoencoder import Autoencoder
from .length import Length
from .phases import Phase

__all__ = ["check_batches"]


def check_batches(model: Autoencoder, phases: Sequence[Phase], pictures: int) -> None:
    """Check that batch normalisation gets more than one value per channel.

    Raises:
        ValueError: it would not, with batches of one picture.
    """
    smallest = min(Length(phase, pictures, 0, 0.0).batch_size for phase in phases)
    if smallest > 1 or not any(isinstance(layer, _BatchNorm) for layer in model.modules()):
        return
    trial = copy.deepcopy(model).train()
    try:
        with torch.no_grad():
            trial(torch.zeros(1, *model.shape, device=model.device))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        alone = pictures == 1
        why = "there is one picture to train on" if alone else "batch_size is 1"
        raise ValueError(
            f"{why}, and batch normalisation has no mean and deviation of one value: take "
            f"{'more pictures' if alone else 'a batch_size of 2 or more'}, or a recipe without it "
            "(--set ladder.norm=group)"
        ) from error
