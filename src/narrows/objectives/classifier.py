"""A softmax on the code: the bound of classifier fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from ..parts import Part, part
from .step import Step
from .terms import Bound, Loss, Share

if TYPE_CHECKING:
    from ..autoencoder import Autoencoder

__all__ = ["Softmax"]


@part("bound", "softmax")
class Softmax(Bound, nn.Module):
    """−log softmax(W z + b)_y: the cross-entropy of the labels, on the code (Lingrand; Vincent et al. 2010).

    Its weights belong to the player that moves the encoder, and are saved in a file of their own. With the scheme ``encoder`` nothing is decoded.

    Args:
        code_shape: of the model's codes.
        classes: K, how many labels there are.

    Attributes:
        labels: the names of the classes, in the order of the logits; known once it is trained.
    """

    part: Part
    labelled = True

    def __init__(self, code_shape: Sequence[int] = (32,), classes: int = 10) -> None:
        super().__init__()
        if classes < 2:
            raise ValueError(f"a classifier needs at least 2 classes; we got {classes}")
        self.axes = len(code_shape)
        self.head = nn.Linear(math.prod(code_shape), classes)

    def forward(self, z: Tensor) -> Tensor:
        """Codes z (…, *code) → logits (…, K)."""
        out: Tensor = self.head(z.float().flatten(z.ndim - self.axes))
        return out

    def loss(self, step: Step) -> Loss:
        """The cross-entropy in nats, and the share of pictures in the wrong class as a term.

        Raises:
            ValueError: the pictures have no labels, or more classes than K.
        """
        if step.labels is None:
            raise ValueError(
                "the bound 'softmax' needs labels, and these pictures have none: name a folder "
                "per class, or a set with labels such as mnist"
            )
        classes = self.head.out_features
        if len(self.labels) > classes:
            raise ValueError(
                f"the bound 'softmax' was built for {classes} classes, but the pictures have "
                f"{len(self.labels)}: set classes={len(self.labels)}"
            )
        logits = self(step.code.z).flatten(0, 1)
        labels = step.labels.repeat(len(step.code.z))
        total = F.cross_entropy(logits, labels)
        wrong = (logits.detach().argmax(1) != labels).float().mean()
        return Loss(total, {"cross_entropy": total, "error": wrong})

    def shares(self, model: Autoencoder) -> list[Share]:
        """One player: the model and the softmax."""
        return [("model", [*model.parameters(), *self.parameters()], self.loss)]
