"""Measures: how good a model or a code is. Each is taken per picture, then averaged."""

from .baselines import Pca, mean_picture
from .evaluation import Evaluation, evaluate
from .likelihoods import elbo, importance_log_likelihood
from .pictures import psnr, sharpness, squared_error, ssim

__all__ = [
    "Evaluation",
    "Pca",
    "elbo",
    "evaluate",
    "importance_log_likelihood",
    "mean_picture",
    "psnr",
    "sharpness",
    "squared_error",
    "ssim",
]
