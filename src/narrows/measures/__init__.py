"""Measures: how good a model or a code is. Those of pictures are taken per picture, then averaged."""

from .baselines import Pca, Ridge, conditional_mean, mean_picture, wiener
from .evaluation import Evaluation, evaluate
from .generation import density_coverage, frechet_distance, precision_recall
from .likelihoods import elbo, importance_log_likelihood
from .neighbourhoods import Neighbourhoods, neighbourhoods
from .pictures import graininess, psnr, sharpness, squared_error, ssim
from .scoring import Scorer, scorer
from .segmentation import (
    class_weights,
    intersection_over_union,
    pixel_confusion,
    position_prior,
)

__all__ = [
    "Evaluation",
    "Neighbourhoods",
    "Pca",
    "Ridge",
    "class_weights",
    "Scorer",
    "conditional_mean",
    "density_coverage",
    "elbo",
    "evaluate",
    "frechet_distance",
    "graininess",
    "importance_log_likelihood",
    "intersection_over_union",
    "mean_picture",
    "pixel_confusion",
    "position_prior",
    "neighbourhoods",
    "precision_recall",
    "psnr",
    "scorer",
    "sharpness",
    "squared_error",
    "ssim",
    "wiener",
]
