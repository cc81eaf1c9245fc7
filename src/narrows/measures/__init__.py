"""Measures: how good a model or a code is. Those of pictures are taken per picture, then averaged."""

from .baselines import Pca, Ridge, conditional_mean, mean_picture, wiener
from .detection import Confusion, Localisation, confusion, localisation
from .directions import Directions, directions, participation_ratio
from .disentanglement import (
    Dci,
    Disentanglement,
    beta_vae_score,
    dci,
    disentanglement,
    factor_vae_score,
    information,
    mig,
    sap,
)
from .evaluation import Evaluation, evaluate
from .generation import density_coverage, frechet_distance, nearest_rows, precision_recall
from .intrinsic_dimension import maximum_likelihood_dimension, nearest_distances, two_nn
from .invariance import active_units, level_invariance
from .likelihoods import bits_per_dimension, elbo, importance_log_likelihood
from .neighbourhoods import Neighbourhoods, neighbourhoods
from .pathway import Nap
from .pictures import edge_energy, high_frequency_residual, psnr, sharpness, squared_error, ssim
from .sample_distance import SampleDistance
from .scoring import Scorer, scorer
from .segmentation import (
    class_weights,
    intersection_over_union,
    pixel_confusion,
    position_prior,
)
from .subspaces import principal_angles, sensitivity
from .two_sample import TwoSampleTest, two_sample_test

__all__ = [
    "Confusion",
    "Dci",
    "Directions",
    "Disentanglement",
    "Evaluation",
    "Localisation",
    "Nap",
    "Neighbourhoods",
    "Pca",
    "Ridge",
    "SampleDistance",
    "Scorer",
    "TwoSampleTest",
    "active_units",
    "beta_vae_score",
    "bits_per_dimension",
    "class_weights",
    "conditional_mean",
    "confusion",
    "dci",
    "density_coverage",
    "directions",
    "disentanglement",
    "edge_energy",
    "elbo",
    "evaluate",
    "factor_vae_score",
    "frechet_distance",
    "high_frequency_residual",
    "importance_log_likelihood",
    "information",
    "intersection_over_union",
    "level_invariance",
    "localisation",
    "maximum_likelihood_dimension",
    "mean_picture",
    "mig",
    "nearest_distances",
    "nearest_rows",
    "neighbourhoods",
    "participation_ratio",
    "pixel_confusion",
    "position_prior",
    "precision_recall",
    "principal_angles",
    "psnr",
    "sap",
    "scorer",
    "sensitivity",
    "sharpness",
    "squared_error",
    "ssim",
    "wiener",
    "two_nn",
    "two_sample_test",
]
