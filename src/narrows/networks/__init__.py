"""Networks: a ``Ladder`` of rungs, dense or convolutional, from pictures to the bottleneck and back."""

from .conv import ConvRung, conv_ladder
from .ladder import Descent, Ladder, Rung
from .mlp import DenseRung, dense_ladder

__all__ = ["ConvRung", "DenseRung", "Descent", "Ladder", "Rung", "conv_ladder", "dense_ladder"]
