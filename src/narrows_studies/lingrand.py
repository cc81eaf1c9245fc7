"""Lingrand 2021: a course in which every slide that shows or claims something is an experiment."""

from __future__ import annotations

from .experiment import Document
from .lingrand_dense import apart, convolutional, historic, multilayer, pca_claim, vanilla
from .lingrand_softmax import softmax_first
from .lingrand_uses import classification, compression, denoising, fine_tuning, segnet
from .lingrand_variational import (
    beta,
    disentangled,
    interpolations,
    random_codes,
    reconstructed,
    several,
)

__all__ = ["DOCUMENT"]

DOCUMENT = Document(
    "lingrand-2021",
    "Autoencoder",
    "Diane Lingrand, 2021–2022",
    "Course, Master Data Science DSAI M1, Université Côte d'Azur",
    (
        historic,
        vanilla,
        pca_claim,
        multilayer,
        apart,
        convolutional,
        segnet,
        denoising,
        classification,
        fine_tuning,
        softmax_first,
        reconstructed,
        several,
        interpolations,
        random_codes,
        beta,
        disentangled,
        compression,
    ),
    {
        "application to images": "a diagram of encoder and decoder",
        "reparameterization trick": "a formula; the law is in the tests of the Gaussian bottleneck",
        "SegNet example": "photographs of a demonstration that is no longer online",
    },
)
