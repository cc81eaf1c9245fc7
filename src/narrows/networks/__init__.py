"""Networks: a ``Ladder`` of dense, convolutional or SegNet rungs, from pictures inwards and back."""

from .conv import ConvRung, conv_ladder
from .ladder import Descent, Ladder, Rung
from .mlp import DenseRung, dense_ladder
from .segnet import SegNetRung, segnet_ladder

__all__ = [
    "ConvRung",
    "DenseRung",
    "Descent",
    "Ladder",
    "Rung",
    "SegNetRung",
    "conv_ladder",
    "dense_ladder",
    "segnet_ladder",
]
