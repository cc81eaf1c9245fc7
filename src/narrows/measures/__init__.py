"""Measures: how good a model or a code is. Each is taken per picture, then averaged."""

from .baselines import Pca, conditional_mean, mean_picture, wiener
from .evaluation import Evaluation, evaluate
from .likelihoods import elbo, importance_log_likelihood
from .pictures import psnr, sharpness, squared_error, ssim

__all__ = [
    "Evaluation",
    "Pca",
    "conditional_mean",
    "elbo",
    "evaluate",
    "importance_log_likelihood",
    "mean_picture",
    "psnr",
    "sharpness",
    "squared_error",
    "ssim",
    "wiener",
]
