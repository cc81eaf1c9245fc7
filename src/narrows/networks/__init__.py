"""Networks: a ``Ladder`` of dense, convolutional, SegNet, style-based or linear rungs, from pictures inwards and back."""

from .conv import ConvRung, conv_ladder
from .estimate import EstimateRung, estimate_ladder
from .guesses import Guess
from .ladder import Descent, Ladder, Rung
from .linear_residual import LinearResidualRung, WhitenedLinear, linear_residual_ladder
from .mlp import DenseRung, dense_ladder
from .projection import ProjectionRung, projection_ladder
from .segnet import SegNetRung, segnet_ladder
from .style import Adaptive, StyleRung, style_ladder
from .translation import TranslationRung, translation_ladder

__all__ = [
    "Adaptive",
    "ConvRung",
    "DenseRung",
    "Descent",
    "EstimateRung",
    "Guess",
    "Ladder",
    "LinearResidualRung",
    "ProjectionRung",
    "Rung",
    "SegNetRung",
    "StyleRung",
    "TranslationRung",
    "WhitenedLinear",
    "conv_ladder",
    "dense_ladder",
    "estimate_ladder",
    "linear_residual_ladder",
    "projection_ladder",
    "segnet_ladder",
    "style_ladder",
    "translation_ladder",
]
