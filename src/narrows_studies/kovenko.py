"""Kovenko & Bogach 2020: figures 4 to 16, and what the text claims without a figure.

Anime faces: reconstructions, morphs, feature maps, neighbours, denoising; variational autoencoders
of three variances, with and without warm-up; outliers by the KL.
"""

from __future__ import annotations

from . import (
    kovenko_autoencoder,
    kovenko_choices,
    kovenko_denoising,
    kovenko_errors,
    kovenko_features,
    kovenko_units,
    kovenko_vae,
)
from .experiment import Document

__all__ = ["DOCUMENT"]

DOCUMENT = Document(
    "kovenko-2020",
    "A Comprehensive Study of Autoencoders' Applications Related to Images",
    "Volodymyr Kovenko and Ilona Bogach, 2020",
    "IT&I-2020, Information Technology and Interactions, Kyiv (CEUR-WS)",
    (
        *kovenko_choices.EXPERIMENTS,
        *kovenko_autoencoder.EXPERIMENTS,
        *kovenko_features.EXPERIMENTS,
        *kovenko_denoising.EXPERIMENTS,
        *kovenko_vae.EXPERIMENTS,
        *kovenko_units.EXPERIMENTS,
        *kovenko_errors.EXPERIMENTS,
    ),
    {
        "figure 1": "a sheet of pictures of the data set",
        "figure 2": "a diagram of an autoencoder",
        "figure 3": "a diagram of the convolutional autoencoder",
        "figure 11": "a diagram of the variational autoencoder",
    },
)
