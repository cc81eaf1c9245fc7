"""Lingrand 2021: every item of her slides, and what its measures rest on."""

import numpy as np
import pytest
import torch

from narrows.recipes import lingrand_2021_stacked
from narrows_studies import DOCUMENTS
from narrows_studies.lingrand_pictures import shorter
from narrows_studies.lingrand_uses import _bytes_at
from narrows_studies.lingrand_variational import _correlation

DOCUMENT = DOCUMENTS["lingrand-2021"]
EXPERIMENTS = {
    "vanilla autoencoder", "multilayer 128-64-32-10", "layer-wise against end-to-end",
    "tied against free", "encoder and decoder apart", "convolutional", "SegNet", "pooling indices",
    "denoising", "Hinton & Salakhutdinov", "PCA claim", "classification", "fine-tuning",
    "VAE with 28 dimensions", "several decodings", "interpolations", "random codes", "β-VAE",
    "disentanglement", "compression against JPEG", "softmax first",
}  # fmt: skip


def test_every_item_is_an_experiment():
    assert {label for one in DOCUMENT.experiments for label in one.labels} == EXPERIMENTS
    assert set(DOCUMENT.explained) == {
        "application to images", "reparameterization trick", "SegNet example",
    }  # fmt: skip


def test_a_shorter_training_keeps_every_phase(lab):
    whole = lingrand_2021_stacked()
    short = shorter(lab, whole, 0.25)
    assert [phase.epochs for phase in short.phases] == [5, 5, 5, 5, 25]
    assert short.with_(phases=whole.phases) == whole
    lab.scale = "paper"
    assert shorter(lab, whole) == whole


def test_bytes_are_read_off_a_curve_and_end_with_it():
    curve = [(10.0, 20.0), (30.0, 30.0)]
    assert _bytes_at(curve, 25.0) == 20.0
    assert _bytes_at(curve, 99.0) == 30.0


def test_independent_units_do_not_correlate_and_one_unit_cannot():
    z = torch.from_numpy(np.random.default_rng(0).normal(size=(4000, 3)))
    assert _correlation(z) < 0.05
    assert _correlation(z[:, :1]) == 0.0
    assert _correlation(torch.stack([z[:, 0], -2 * z[:, 0]], 1)) == pytest.approx(1.0)
